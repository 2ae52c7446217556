//! The name tagger.

use portcullis_pii::names::{
    HOLD, Input, Memory, NameKind, NameSpan, Tagger,
    features::COUNT,
    front::{Front, Judge, Word},
    lexicon::Lexicon,
    model::{Broken, Model},
};
use proptest::prelude::*;

fn whole(text: &str) -> Vec<NameSpan> {
    let (mut tagger, mut found) = (Tagger::new(), Vec::new());
    tagger.begin("");
    let text = text.as_bytes();
    let ready = text.len();
    tagger.advance(&Input { text, from: 0, ready, end: true, claimed: &[] }, &mut found);
    found
}

fn persons(text: &str) -> Vec<&str> {
    whole(text)
        .iter()
        .filter(|span| span.kind == NameKind::Person && span.score > 0.5)
        .map(|span| &text[span.start..span.end])
        .collect()
}

#[test]
fn persons_are_found_and_things_are_not() {
    assert_eq!(
        persons("Hello, my name is Priya Raghunathan, I live in Leeds."),
        ["Priya Raghunathan"]
    );
    assert_eq!(persons("Sehr geehrte Frau Hollerbach, danke."), ["Hollerbach"]);
    assert_eq!(persons("How do I run Jenkins on Kubernetes with Kafka?"), Vec::<&str>::new());
}

/// In code a label names a person only if it is one for persons.
#[test]
fn what_code_calls_by_a_name_is_none() {
    let code = "let uri: Uri = request.uri();\nmatch auth { Auth::Header(name) => Said::new(&name), }\n\
                use tracing::field::{Value, Visit, Field};\nfn page(of: Page) -> Tilde { Tilde::from(of) }";
    let mut scanner = portcullis_pii::Scanner::new();
    let detector = portcullis_pii::Detector::default();
    assert_eq!(scanner.scan(&detector, code), []);
    let record = "{\"kind\": \"Task\", \"owner\": \"Priya Raghunathan\", \"rev\": 3}";
    assert_eq!(scanner.scan(&detector, record).len(), 1);
}

fn pieces(text: &str, cuts: &[usize]) -> Vec<NameSpan> {
    let (mut tagger, mut found) = (Tagger::new(), Vec::new());
    tagger.begin("");
    let mut from = 0;
    for cut in cuts.iter().copied().chain([text.len()]) {
        let cut = cut.max(from).min(text.len());
        let end = cut == text.len();
        let input =
            Input { text: &text.as_bytes()[from..cut], from, ready: cut, end, claimed: &[] };
        from = tagger.advance(&input, &mut found);
        assert!(found.iter().all(|span| span.end <= from) && from <= cut);
        if end {
            break;
        }
    }
    found
}

#[test]
fn any_two_pieces_give_what_the_whole_gives() {
    for line in include_str!("../../fixtures/names/prompts.txt").lines() {
        let expected = whole(line);
        for cut in 0..line.len() {
            assert_eq!(pieces(line, &[cut]), expected, "{line} cut at {cut}");
        }
    }
}

proptest! {
    #[test]
    fn any_pieces_of_any_text_give_what_the_whole_gives(text in ".{0,200}", cuts in prop::collection::vec(0..200_usize, 0..20)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        prop_assert_eq!(pieces(&text, &cuts), whole(&text));
    }
}

#[test]
fn what_is_held_back_is_bounded() {
    let hard = [
        "Anna ".repeat(4_000),
        format!("Anna{}", " ".repeat(20_000)),
        format!("Anna{}Berg", "\u{2003}".repeat(20_000)),
        format!("Maria{}", "aA".repeat(20_000)),
        "Anna-Lena-".repeat(2_000),
        "d'".repeat(10_000),
        "van der ".repeat(3_000),
        "é".repeat(20_000),
        "A. ".repeat(8_000),
        "\u{301}".repeat(10_000),
    ];
    for text in &hard {
        let (mut tagger, mut found) = (Tagger::new(), Vec::new());
        tagger.begin("");
        let text = text.as_bytes();
        let (mut from, mut ready) = (0, 0);
        while ready < text.len() {
            ready = (ready + 61).min(text.len());
            let input = Input { text: &text[from..ready], from, ready, end: false, claimed: &[] };
            from = tagger.advance(&input, &mut found);
            assert!(ready - from <= HOLD, "{} bytes wait", ready - from);
        }
    }
}

/// Every candidate costs the same, so their number is the work.
#[derive(Default)]
struct Counter(usize);

impl Judge for Counter {
    fn candidate(&mut self, _: [&Word; 5], _: &[u64; COUNT], _: &mut Memory) {
        self.0 += 1;
    }
    fn rest(&mut self, _: &mut Memory) {}
    fn open(&self) -> Option<usize> {
        None
    }
}

#[test]
fn the_work_grows_as_the_text_does() {
    static NOTHING: [[u8; 64]; 1] = [[0; 64]];
    for piece in ["Anna ", "A", "a-B-", "d'E", "Mr. X, \"Y\" ", "{\"name\": \"Zoë\"}\n", "É "] {
        let work = |times: usize| {
            let mut counter = Counter::default();
            let mut front = Front::new(Lexicon::new(&NOTHING, &[], &[]));
            let text = piece.repeat(times);
            front.read(text.as_bytes(), 0, true, std::iter::empty(), &mut counter);
            counter.0
        };
        let (once, double) = (work(20_000), work(40_000));
        assert!(
            double <= 2 * once + 8 && once <= 20_000 * piece.len(),
            "{piece:?}: {once}, {double}"
        );
    }
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    static GOOD: &[u8] = include_bytes!("../../data/names.bin");
    assert!(Model::parse(GOOD).is_ok());
    assert!(GOOD.len() <= 3_000_000, "{} bytes", GOOD.len());
    let refused = |file: Vec<u8>| Model::parse(file.leak()).err();
    assert_eq!(refused(Vec::new()), Some(Broken::Header));
    assert_eq!(refused(vec![0; 64 * 20]), Some(Broken::Header));
    let mut version = GOOD[..64 * 20].to_vec();
    version[7] += 1;
    assert_eq!(refused(version), Some(Broken::Header));
    assert_eq!(refused(GOOD[..GOOD.len() - 64].to_vec()), Some(Broken::Length));
    assert_eq!(refused(GOOD[..GOOD.len() - 1].to_vec()), Some(Broken::Header));
    let mut huge = GOOD[..64 * 20].to_vec();
    huge[8..20].fill(0xff);
    assert_eq!(refused(huge), Some(Broken::Length));
}
