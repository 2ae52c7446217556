//! Australian company number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "AU_ACN",
    group: state("AU"),
    title: "Australian company number",
    validator: "weights 8 to 1, mod 10",
    example: "004 085 616",
    forms: &[Form::new("999~999~999", -4.8), Form::new("999999999", -6.2)],
    check,
    proof: ONE_IN_10,
    labels: "acn, acn number, acn no, australian company number, arbn",
    cues: "australia, australian, pty, ltd, asic",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[..8], &[8, 7, 6, 5, 4, 3, 2, 1]);
    pass(digits(text) != 0 && (10 - sum % 10) % 10 == digit(text[8]))
}
