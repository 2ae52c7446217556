//! Australian business number.

use super::{Recognizer, pass, state};
use crate::{check::weighted, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "AU_ABN",
    group: state("AU"),
    title: "Australian business number",
    validator: "weights, mod 89",
    example: "51 824 753 556",
    forms: &[Form::new("99~999~999~999", -0.6), Form::new("99999999999", -4.8)],
    check,
    proof: 4.5,
    labels: "abn, abn number, abn no, australian business number, australian abn",
    cues: "australia, australian, pty, ltd, gst, invoice",
    ..Recognizer::BLANK
};

/// One is taken from the first digit.
fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(text, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    pass(text[0] != b'0' && (sum - 10).is_multiple_of(89))
}
