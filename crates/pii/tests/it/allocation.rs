//! A scan of a clean text takes no memory that it does not have already.
//!
//! Allocations are counted by thread, so that the tests beside these do not count.

use std::sync::Arc;

use allocation_counter::measure;
use portcullis_pii::{Detector, Format, Scanner, StreamScanner};

const PROSE: &str = include_str!("../../benches/text/prose.txt");

/// Texts in which nothing is found, though some of them make every layer look.
fn clean() -> Vec<(&'static str, String)> {
    let mut log = String::new();
    for number in 0..400 {
        log.push_str(&format!(
            "2026-03-{:02}T08:{:02}:11.42Z INFO worker-{number} request done status=200 bytes={} \
             path=/v1/models took={}ms build=4.18.{number}\n",
            1 + number % 28,
            number % 60,
            1000 + number * 37,
            number % 97,
        ));
    }
    let words = "the harvest of barley was late, and nobody in the valley had seen such rain; ";
    vec![
        ("nothing", String::new()),
        ("words", words.repeat(800)),
        ("a log", log),
        ("code", include_str!("../../src/scan/forms.rs").to_owned()),
        ("capitals", "The Harvest Of Barley Was Late And The Rain Fell On The Roof. ".repeat(300)),
        ("escaped", "see &lt;b&gt; and &amp; in the manual, 100%25 of it\n".repeat(300)),
        ("marks and spaces", " .,;:-_@#()[]{}<>!?\"'\n\t".repeat(900)),
        ("another script", "Пример текста без имён и чисел, 日本語の文章です。 ".repeat(300)),
    ]
}

#[test]
fn a_clean_text_is_scanned_without_allocation() {
    let detector = Detector::default();
    let mut scanner = Scanner::new();
    for (name, text) in clean() {
        // The first scan of a kind of text may fetch the scratch.
        assert_eq!(scanner.scan(&detector, &text), [], "{name}");
        let counted = measure(|| {
            scanner.scan(&detector, &text);
        });
        assert_eq!(counted.count_total, 0, "{name}: {counted:?}");
    }
    // What one text has left behind serves every other.
    let texts = clean();
    let counted = measure(|| {
        for (_, text) in &texts {
            scanner.scan(&detector, text);
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

/// What is found fills a list that stays.
#[test]
fn a_text_with_values_is_scanned_again_without_allocation() {
    let detector = Detector::default();
    let mut scanner = Scanner::new();
    let text = PROSE.repeat(4) + "Jane Doe, jane@example.com, +1 415 555 0132, SSN 536-90-4399. ";
    assert!(!scanner.scan(&detector, &text).is_empty());
    let counted = measure(|| {
        scanner.scan(&detector, &text);
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

/// A stream keeps a window of what has come, whose size does not depend on how much has.
#[test]
fn a_clean_stream_goes_on_without_allocation() {
    let detector = Arc::new(Detector::default());
    for (name, text) in clean() {
        let mut stream = StreamScanner::new(Arc::clone(&detector), Format::Text, "");
        let mut found = Vec::new();
        let mut push = |text: &str| {
            for piece in text.as_bytes().chunks(19) {
                stream.push(piece, &mut found);
            }
        };
        push(&text);
        let counted = measure(|| push(&text));
        assert_eq!(counted.count_total, 0, "{name}: {counted:?}");
        assert_eq!(found, [], "{name}");
    }
}
