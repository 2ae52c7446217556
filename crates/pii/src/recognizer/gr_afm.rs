//! Greek tax number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "GR_AFM",
    group: state("GR"),
    title: "Greek tax number",
    validator: "powers of two, mod 11",
    example: "094259216",
    forms: &[Form::new("999999999", -6.2), Form::new("EL999999999", 0.5)],
    check,
    proof: ONE_IN_11,
    labels: "αφμ, α φ μ, αριθμος φορολογικου μητρωου, ΑΦΜ, afm, greek tax number, greek tax id, \
        greek vat",
    cues: "ελλαδα, greece, greek, εφορια",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let number = &text[text.len() - 9..];
    let sum = weighted(&number[..8], &[256, 128, 64, 32, 16, 8, 4, 2]);
    pass(digits(number) != 0 && sum % 11 % 10 == digit(number[8]))
}
