//! Italian VAT number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{digits, luhn},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "IT_VAT",
    group: state("IT"),
    title: "Italian VAT number",
    validator: "Luhn over 11 digits",
    example: "IT 00743110157",
    forms: &[
        Form::new("99999999999", -6.2),
        Form::new("IT99999999999", 1.0),
        Form::new("IT~99999999999", 1.0),
    ],
    check,
    proof: ONE_IN_10,
    labels: "partita iva, p iva, piva, part iva, iva, vat, vat number, vat no, vat id, numero di \
        partita iva, italian vat, tva, umsatzsteuer id, ust id",
    cues: "azienda, societa, srl, spa, s r l, s p a, italia",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let number = &text[text.len() - 11..];
    pass(luhn(number) && digits(number) != 0)
}
