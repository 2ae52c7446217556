//! Machine-readable zones of travel documents.

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "MRZ",
    group: Group::Identity,
    title: "machine-readable zone of a travel document",
    validator: "line lengths, weights 7 3 1 (ICAO 9303)",
    example: "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
    hold: 384,
    sites: &[Site::Literal(&["<<"], filler)],
    labels: "mrz, machine readable zone",
    ..Recognizer::BLANK
};

fn is_zone(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'<'
}

fn filler(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    // Only the first filler of a line is asked.
    let start = cx.run_back(at, 48, is_zone);
    if cx.slice(start, at).windows(2).any(|it| it == b"<<") {
        return;
    }
    let end = cx.run(at, 48, is_zone);
    let length = end - start;
    if !matches!(length, 30 | 36 | 44) {
        return;
    }
    let mut lines = [(start, end); 3];
    let mut count = 1;
    while count < 3 {
        let (_, before) = lines[count - 1];
        let next = cx.run(before, 4, |byte| matches!(byte, b'\r' | b'\n' | b' ' | b'\\' | b'n'));
        let stop = cx.run(next, 48, is_zone);
        if next == before || stop - next != length {
            break;
        }
        lines[count] = (next, stop);
        count += 1;
    }
    let line = |index: usize| cx.slice(lines[index].0, lines[index].1);
    // The number, the date of birth and the expiry have a check digit each.
    let valid = match (length, count) {
        (30, 2 | 3) => field(line(0), 5, 9) && field(line(1), 0, 6) && field(line(1), 8, 6),
        (36 | 44, 2 | 3) => {
            count = 2;
            field(line(1), 0, 9) && field(line(1), 13, 6) && field(line(1), 21, 6)
        }
        _ => false,
    };
    if valid {
        cx.offer(sink, (start, lines[count - 1].1), Entity::MRZ, 5.0, true);
    } else if count == 1 && matches!(cx.at(start), b'P' | b'I' | b'A' | b'C' | b'V') && length > 30
    {
        cx.offer(sink, (start, end), Entity::MRZ, 0.5, false);
    }
}

/// Whether the digit behind a field checks it.
fn field(line: &[u8], start: usize, length: usize) -> bool {
    let sum: u32 = line[start..start + length]
        .iter()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(byte, weight)| weight * value(*byte))
        .sum();
    sum % 10 == value(line[start + length])
}

fn value(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => 0,
    }
}
