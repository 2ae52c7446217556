//! The name tagger.

use portcullis_pii::names::{Input, NameKind, NameSpan, Tagger};
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
