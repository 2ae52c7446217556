//! Portuguese tax number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "PT_NIF",
    group: state("PT"),
    title: "Portuguese tax number",
    validator: "weights 9 to 2, mod 11",
    example: "123456789",
    forms: &[
        Form::new("999999999", -6.2),
        Form::new("999~999~999", -5.0),
        Form::new("PT999999999", 0.0),
    ],
    check,
    proof: ONE_IN_11,
    labels: "nif, contribuinte, n contribuinte, no contribuinte, numero de contribuinte, numero \
        de identificacao fiscal, numero fiscal, nipc, portuguese tax number, nif number",
    cues: "portugal, financas, portuguese, fiscal, fatura com",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let number = &text[text.len() - 9..];
    let sum = weighted(&number[..8], &[9, 8, 7, 6, 5, 4, 3, 2]);
    let control = match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    let kind = matches!(number[0], b'1' | b'2' | b'3' | b'5' | b'6' | b'8' | b'9')
        || matches!(digits(&number[..2]), 45 | 70..=79);
    pass(kind && control == digit(number[8]))
}
