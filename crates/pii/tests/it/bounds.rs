//! Any bytes are survived, and work grows as the text does.

use std::sync::Arc;

use portcullis_pii::{Detector, Entity, Format, Scanner, StreamScanner};
use proptest::prelude::*;

use crate::{checks::survive, texts};

/// Texts that try to make every look-around as long as it may be, over and over.
const HARD: &[&str] = &[
    "1",
    "1 ",
    "12 ",
    "1-",
    "1.",
    "a1",
    "a_1",
    "1a1a ",
    "4111 1111 1111 1111 ",
    "@",
    "a@",
    "a@b.",
    "a.b@",
    ":",
    "::",
    "a:1",
    "://",
    "http://a",
    "https://a.com/",
    "<<",
    "A<<1",
    "{{",
    "{{A_1}}",
    "pass",
    "password: ",
    "user ",
    "eyJ",
    "eyJhbGciOiJub25lIn0.",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN",
    " dot ",
    "a at b dot ",
    "A ",
    "Aa Bb ",
    "12 Aa ",
    "12 Main Street, ",
    "Street 1, ",
    "phone ",
    "ssn ",
    "ssn 1",
    "DOB: 1 ",
    "\"",
    "\\",
    "\n",
    "é",
    "\u{200b}",
    "%41",
    "&#65;",
    "[at]",
    "٤",
    "а",
    "sk-",
    "AKIA",
    "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    "aGVsbG8",
    "a,b,c\n1,2,3\n",
    "|1|",
    "52.5200, 13.4050 ",
    "00:1A:2B:3C:4D:5E ",
    "1.2.3.4 ",
    "IMEI, NHS, order: ",
    "DE89 3704 0044 0532 0130 00 ",
    "身份证号码",
];

/// What one scan looked at, bytes.
fn work(detector: &Detector, text: &str) -> u64 {
    let mut scanner = Scanner::new();
    scanner.scan(detector, text);
    scanner.work()
}

/// All types, names of every kind too.
fn everything() -> Detector {
    let all: Vec<Entity> = Entity::all().collect();
    Detector::builder().only(&all).build().expect("valid")
}

/// Twice the text is twice the work, up to `most` bytes.
fn grows_evenly(piece: &str, most: usize, work: impl Fn(&str) -> u64) {
    let mut before = None;
    for bytes in [most >> 2, most >> 1, most] {
        let now = work(&piece.repeat(bytes / piece.len()));
        if let Some(before) = before {
            assert!(
                now <= before * 21 / 10 + 8192,
                "{piece:?}: {before} for half, {now} for {bytes} bytes"
            );
        }
        before = Some(now);
    }
}

#[test]
fn work_is_linear_in_the_text() {
    let detector = everything();
    for piece in HARD {
        let small = piece.repeat(1 + (1 << 15) / piece.len());
        let each = work(&detector, &small) / small.len() as u64;
        // A byte never costs more than a window's worth.
        assert!(each <= 4096, "{piece:?}: {each} for a byte");
        // What costs the most, only as far as the rest of the suite leaves time.
        let most = if each <= 16 { 1 << 21 } else { 1 << 18 };
        grows_evenly(piece, most, |text| work(&detector, text));
    }
}

#[test]
fn work_stays_linear_up_to_sixteen_megabytes() {
    let detector = everything();
    grows_evenly("The river had been rising. ", 1 << 24, |text| work(&detector, text));
    grows_evenly("x", 1 << 24, |text| work(&detector, text));
    grows_evenly("Jane Doe ", 1 << 22, |text| work(&detector, text));
    // Names between values: what is found of both has to be put in order.
    grows_evenly("Jane Doe a@b.com, ", 1 << 22, |text| work(&detector, text));
}

/// The most that a stream of such a text is held back, bytes.
fn most_held(detector: &Arc<Detector>, text: &str) -> usize {
    let mut stream = StreamScanner::new(Arc::clone(detector), Format::Text, "");
    let (mut found, mut fed, mut most) = (Vec::new(), 0, 0);
    for bytes in text.as_bytes().chunks(31) {
        fed += bytes.len();
        let released = stream.push(bytes, &mut found);
        most = most.max(fed - released);
    }
    most
}

/// How many times longer a piece is than what it reads as.
fn longer(piece: &str) -> usize {
    match piece {
        "&#65;" => 5,
        "[at]" => 4,
        "%41" => 3,
        "٤" | "а" => 2,
        _ => 1,
    }
}

#[test]
fn a_stream_holds_back_no_more_than_is_stated() {
    let mut complaints = Vec::new();
    for entity in Entity::all() {
        let detector = Arc::new(Detector::builder().only(&[entity]).build().expect("valid"));
        let example = format!("{} ", entity.example());
        for piece in HARD.iter().copied().chain([example.as_str()]) {
            let text = piece.repeat(1 + 2 * entity.hold() * longer(piece) / piece.len());
            let most = most_held(&detector, &text);
            if most > (entity.hold() + 31) * longer(piece) {
                complaints.push(format!(
                    "{entity:?} {piece:?}: {most} bytes held back, {} stated",
                    entity.hold()
                ));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The most words that wait while a text comes byte by byte.
fn most_words_held(text: &str) -> (usize, String) {
    let detector = Arc::new(Detector::default());
    let mut stream = StreamScanner::new(detector, Format::Text, "");
    let mut found = Vec::new();
    let mut most = (0, String::new());
    for (at, byte) in text.bytes().enumerate() {
        let released = stream.push(&[byte], &mut found);
        let held = &text[released..=at];
        let words = held.split_whitespace().count();
        if words > most.0 {
            most = (words, held.to_owned());
        }
    }
    assert!(found.is_empty(), "{found:?}");
    most
}

#[test]
fn clean_prose_waits_for_one_word_at_most() {
    let (words, held) = most_words_held(
        "the river had been rising since early morning, and by noon the water stood level with the old stone \
        steps behind the mill. nobody in the village seemed surprised: every spring the snow in the hills melted \
        within a week or two, and the same three families carried their furniture up to the attic. ",
    );
    // A word, and the one that comes.
    assert!(words <= 2, "{held:?}");
}

/// A capital may begin a name: the tagger looks at what follows.
#[test]
fn prose_with_capitals_waits_for_six_words_at_most() {
    let (words, held) = most_words_held(
        "The river had been rising since early morning, and by noon the water stood level with the old stone \
        steps behind the mill. Nobody in the village seemed surprised: every spring the snow in the hills melted \
        within a week or two. They carried their furniture up to the attic, and on Monday the water was gone. I \
        asked why. \"It was the dam,\" said the miller. What can be done about it in July? ",
    );
    assert!(words <= 6, "{held:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600), json in any::<bool>()) {
        survive(&bytes, if json { Format::Json } else { Format::Text });
    }

    #[test]
    fn hard_pieces_in_any_order_are_survived(pieces in prop::collection::vec(prop::sample::select(HARD.to_vec()), 0..60)) {
        for format in [Format::Text, Format::Json, Format::Form] {
            survive(pieces.concat().as_bytes(), format);
        }
    }

    #[test]
    fn cut_texts_are_survived(text in texts::text(), at in any::<prop::sample::Index>()) {
        let bytes = text.as_bytes();
        survive(&bytes[at.index(bytes.len() + 1)..], Format::Text);
    }
}
