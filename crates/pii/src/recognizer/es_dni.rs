//! Spanish identity number.

use super::{ONE_IN_23, Recognizer, pass, state};
use crate::{check::digits, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "ES_DNI",
    group: state("ES"),
    title: "Spanish identity number",
    validator: "letter by mod 23",
    example: "12345678Z",
    forms: &[
        Form::new("99999999A", -0.6),
        Form::new("99999999~A", 0.5),
        Form::new("99.999.999-A", 1.5),
        Form::new("99.999.999A", 1.5),
        Form::new("99 999 999 A", 0.5),
    ],
    check,
    proof: ONE_IN_23,
    labels: "dni, dni no, nif, numero de dni, documento nacional de identidad, documento de \
        identidad, numero de identificacion fiscal, spanish id, spanish dni, national id",
    cues: "españa, spain, spanish, titular, identidad, identificacion, domicilio, cif, nie",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    pass(letter(digits(&text[..8])) == text[8])
}

/// The letter that checks a number.
pub(super) fn letter(number: u64) -> u8 {
    b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize]
}
