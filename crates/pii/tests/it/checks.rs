//! What must be true of any text: the property tests try it on texts that are made, the fuzz targets
//! (`fuzz/`) on bytes that a fuzzer finds.

use std::sync::{Arc, LazyLock};

use portcullis_pii::{
    Detector, Entity, Finding, Format, Ledger, Mode, Policy, Scanner, StreamRedactor,
    StreamScanner, redact, restore,
};

static DETECTOR: LazyLock<Arc<Detector>> = LazyLock::new(|| Arc::new(Detector::default()));

/// Literal placeholders are findings, too.
static LITERAL: LazyLock<Arc<Detector>> =
    LazyLock::new(|| Arc::new(Detector::builder().with(Entity::LITERAL).build().expect("valid")));

/// What a detector with the default types finds; one for all tests.
pub(crate) fn detector() -> &'static Arc<Detector> {
    &DETECTOR
}

/// Bytes go through whole and in pieces: nothing panics, both give the same, and what nothing was
/// found in stays as it is.
pub(crate) fn survive(bytes: &[u8], format: Format) {
    let redacted = |length: usize| {
        let policy = Arc::new(Policy::new(Mode::Placeholder));
        let mut stream = StreamRedactor::new(Arc::clone(&LITERAL), policy, Ledger::new(), format);
        let mut out = Vec::new();
        for piece in bytes.chunks(length) {
            stream.push(piece, &mut out).expect("not blocked");
        }
        stream.finish(&mut out).expect("not blocked");
        (out, stream.take_findings())
    };
    let (whole, findings) = redacted(bytes.len().max(1));
    let (pieces, _) = redacted(3);
    assert_eq!(whole, pieces);
    if findings.is_empty() {
        assert_eq!(whole, bytes);
    }
}

/// A stream's findings are those of the whole, and none starts before what was let go.
pub(crate) fn streams_as_whole(text: &str, format: Format, cuts: &[usize]) {
    detector_streams_as_whole(detector(), text, format, cuts);
}

/// The same with another detector.
pub(crate) fn detector_streams_as_whole(
    detector: &Arc<Detector>,
    text: &str,
    format: Format,
    cuts: &[usize],
) {
    let whole = Scanner::new().scan_as(detector, format, text).to_vec();
    let mut stream = StreamScanner::new(Arc::clone(detector), format, "");
    let (mut found, mut released): (Vec<Finding>, usize) = (Vec::new(), 0);
    let mut from = 0;
    let mut take = |piece: Option<&[u8]>| {
        let before = found.len();
        let now = match piece {
            Some(piece) => stream.push(piece, &mut found),
            None => stream.finish(&mut found),
        };
        for finding in &found[before..] {
            assert!(finding.start >= released, "{finding:?} starts before {released}: {text:?}");
        }
        assert!(now >= released, "{now} was let go after {released}: {text:?}");
        released = now;
    };
    for cut in cuts.iter().copied().chain([text.len()]) {
        take(Some(&text.as_bytes()[from..cut]));
        from = cut;
    }
    take(None);
    assert_eq!(found, whole, "cut at {cuts:?}: {text:?}");
}

/// What was redacted comes back.
pub(crate) fn comes_back(text: &str) {
    for mode in [Mode::Placeholder, Mode::Hash, Mode::Substitute] {
        let policy = Arc::new(Policy::new(mode).key(b"an organisation's key"));
        let mut ledger = Ledger::new();
        let redacted =
            redact(detector(), &policy, &mut ledger, Format::Text, text).expect("not blocked");
        let back = restore(&Arc::new(ledger), Format::Text, &redacted.text);
        assert_eq!(back, text, "{mode:?}: {}", redacted.text);
    }
}

/// Whether two JSON values are the same but for strings and numbers that hold placeholders now.
pub(crate) fn differs_only_in_placeholders(
    before: &serde_json::Value,
    after: &serde_json::Value,
) -> bool {
    use serde_json::Value;
    match (before, after) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| differs_only_in_placeholders(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| differs_only_in_placeholders(a, b)))
        }
        (a, Value::String(b)) if a != after => b.contains("{{"),
        (a, b) => a == b,
    }
}

/// JSON that was redacted is JSON, and differs only in what was redacted. What is no JSON is left.
pub(crate) fn stays_json(text: &str) {
    let Ok(before) = serde_json::from_str::<serde_json::Value>(text) else { return };
    let policy = Arc::new(Policy::new(Mode::Placeholder));
    let redacted = redact(detector(), &policy, &mut Ledger::new(), Format::Json, text);
    let out = redacted.expect("not blocked").text;
    let after = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    assert!(differs_only_in_placeholders(&before, &after), "{before}\n{after}");
}
