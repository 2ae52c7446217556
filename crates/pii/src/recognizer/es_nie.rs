//! Spanish identity number of a foreigner.

use super::{ONE_IN_23, Recognizer, pass, state};
use crate::{check::digits, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "ES_NIE",
    group: state("ES"),
    title: "Spanish identity number of a foreigner",
    validator: "letter by mod 23, X Y Z as 0 1 2",
    example: "X1234567L",
    forms: &[
        Form::new("A9999999A", 0.6),
        Form::new("A~9999999~A", 1.5),
        Form::new("A9999999~A", 1.0),
    ],
    check,
    proof: ONE_IN_23,
    labels: "nie, numero de nie, nif, numero de identidad de extranjero, documento de identidad, \
        spanish nie, tarjeta de residencia",
    cues: "extranjero, españa, spain, spanish, titular, residencia, dni",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let head = u64::from(text[0].wrapping_sub(b'X'));
    pass(head < 3 && super::es_dni::letter(head * 10_000_000 + digits(&text[1..8])) == text[8])
}
