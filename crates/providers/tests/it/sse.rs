//! The event scanner, against the standard read naively.

use bytes::Bytes;
use portcullis_providers::sse::{Event, Scanner};
use proptest::prelude::*;

/// Name and data of one event.
type Seen = (Option<Vec<u8>>, Vec<u8>);

fn scan(pieces: &[&[u8]]) -> (Vec<Seen>, Vec<u8>) {
    let mut scanner = Scanner::default();
    let mut events = Vec::new();
    for piece in pieces {
        scanner.push(Bytes::copy_from_slice(piece));
        while let Some(event) = scanner.next_event().unwrap() {
            events.push(event);
        }
    }
    events.extend(scanner.finish());
    let raw = events.iter().flat_map(|event| event.raw().to_vec()).collect();
    let seen = |event: &Event| Some((event.name().map(<[u8]>::to_vec), event.data()?.into_owned()));
    (events.iter().filter_map(seen).collect(), raw)
}

/// The standard's algorithm over the whole text at once; an unfinished last event counts.
fn standard(text: &str) -> Vec<Seen> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let mut name = None;
    let mut data: Option<String> = None;
    for line in text.split('\n').chain([""]) {
        if line.is_empty() {
            events.extend(data.take().map(|data| (name.take(), data.into_bytes())));
            name = None;
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (field, &mut data) {
            ("event", _) => name = Some(value.as_bytes().to_vec()),
            ("data", Some(data)) => {
                data.push('\n');
                data.push_str(value);
            }
            ("data", None) => data = Some(value.to_owned()),
            _ => {}
        }
    }
    events
}

fn stream() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("data: {\"a\":1}".to_owned()),
        "data:? ?[a-zé: ]{0,8}",
        "event: [a-z]{0,5}",
        Just(": comment".to_owned()),
        Just("id: 7".to_owned()),
        Just("data".to_owned()),
        Just(String::new()),
        Just(String::new()),
    ];
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    let lines = proptest::collection::vec((line, end), 0..24);
    (any::<bool>(), lines, any::<bool>()).prop_map(|(mark, lines, tail)| {
        let mut text = if mark { "\u{feff}".to_owned() } else { String::new() };
        for (line, end) in lines {
            text.push_str(&line);
            text.push_str(end);
        }
        if tail {
            text.push_str("data: tail");
        }
        text
    })
}

proptest! {
    #[test]
    fn agrees_with_the_standard_however_split(
        text in stream(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let bytes = text.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        let (events, raw) = scan(&pieces);
        prop_assert_eq!(raw, bytes);
        prop_assert_eq!(events, standard(&text));
    }
}

#[test]
fn a_line_feed_after_the_blank_line_is_no_event_of_its_own() {
    let (events, _) = scan(&[b"data: a\r\n\r", b"\ndata: b\r\n\r\n"]);
    assert_eq!(events, [(None, b"a".to_vec()), (None, b"b".to_vec())]);
}
