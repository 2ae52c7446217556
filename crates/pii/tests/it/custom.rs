//! Types that a configuration defines, and values that it allows.

use std::sync::Arc;

use portcullis_pii::{CustomType, Detector, Entity, Format, Scanner};
use proptest::prelude::*;

use crate::{checks::detector_streams_as_whole, texts};

#[test]
fn custom_types_that_are_wrong_are_refused_by_name() {
    let custom = |patterns: &[&str], words: &[&str]| CustomType {
        id: "PROJECT".to_owned(),
        patterns: patterns.iter().map(|it| (*it).to_owned()).collect(),
        words: words.iter().map(|it| (*it).to_owned()).collect(),
        allow: Vec::new(),
    };
    let error = |custom: CustomType| match Detector::builder().custom(custom).build() {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    };
    assert!(error(custom(&["a("], &[])).contains("pattern 1 does not parse"));
    assert!(error(custom(&["a", "b*"], &[])).contains("pattern 2 matches the empty text"));
    assert!(error(custom(&["x+"], &[])).contains("bound its repetitions"));
    assert!(error(custom(&["^x"], &[])).contains("anchor"));
    assert!(error(custom(&[], &[])).contains("neither patterns nor words"));
    assert!(error(custom(&[], &["a", " "])).contains("word 2"));
    assert!(error(CustomType { id: "email".to_owned(), ..custom(&["a"], &[]) }).contains("id"));
    assert!(
        error(CustomType { id: "EMAIL".to_owned(), ..custom(&["a"], &[]) })
            .contains("another type")
    );
}

#[test]
fn custom_types_are_found_with_the_rest() {
    let custom = CustomType {
        id: "PROJECT".to_owned(),
        patterns: vec![r"\bPRJ-\d{4}\b".to_owned()],
        words: vec!["Operation Heron".to_owned()],
        allow: vec!["prj-0000".to_owned()],
    };
    let detector = Detector::builder().custom(custom).build().expect("valid");
    let text = "PRJ-1234 and PRJ-0000 of operation heron, a@b.com, PRJ-12345, operation herons";
    let mut scanner = Scanner::new();
    let found: Vec<(&str, &str)> = scanner
        .scan(&detector, text)
        .iter()
        .map(|it| (detector.id(it.entity), &text[it.start..it.end]))
        .collect();
    assert_eq!(
        found,
        [("PROJECT", "PRJ-1234"), ("PROJECT", "operation heron"), ("EMAIL", "a@b.com")]
    );
    let every: Vec<usize> = (1..text.len()).collect();
    detector_streams_as_whole(&Arc::new(detector), text, Format::Text, &every);
}

#[test]
fn words_are_found_in_either_case_of_any_alphabet() {
    let detector = words(&["Müller", "Проект Журавль", "ΟΔΥΣΣΕΑΣ", "straße"], &[]);
    for (text, wanted) in [
        ("Herr MÜLLER, müller, mÜlLeR", 3),
        ("Müllers, Amüller, müllér", 0),
        ("проект журавль и ПРОЕКТ ЖУРАВЛЬ, пРоЕкТ жУрАвЛь", 3),
        ("Οδυσσέας, οδυσσεας, οδυσσεασ", 2),
        ("STRAßE, Straße", 2),
    ] {
        assert_eq!(Scanner::new().scan(&detector, text).len(), wanted, "{text}");
    }
}

#[test]
fn a_shorter_word_is_found_where_a_longer_one_goes_on() {
    let detector = words(&["heron", "heron project", "heron projects abroad"], &[]);
    let found = |text: &str| -> Vec<String> {
        let mut scanner = Scanner::new();
        let found = scanner.scan(&detector, text).iter();
        found.map(|it| text[it.start..it.end].to_owned()).collect()
    };
    assert_eq!(found("heron project."), ["heron project"]);
    assert_eq!(found("heron projects"), ["heron"]);
    assert_eq!(found("heron projects abroadly"), ["heron"]);
}

