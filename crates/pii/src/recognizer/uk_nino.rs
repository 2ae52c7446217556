//! United Kingdom national insurance number.

use super::{Recognizer, pass, state};
use crate::scan::Form;

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "UK_NINO",
    group: state("GB"),
    title: "United Kingdom national insurance number",
    validator: "prefix and suffix letters that HMRC gives",
    example: "AB 12 34 56 C",
    forms: &[
        Form::new("AA999999A", 0.8),
        Form::new("AA~99~99~99~A", 2.5),
        Form::new("AA~999999~A", 2.0),
    ],
    check,
    labels: "nino, ni number, ni no, national insurance, national insurance number, national \
        insurance no, nin",
    cues: "hmrc, payroll, tax, employer, pension",
    ..Recognizer::BLANK
};

/// Prefixes that were never given; the suffix is A to D.
fn check(text: &[u8]) -> Option<f32> {
    let first = !b"DFIQUV".contains(&text[0]);
    let second = !b"DFIQUVO".contains(&text[1]);
    let pair =
        [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].iter().all(|it| it[..] != text[..2]);
    pass(first && second && pair && matches!(text[8], b'A'..=b'D'))
}
