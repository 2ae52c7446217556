//! Australian tax file number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "AU_TFN",
    group: state("AU"),
    title: "Australian tax file number",
    validator: "weights, mod 11",
    example: "123 456 782",
    forms: &[
        Form::new("999~999~999", -4.8),
        Form::new("999999999", -6.2),
        Form::new("99999999", -7.0),
        Form::new("999~999~99", -6.0),
    ],
    check,
    proof: ONE_IN_11,
    labels: "tfn, tax file number, tax file no, tfn number, australian tax file number, tax file",
    cues: "australia, australian, ato, superannuation, payroll",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let weights: &[u32] =
        if text.len() == 9 { &[1, 4, 3, 7, 5, 8, 6, 9, 10] } else { &[10, 7, 8, 4, 6, 3, 5, 1] };
    pass(digits(text) != 0 && weighted(text, weights).is_multiple_of(11))
}