#[test]
fn values_that_are_allowed_are_not_reported() {
    let detector = Detector::builder()
        .allow("support@example.com")
        .allow("Priya Raghunathan")
        .build()
        .expect("valid");
    let text = "My name is Priya Raghunathan, write to Support@Example.com or jane@example.com";
    let mut scanner = Scanner::new();
    let found: Vec<&str> =
        scanner.scan(&detector, text).iter().map(|it| &text[it.start..it.end]).collect();
    assert_eq!(found, ["jane@example.com"]);
    let wrong = Detector::builder().allow("a").allow(" ").build().err().expect("refused");
    assert_eq!(wrong.to_string(), "allowed value 2 is empty or longer than 1024 bytes");
}

fn words(words: &[&str], allow: &[&str]) -> Detector {
    let owned = |of: &[&str]| of.iter().map(|it| (*it).to_owned()).collect();
    let custom = CustomType {
        id: "WORDS".to_owned(),
        words: owned(words),
        allow: owned(allow),
        ..CustomType::default()
    };
    Detector::builder().only(&[]).custom(custom).build().expect("valid")
}

/// Patterns and words that overlap each other, what is built in, and what is allowed.
const PATTERNS: [&str; 7] = [
    "a{1,9}",
    r"\b\d{2,6}\b",
    "(?i)her.{0,12}n",
    "[a-z]{3}@[a-z]{2,9}",
    "x",
    "é{1,3}.é",
    "4111 ?1111",
];
const WORDS: [&str; 8] =
    ["heron", "operation heron", "heron project", "a a", "jane", "Müller", "example", "1111 1111"];
const ALLOWED: [&str; 8] = [
    "heron",
    "operation heron",
    "aaa",
    "41",
    "müller",
    "jane@example.com",
    "her heron",
    "1111 1111",
];
const BETWEEN: [&str; 12] = [
    "heron",
    "operation ",
    "Heron",
    " ",
    "project",
    "aaaa",
    "jane@example.com",
    "MÜLLER",
    "é",
    "4111 1111 1111 1111",
    "s ",
    "her ",
];

fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::sample::select(of), 0..5)
        .prop_map(|some| some.into_iter().map(str::to_owned).collect())
}

fn custom_type(id: &'static str) -> impl Strategy<Value = CustomType> {
    (some(&PATTERNS), some(&WORDS), some(&ALLOWED)).prop_map(|(patterns, mut words, allow)| {
        if patterns.is_empty() && words.is_empty() {
            words.push("heron".to_owned());
        }
        CustomType { id: id.to_owned(), patterns, words, allow }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn custom_types_are_streamed_as_they_are_found_in_the_whole(
        types in (custom_type("ONE"), custom_type("TWO")),
        allow in prop::sample::subsequence(ALLOWED.to_vec(), 0..3),
        pieces in prop::collection::vec(prop_oneof![
            4 => prop::sample::select(BETWEEN.to_vec()).prop_map(str::to_owned),
            1 => texts::text(),
        ], 0..12),
        length in 1_usize..9,
    ) {
        let mut builder = Detector::builder().custom(types.0).custom(types.1);
        for value in allow {
            builder = builder.allow(value);
        }
        let detector = Arc::new(builder.build().expect("valid"));
        let text = pieces.concat();
        let cuts: Vec<usize> = (1..text.len()).filter(|at| at % length == 0).collect();
        detector_streams_as_whole(&detector, &text, Format::Text, &cuts);
        for cut in 0..text.len() {
            detector_streams_as_whole(&detector, &text, Format::Text, &[cut]);
        }
    }
}

#[test]
fn private_addresses_can_be_left_alone() {
    let text = "client ip 10.1.2.3, 192.168.7.20 and fd12:3456:789a:1::1, but 203.0.113.77 and \
        2001:db8:4711:22::7 are others' IP addresses, as is ::ffff:172.16.4.9";
    let found = |detector: &Detector| -> Vec<String> {
        let mut scanner = Scanner::new();
        let findings = scanner.scan(detector, text);
        findings.iter().map(|it| text[it.start..it.end].to_owned()).collect()
    };
    let all = found(&Detector::builder().only(&[Entity::IP_ADDRESS]).build().expect("valid"));
    assert!(all.contains(&"10.1.2.3".to_owned()) && all.len() >= 5, "{all:?}");
    let builder = Detector::builder().only(&[Entity::IP_ADDRESS]).allow_private_addresses();
    assert_eq!(found(&builder.build().expect("valid")), ["203.0.113.77", "2001:db8:4711:22::7"]);
}
