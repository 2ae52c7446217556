//! Irish personal public service number.

use super::{ONE_IN_23, Recognizer, pass, state};
use crate::{check::weighted, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "IE_PPS",
    group: state("IE"),
    title: "Irish personal public service number",
    validator: "letter by mod 23",
    example: "1234567TW",
    forms: &[
        Form::new("9999999A", -3.0),
        Form::new("9999999AA", -2.6),
        Form::new("9999999~A", -3.0),
    ],
    check,
    proof: ONE_IN_23,
    labels: "pps, ppsn, pps number, pps no, personal public service number, personal public \
        service, rsi number, irish pps",
    cues: "ireland, irish, revenue, welfare, payroll",
    ..Recognizer::BLANK
};

/// Weights 8 to 2; a second letter counts nine times, W not at all.
fn check(text: &[u8]) -> Option<f32> {
    let second = match text.get(8) {
        None | Some(b'W') => 0,
        Some(letter) if letter.is_ascii_uppercase() => u32::from(letter - b'A') + 1,
        Some(_) => return None,
    };
    let sum = weighted(&text[..7], &[8, 7, 6, 5, 4, 3, 2]) + 9 * second;
    pass(b"WABCDEFGHIJKLMNOPQRSTUV"[(sum % 23) as usize] == text[7])
}
