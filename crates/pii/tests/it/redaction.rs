//! What was redacted comes back as it was.

use std::sync::Arc;

use portcullis_pii::{
    Detector, Entity, Format, Ledger, Mode, Policy, Restorer, StreamRedactor, redact, restore,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::{checks::comes_back, texts};

fn policy(mode: Mode) -> Arc<Policy> {
    Arc::new(Policy::new(mode).key(b"an organisation's key"))
}

fn redacted(mode: Mode, format: Format, text: &str) -> (String, Arc<Ledger>) {
    let mut ledger = Ledger::new();
    let detector = Arc::new(Detector::default());
    let redacted =
        redact(&detector, &policy(mode), &mut ledger, format, text).expect("nothing is blocked");
    (redacted.text, Arc::new(ledger))
}

#[test]
fn placeholders_are_stable_per_value() {
    let text = "From a@b.com to c@d.com, cc a@b.com";
    let (text, _) = redacted(Mode::Placeholder, Format::Text, text);
    assert_eq!(text, "From {{EMAIL_1}} to {{EMAIL_2}}, cc {{EMAIL_1}}");
}

#[test]
fn a_conversation_goes_on_with_its_numbers() {
    let detector = Arc::new(Detector::default());
    let mut ledger = Ledger::new();
    let mut say = |text: &str| {
        redact(&detector, &policy(Mode::Placeholder), &mut ledger, Format::Text, text)
            .expect("not blocked")
            .text
    };
    assert_eq!(say("I am a@b.com"), "I am {{EMAIL_1}}");
    assert_eq!(say("c@d.com wrote to a@b.com"), "{{EMAIL_2}} wrote to {{EMAIL_1}}");
    let entries: Vec<(Entity, String, String)> =
        ledger.danger_entries().map(|(e, p, v)| (e, p.to_owned(), v.to_owned())).collect();
    let mut ledger =
        Ledger::from_entries(entries.iter().map(|(e, p, v)| (*e, p.as_str(), v.as_str())));
    let again = redact(
        &detector,
        &policy(Mode::Placeholder),
        &mut ledger,
        Format::Text,
        "e@f.org, c@d.com",
    );
    assert_eq!(again.expect("not blocked").text, "{{EMAIL_3}}, {{EMAIL_2}}");
}

#[test]
fn placeholders_of_the_text_itself_are_no_door() {
    let (text, ledger) = redacted(Mode::Placeholder, Format::Text, "{{EMAIL_1}} or a@b.com?");
    assert_eq!(text, "{{LITERAL_1}} or {{EMAIL_1}}?");
    assert_eq!(restore(&ledger, Format::Text, &text), "{{EMAIL_1}} or a@b.com?");
}

#[test]
fn other_modes() {
    let text = "card 4111 1111 1111 1111";
    assert_eq!(redacted(Mode::Mask, Format::Text, text).0, "card **** **** **** 1111");
    assert_eq!(redacted(Mode::Drop, Format::Text, text).0, "card ");
    let (hashed, ledger) = redacted(Mode::Hash, Format::Text, text);
    assert!(hashed.starts_with("card {{CREDIT_CARD#"), "{hashed}");
    assert_eq!(restore(&ledger, Format::Text, &hashed), text);
    let (invented, ledger) = redacted(Mode::Substitute, Format::Text, text);
    assert!(invented.starts_with("card 41") && invented != text, "{invented}");
    assert_eq!(restore(&ledger, Format::Text, &invented), text);
}

#[test]
fn substitutes_come_back_only_as_words_of_their_own() {
    let (redacted, ledger) =
        redacted(Mode::Substitute, Format::Text, "My name is Wei Zhang, call me.");
    let name = redacted.trim_start_matches("My name is ").trim_end_matches(", call me.");
    assert!(name != "Wei Zhang" && !name.starts_with("{{"), "{redacted}");
    for (answer, wanted) in [
        (format!("Dear {name},"), "Dear Wei Zhang,".to_owned()),
        (format!("„{name}“, {name}’s"), "„Wei Zhang“, Wei Zhang’s".to_owned()),
        (format!("我是{name}。"), "我是Wei Zhang。".to_owned()),
        (
            format!("Mc{name}, {name}ly, É{name}, {name}é"),
            format!("Mc{name}, {name}ly, É{name}, {name}é"),
        ),
    ] {
        assert_eq!(restore(&ledger, Format::Text, &answer), wanted);
        for length in 1..5 {
            let mut restorer = Restorer::new(Arc::clone(&ledger), Format::Text);
            let mut out = Vec::new();
            for piece in answer.as_bytes().chunks(length) {
                restorer.push(piece, &mut out);
            }
            restorer.finish(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), wanted, "in pieces of {length}");
        }
    }
}

#[test]
fn a_substitute_that_stands_in_the_text_is_not_used() {
    let text = "My name is Wei Zhang and my card is 4111 1111 1111 1111.";
    let (first, _) = redacted(Mode::Substitute, Format::Text, text);
    let name = first.trim_start_matches("My name is ").split(" and ").next().expect("a name");
    // The same words, where nobody takes them for a name.
    let text = format!("{text}\n<{}>", name.to_owned() + ">/<" + name);
    let (second, ledger) = redacted(Mode::Substitute, Format::Text, &text);
    assert_eq!(restore(&ledger, Format::Text, &second), text);
    assert!(second.starts_with("My name is {{PERSON#"), "{second}");
}

