//! JSON stays JSON, and only what was redacted differs.

use std::sync::Arc;

use portcullis_pii::{Detector, Entity, Format, Ledger, Mode, Policy, Scanner, redact, restore};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{checks::stays_json, texts};

fn redacted(format: Format, text: &str) -> (String, Arc<Ledger>) {
    let mut ledger = Ledger::new();
    let policy = Arc::new(Policy::new(Mode::Placeholder));
    let redacted = redact(&Arc::new(Detector::default()), &policy, &mut ledger, format, text);
    (redacted.expect("nothing is blocked").text, Arc::new(ledger))
}

#[test]
fn strings_numbers_and_json_in_strings() {
    let arguments =
        json!({"to": "jane@example.com", "card": {"number": 4111111111111111_u64}}).to_string();
    let text =
        json!({"ssn": 536904399, "tool": {"arguments": arguments}, "note": "a \"q\" b\n c@d.com"})
            .to_string();
    let (out, ledger) = redacted(Format::Json, &text);
    let value: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(value["ssn"], "{{US_SSN_1}}");
    assert_eq!(value["note"], "a \"q\" b\n {{EMAIL_1}}");
    let inner: Value =
        serde_json::from_str(value["tool"]["arguments"].as_str().expect("a string")).expect("JSON");
    assert_eq!(inner["to"], "{{EMAIL_2}}");
    assert_eq!(inner["card"]["number"], "{{CREDIT_CARD_1}}");
    // A number comes back as the string that took its place.
    let back: Value = serde_json::from_str(&restore(&ledger, Format::Json, &out)).expect("JSON");
    assert_eq!(back["note"], "a \"q\" b\n c@d.com");
    assert_eq!(back["ssn"], "536904399");
}

#[test]
fn keys_are_context() {
    let detector = Detector::default();
    let mut scanner = Scanner::new();
    let mut types = |text: &str| -> Vec<Entity> {
        scanner.scan_as(&detector, Format::Json, text).iter().map(|it| it.entity).collect()
    };
    assert_eq!(types(r#"{"social_security_number": "536904399"}"#), [Entity::US_SSN]);
    assert_eq!(types(r#"{"passport": {"number": "X12345678"}}"#), [Entity::PASSPORT]);
    assert_eq!(types(r#"{"order": {"number": "536904399"}}"#), []);
}

#[test]
fn values_are_written_as_their_place_wants() {
    let mut ledger = Ledger::new();
    let detector = Arc::new(Detector::default());
    let policy = Arc::new(Policy::new(Mode::Placeholder));
    let text = "password: \"a\\\"b1!\"";
    let out =
        redact(&detector, &policy, &mut ledger, Format::Text, text).expect("not blocked").text;
    let ledger = Arc::new(ledger);
    let answer = json!({"content": out, "arguments": json!({"text": out}).to_string()}).to_string();
    let back: Value = serde_json::from_str(&restore(&ledger, Format::Json, &answer)).expect("JSON");
    assert_eq!(back["content"], text);
    let inner: Value =
        serde_json::from_str(back["arguments"].as_str().expect("a string")).expect("JSON");
    assert_eq!(inner["text"], text);
}

#[test]
fn forms_are_read_by_field() {
    let (out, ledger) =
        redacted(Format::Form, "name=x&email=jane%40example.com&ssn=536904399&q=a+b");
    assert_eq!(out, "name=x&email=%7B%7BEMAIL_1%7D%7D&ssn=%7B%7BUS_SSN_1%7D%7D&q=a+b");
    assert_eq!(
        restore(&ledger, Format::Form, &out),
        "name=x&email=jane%40example.com&ssn=536904399&q=a+b"
    );
}

/// What stands in the place of a value begins as JSON might.
#[test]
fn values_behind_brackets_come_back() {
    for text in
        ["[ jane@example.com", "[jane@example.com]", "[[ jane@example.com", "{ jane@example.com"]
    {
        let before = json!({"content": text, "arguments": json!({"x": text}).to_string()});
        let (out, ledger) = redacted(Format::Json, &before.to_string());
        assert!(!out.contains("jane"), "{out}");
        let back: Value =
            serde_json::from_str(&restore(&ledger, Format::Json, &out)).expect("JSON");
        assert_eq!(back, before);
        let form = format!("q={}", text.replace('@', "%40").replace(' ', "+"));
        let (out, ledger) = redacted(Format::Form, &form);
        assert!(!out.contains("jane"), "{out}");
        assert_eq!(restore(&ledger, Format::Form, &out), form);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn redacted_json_parses_and_differs_only_in_what_was_redacted(before in texts::json()) {
        stays_json(&before.to_string());
    }

    #[test]
    fn strings_come_back(text in texts::text()) {
        let before = json!({"messages": [{"content": text}, {"arguments": json!({"x": text}).to_string()}]});
        let (out, ledger) = redacted(Format::Json, &before.to_string());
        let back: Value = serde_json::from_str(&restore(&ledger, Format::Json, &out)).expect("JSON");
        prop_assert_eq!(back, before);
    }
}
