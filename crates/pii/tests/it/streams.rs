//! A stream's findings are those of the whole text, however it is cut.

use std::sync::Arc;

use portcullis_pii::{Detector, Finding, Format, Scanner, StreamScanner};
use proptest::prelude::*;

use crate::texts;

/// What a stream finds that comes in these pieces. No finding may start before what was let go.
fn streamed(detector: &Arc<Detector>, format: Format, pieces: &[&[u8]]) -> Vec<Finding> {
    let mut stream = StreamScanner::new(Arc::clone(detector), format, "");
    let (mut found, mut released) = (Vec::new(), 0);
    for (index, piece) in pieces.iter().chain([&&[][..]]).enumerate() {
        let before = found.len();
        let now = if index < pieces.len() {
            stream.push(piece, &mut found)
        } else {
            stream.finish(&mut found)
        };
        for finding in &found[before..] {
            assert!(finding.start >= released, "{finding:?} starts before {released}");
        }
        assert!(now >= released, "{now} was let go after {released}");
        released = now;
    }
    found
}

fn holds_however_cut(detector: &Arc<Detector>, format: Format, text: &str) {
    let whole = Scanner::new().scan_as(detector, format, text).to_vec();
    let bytes = text.as_bytes();
    let by_one: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(streamed(detector, format, &by_one), whole, "byte by byte: {text:?}");
    for cut in 0..bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(streamed(detector, format, &[head, tail]), whole, "cut at {cut}: {text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn generated_texts(text in texts::text()) {
        holds_however_cut(&Arc::new(Detector::default()), Format::Text, &text);
    }

    #[test]
    fn generated_json(json in texts::json()) {
        let text = json.to_string();
        prop_assume!(text.len() < 1500);
        holds_however_cut(&Arc::new(Detector::default()), Format::Json, &text);
    }

    #[test]
    fn noise_as_json(text in texts::text()) {
        holds_however_cut(&Arc::new(Detector::default()), Format::Json, &text);
    }

    #[test]
    fn forms(values in prop::collection::vec(texts::text(), 0..4)) {
        let fields: Vec<String> = values.iter().map(|it| format!("name={}", it.replace(' ', "+"))).collect();
        holds_however_cut(&Arc::new(Detector::default()), Format::Form, &fields.join("&"));
    }
}
