//! What was redacted comes back as it was.

use std::sync::Arc;

use portcullis_pii::{
    Detector, Entity, Format, Ledger, Mode, Policy, Restorer, StreamRedactor, redact, restore,
};
use proptest::prelude::*;

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
}
