//! Polish tax number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "PL_NIP",
    group: state("PL"),
    title: "Polish tax number",
    validator: "weights, mod 11",
    example: "123-456-32-18",
    forms: &[
        Form::new("999-999-99-99", -0.8),
        Form::new("999-99-99-999", -0.8),
        Form::new("9999999999", -6.2),
        Form::new("PL9999999999", 0.5),
    ],
    check,
    proof: ONE_IN_11,
    labels: "nip, numer nip, nr nip, nip number, numer identyfikacji podatkowej, polish tax id, \
        polish nip, vat",
    cues: "polska, poland, polish, firma, spolka, podatek",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let number = &text[text.len() - 10..];
    let sum = weighted(&number[..9], &[6, 5, 7, 2, 3, 4, 5, 6, 7]);
    pass(digits(number) != 0 && sum % 11 == digit(number[9]))
}