#[test]
fn what_is_short_or_glued_gets_a_hash() {
    let (short, _) = redacted(Mode::Substitute, Format::Text, "I am 46 years old.");
    assert!(short.contains("{{AGE#"), "{short}");
    let (alone, _) = redacted(Mode::Substitute, Format::Text, "jane.doe@corp.com");
    assert!(alone.ends_with("@example.com"), "{alone}");
    let text = "{\"a\":\"\\nx@example.org\\nx@example.org\"}";
    let (json, ledger) = redacted(Mode::Substitute, Format::Json, text);
    assert!(!json.contains('#') && !json.contains("example.org"), "{json}");
    assert_eq!(restore(&ledger, Format::Json, &json), text);
}

#[test]
fn a_blocked_value_lets_nothing_through() {
    let detector = Arc::new(Detector::default());
    let policy = Arc::new(Policy::new(Mode::Placeholder).with(Entity::US_SSN, Mode::Block));
    let mut stream = StreamRedactor::new(detector, policy, Ledger::new(), Format::Text);
    let mut out = Vec::new();
    let blocked =
        stream.push(b"my ssn is 536-90-4399", &mut out).and_then(|()| stream.finish(&mut out));
    assert_eq!(blocked.expect_err("blocked").entity, Entity::US_SSN);
    assert!(stream.push(b"more", &mut out).is_err());
    assert!(!String::from_utf8_lossy(&out).contains("536"));
}

#[test]
fn keys_are_demanded() {
    assert!(Policy::new(Mode::Placeholder).check().is_ok());
    assert!(Policy::new(Mode::Hash).check().is_err());
    assert!(
        Policy::new(Mode::Drop)
            .with(Entity::EMAIL, Mode::Substitute)
            .key(b"short")
            .check()
            .is_err()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn redacting_and_restoring_is_the_identity(text in texts::text()) {
        comes_back(&text);
    }

    #[test]
    fn substitutes_in_json_come_back(json in texts::json()) {
        let text = json.to_string();
        let (out, ledger) = redacted(Mode::Substitute, Format::Json, &text);
        let back: Value =
            serde_json::from_str(&restore(&ledger, Format::Json, &out)).expect("JSON");
        prop_assert!(same_but_numbers(&json, &back), "{}\n{}\n{}", json, out, back);
    }

    #[test]
    fn streams_are_redacted_and_restored_as_wholes_are(text in texts::text(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let (whole, ledger) = redacted(Mode::Placeholder, Format::Text, &text);
        let cut = |text: &str| {
            let mut places: Vec<usize> = cuts.iter().map(|it| it.index(text.len() + 1)).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            places.windows(2).map(|it| text.as_bytes()[it[0]..it[1]].to_vec()).collect::<Vec<_>>()
        };
        let mut stream = StreamRedactor::new(Arc::new(Detector::default()), policy(Mode::Placeholder), Ledger::new(), Format::Text);
        let mut out = Vec::new();
        for piece in cut(&text) {
            stream.push(&piece, &mut out).expect("not blocked");
        }
        stream.finish(&mut out).expect("not blocked");
        prop_assert_eq!(String::from_utf8_lossy(&out), whole.as_str());
        let mut back = Restorer::new(ledger, Format::Text);
        let mut out = Vec::new();
        for piece in cut(&whole) {
            back.push(&piece, &mut out);
        }
        back.finish(&mut out);
        prop_assert_eq!(String::from_utf8_lossy(&out), text.as_str());
    }

    /// Placeholders in any format, cut anywhere.
    #[test]
    fn json_streams_are_restored_as_wholes_are(json in texts::json(), length in 1_usize..40, hash in any::<bool>()) {
        let mode = if hash { Mode::Substitute } else { Mode::Placeholder };
        let (whole, ledger) = redacted(mode, Format::Json, &json.to_string());
        let wanted = restore(&ledger, Format::Json, &whole);
        let mut back = Restorer::new(ledger, Format::Json);
        let mut out = Vec::new();
        for piece in whole.as_bytes().chunks(length) {
            back.push(piece, &mut out);
        }
        back.finish(&mut out);
        prop_assert_eq!(String::from_utf8_lossy(&out), wanted.as_str());
    }

    #[test]
    fn form_streams_are_restored_as_wholes_are(text in texts::text(), length in 1_usize..40) {
        let field: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let form = format!("name=x&text={field}&email=a%40b.com");
        let (whole, ledger) = redacted(Mode::Placeholder, Format::Form, &form);
        let wanted = restore(&ledger, Format::Form, &whole);
        let mut back = Restorer::new(ledger, Format::Form);
        let mut out = Vec::new();
        for piece in whole.as_bytes().chunks(length) {
            back.push(piece, &mut out);
        }
        back.finish(&mut out);
        prop_assert_eq!(String::from_utf8_lossy(&out), wanted.as_str());
    }
}

/// Numbers come back as strings.
fn same_but_numbers(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_but_numbers(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same_but_numbers(a, b)))
        }
        (Value::Number(a), Value::String(b)) => a.to_string() == *b,
        // JSON inside a string, with a number in it.
        (Value::String(a), Value::String(b)) if a != b => {
            match (serde_json::from_str(a), serde_json::from_str(b)) {
                (Ok(a), Ok(b)) => same_but_numbers(&a, &b),
                _ => false,
            }
        }
        (a, b) => a == b,
    }
}
