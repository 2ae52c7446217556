//! A stream's findings are those of the whole text, however it is cut.

use std::{fs, path::PathBuf};

use portcullis_pii::Format;
use proptest::prelude::*;
use serde_json::Value;

use crate::{checks::streams_as_whole, texts};

/// Byte by byte, and in two pieces cut anywhere.
fn holds_however_cut(format: Format, text: &str) {
    let every: Vec<usize> = (1..text.len()).collect();
    streams_as_whole(text, format, &every);
    for cut in 0..text.len() {
        streams_as_whole(text, format, &[cut]);
    }
}

#[test]
fn fixtures_hold_however_cut() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("fixtures")
        .map(|it| it.expect("an entry").path())
        .filter(|it| it.extension().is_some_and(|it| it == "jsonl"))
        .collect();
    files.sort();
    for file in files {
        for line in fs::read_to_string(file).expect("a fixture").lines() {
            let row: Value = serde_json::from_str(line).expect("JSON");
            holds_however_cut(Format::Text, row["text"].as_str().expect("a text"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn generated_texts(text in texts::text()) {
        holds_however_cut(Format::Text, &text);
    }

    #[test]
    fn generated_json(json in texts::json()) {
        let text = json.to_string();
        prop_assume!(text.len() < 1500);
        holds_however_cut(Format::Json, &text);
    }

    #[test]
    fn noise_as_json(text in texts::text()) {
        holds_however_cut(Format::Json, &text);
    }

    #[test]
    fn forms(values in prop::collection::vec(texts::text(), 0..4)) {
        let fields: Vec<String> = values.iter().map(|it| format!("name={}", it.replace(' ', "+"))).collect();
        holds_however_cut(Format::Form, &fields.join("&"));
    }
}
