//! Australian Medicare number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{digit, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "AU_MEDICARE",
    group: state("AU"),
    title: "Australian Medicare number",
    validator: "weights 1 3 7 9, mod 10, first digit 2 to 6",
    example: "2123 45670 1",
    forms: &[
        Form::new("9999~99999~9", -1.8),
        Form::new("9999999999", -6.0),
        Form::new("9999 99999 9-9", 0.0),
        Form::new("9999 99999 9/9", 0.0),
        Form::new("99999999999", -7.0),
    ],
    check,
    proof: ONE_IN_10,
    labels: "medicare, medicare number, medicare no, medicare card, medicare card number, \
        australian medicare",
    cues: "australia, australian, irn, patient, bulk bill",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[..8], &[1, 3, 7, 9, 1, 3, 7, 9]);
    pass(matches!(text[0], b'2'..=b'6') && sum % 10 == digit(text[8]) && text[9] != b'0')
}
