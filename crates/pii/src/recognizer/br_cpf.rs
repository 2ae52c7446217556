//! Brazilian individual taxpayer number.

use super::{ONE_IN_100, Recognizer, pass, state};
use crate::{check::digit, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "BR_CPF",
    group: state("BR"),
    title: "Brazilian individual taxpayer number",
    validator: "two mod 11 digits, not all equal",
    example: "111.444.777-35",
    forms: &[
        Form::new("999.999.999-99", 2.0),
        Form::new("999999999-99", -1.5),
        Form::new("99999999999", -5.4),
    ],
    check,
    proof: ONE_IN_100,
    labels: "cpf, cpf numero, cpf no, numero do cpf, cadastro de pessoas físicas, cpf mf, cpf \
        number, brazilian cpf",
    cues: "brasil, brazil, brazilian, titular, rg, contribuinte",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let repeated = text.iter().all(|byte| *byte == text[0]);
    let fits =
        control(&text[..9], 11) == digit(text[9]) && control(&text[..10], 11) == digit(text[10]);
    pass(!repeated && fits)
}

/// A check digit by weights that rise from the right, mod 11.
pub(super) fn control(text: &[u8], highest: u32) -> u32 {
    let weights = (2..=highest).cycle();
    let sum: u32 =
        text.iter().rev().zip(weights).map(|(byte, weight)| u32::from(byte - b'0') * weight).sum();
    match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}
