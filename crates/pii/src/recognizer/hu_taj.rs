//! Hungarian social security number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "HU_TAJ",
    group: state("HU"),
    title: "Hungarian social security number",
    validator: "weights 3 7, mod 10",
    example: "123 456 788",
    forms: &[Form::new("999~999~999", -4.5), Form::new("999999999", -6.2)],
    check,
    proof: ONE_IN_10,
    labels: "taj, taj szam, taj szám, tajszam, tajszám, társadalombiztosítási azonosító, \
        társadalombiztosítási azonosító jel, hungarian social security number, taj number",
    cues: "magyarország, hungary, hungarian",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    pass(
        digits(text) != 0 && weighted(&text[..8], &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == digit(text[8]),
    )
}
