//! Argentine tax and labour number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "AR_CUIT",
    group: state("AR"),
    title: "Argentine tax and labour number",
    validator: "prefix, mod 11",
    example: "20-12345678-6",
    forms: &[Form::new("99-99999999-9", 0.3), Form::new("99999999999", -5.8)],
    check,
    proof: ONE_IN_11,
    labels: "cuit, cuil, cuit no, cuit cuil, clave unica de identificacion tributaria, codigo \
        unico de identificacion laboral, argentine tax id",
    cues: "argentina, afip, monotributo",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let kind = matches!(digits(&text[..2]), 20 | 23..=27 | 30 | 33 | 34 | 50 | 51 | 55);
    let control = match 11 - sum % 11 {
        11 => 0,
        10 => 9,
        rest => rest,
    };
    pass(kind && control == digit(text[10]))
}
