//! Redacting and restoring cost what the text is long, however much it holds.

use std::sync::Arc;

use portcullis_pii::{Detector, Entity, Format, Ledger, Mode, Policy, Restorer, StreamRedactor};

/// Many values, each of them new.
fn addresses(bytes: usize, format: Format) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let (open, close) = match format {
        Format::Json => ("[", "\"]"),
        _ => ("", ""),
    };
    text.push_str(open);
    for number in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(match format {
            Format::Json if number > 0 => "\",\n\"",
            Format::Json => "\"",
            _ => "\n",
        });
        text.push_str(&format!("user{number:07}@example.com wrote"));
    }
    text.push_str(close);
    text
}

struct Work {
    redacting: u64,
    restoring: u64,
}

/// What it costs to redact a text that comes in pieces of some length, and to restore what came of it.
fn work(detector: &Arc<Detector>, mode: Mode, format: Format, text: &str, piece: usize) -> Work {
    let policy = Arc::new(Policy::new(mode));
    let mut redactor = StreamRedactor::new(Arc::clone(detector), policy, Ledger::new(), format);
    let mut redacted = Vec::new();
    for piece in text.as_bytes().chunks(piece) {
        redactor.push(piece, &mut redacted).expect("nothing is blocked");
    }
    redactor.finish(&mut redacted).expect("nothing is blocked");
    assert!(redactor.take_findings().len() > text.len() / 64, "as many as there are");
    let redacting = redactor.work();
    let mut restorer = Restorer::new(Arc::new(redactor.into_ledger()), format);
    let mut restored = Vec::new();
    for piece in redacted.chunks(piece) {
        restorer.push(piece, &mut restored);
    }
    restorer.finish(&mut restored);
    if mode == Mode::Placeholder && text.len() < 1 << 22 {
        assert!(restored == text.as_bytes(), "not what it was");
    }
    Work { redacting, restoring: restorer.work() }
}

fn grows_evenly(mode: Mode, format: Format, most: usize, piece: usize) {
    let detector = Detector::builder().only(&[Entity::EMAIL]).build().expect("valid");
    let detector = Arc::new(detector);
    let mut before: Option<Work> = None;
    for bytes in [most >> 2, most >> 1, most] {
        let text = addresses(bytes, format);
        let now = work(&detector, mode, format, &text, piece.min(bytes));
        if let Some(before) = before {
            for (half, all) in
                [(before.redacting, now.redacting), (before.restoring, now.restoring)]
            {
                // Placeholders with more digits are longer.
                assert!(
                    all <= half * 23 / 10,
                    "{mode:?} {format:?} in pieces of {piece}: {half} for half, {all} for {bytes} bytes"
                );
            }
        }
        before = Some(now);
    }
}

#[test]
fn a_text_that_is_there_in_full() {
    grows_evenly(Mode::Drop, Format::Text, 1 << 24, usize::MAX);
    grows_evenly(Mode::Placeholder, Format::Text, 1 << 22, usize::MAX);
}

#[test]
fn json_that_is_there_in_full() {
    grows_evenly(Mode::Drop, Format::Json, 1 << 24, usize::MAX);
    grows_evenly(Mode::Placeholder, Format::Json, 1 << 22, usize::MAX);
}

#[test]
fn what_comes_in_small_pieces() {
    for format in [Format::Text, Format::Json] {
        grows_evenly(Mode::Placeholder, format, 1 << 20, 5);
    }
}
