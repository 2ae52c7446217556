//! Hungarian personal tax number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "HU_TAX_ID",
    group: state("HU"),
    title: "Hungarian personal tax number",
    validator: "starts with 8, weights, mod 11",
    example: "8071592153",
    forms: &[Form::new("9999999999", -4.6)],
    check,
    proof: ONE_IN_11,
    labels: "adóazonosító, adóazonosító jel, adóazonosító jele, adoazonosito jel, adószám, \
        adoszam, hungarian tax id, hungarian tax number, tax id",
    cues: "magyarország, hungary, hungarian, nav",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[..9], &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    pass(text[0] == b'8' && sum % 11 == digit(text[9]))
}
