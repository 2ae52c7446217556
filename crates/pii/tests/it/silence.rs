//! No value shows itself in `Debug` output or in an error.

use std::sync::Arc;

use portcullis_pii::{
    Blocked, CustomType, Detector, Entity, Format, Ledger, Mode, Policy, Redacted, Restorer,
    Scanner, StreamRedactor, redact,
};

const SECRET: &str = "jane.doe@example.com";
const TEXT: &str =
    "My name is Jane Doe, jane.doe@example.com, SSN 536-90-4399, password: Tr0ub4dor&3.";
const VALUES: [&str; 4] = [SECRET, "Jane", "536-90-4399", "Tr0ub4dor&3"];

fn silent(shown: &str) {
    for value in VALUES {
        assert!(!shown.contains(value), "{shown}");
    }
}

#[test]
fn findings_and_ledgers_are_silent() {
    let detector = Arc::new(Detector::default());
    let mut scanner = Scanner::new();
    let findings = scanner.scan(&detector, TEXT).to_vec();
    assert!(findings.len() >= 4);
    silent(&format!("{findings:?} {findings:#?}"));
    let mut ledger = Ledger::new();
    for mode in [Mode::Placeholder, Mode::Hash] {
        let policy = Arc::new(Policy::new(mode).key(b"0123456789abcdef-jane.doe@example.com"));
        silent(&format!("{policy:?} {:#?}", policy));
        let redacted: Redacted =
            redact(&detector, &policy, &mut ledger, Format::Text, TEXT).expect("not blocked");
        silent(&format!("{redacted:?} {redacted:#?} {ledger:?} {ledger:#?}"));
    }
}

#[test]
fn errors_are_silent() {
    let detector = Arc::new(Detector::default());
    let policy = Arc::new(Policy::new(Mode::Placeholder).with(Entity::EMAIL, Mode::Block));
    let blocked: Blocked =
        redact(&detector, &policy, &mut Ledger::new(), Format::Text, TEXT).expect_err("blocked");
    silent(&format!("{blocked} {blocked:?}"));
    // What a configuration got wrong is named by its number, not by its words.
    let custom = CustomType {
        id: "STAFF".to_owned(),
        patterns: vec!["536-90-4399".to_owned()],
        words: vec![SECRET.to_owned(), String::new()],
        allow: vec![SECRET.to_owned()],
    };
    silent(&format!("{custom:?} {custom:#?}"));
    assert!(format!("{custom:?}").contains("STAFF"));
    let error = match Detector::builder().custom(custom).build() {
        Ok(_) => panic!("accepted"),
        Err(error) => error,
    };
    silent(&format!("{error} {error:?}"));
}

/// Types that hold texts have no `Debug` of their own making, or one that is silent: this compiles only
/// as long as none of them is printed by deriving.
#[test]
fn what_holds_texts_is_not_printable() {
    trait Unprintable {
        const PRINTABLE: bool = false;
    }
    struct Probe<T>(std::marker::PhantomData<T>);
    impl<T> Unprintable for Probe<T> {}
    impl<T: std::fmt::Debug> Probe<T> {
        #[allow(dead_code, reason = "chosen instead of the trait's when the type is printable")]
        const PRINTABLE: bool = true;
    }
    const { assert!(!Probe::<Scanner>::PRINTABLE) };
    const { assert!(!Probe::<StreamRedactor>::PRINTABLE) };
    const { assert!(!Probe::<Restorer>::PRINTABLE) };
    const { assert!(!Probe::<Detector>::PRINTABLE) };
}
