//! Polish business register number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "PL_REGON",
    group: state("PL"),
    title: "Polish business register number",
    validator: "weights, mod 11",
    example: "123456785",
    forms: &[Form::new("999999999", -6.2), Form::new("99999999999999", -5.8)],
    check,
    proof: ONE_IN_11,
    labels: "regon, numer regon, nr regon, regon number",
    cues: "polska, poland, polish, firma, spolka, nip, krs",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let short = weighted(&text[..8], &[8, 9, 2, 3, 4, 5, 6, 7]) % 11 % 10 == digit(text[8]);
    let long = text.len() == 9
        || weighted(&text[..13], &[2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8]) % 11 % 10
            == digit(text[13]);
    pass(digits(text) != 0 && short && long)
}
