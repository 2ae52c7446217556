//! Swedish personal identity number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{date, digits, luhn},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "SE_PERSONNUMMER",
    group: state("SE"),
    title: "Swedish personal identity number",
    validator: "date of birth, Luhn",
    example: "811218-9876",
    forms: &[
        Form::new("999999-9999", -0.6),
        Form::new("99999999-9999", 1.5),
        Form::new("9999999999", -6.0),
        Form::new("999999999999", -3.8),
    ],
    check,
    proof: ONE_IN_10,
    labels: "personnummer, personnr, person nr, samordningsnummer, svenskt personnummer, swedish \
        personal number, swedish personnummer, personal identity number, personal number, pnr",
    cues: "sverige, sweden, swedish, född, skatteverket",
    ..Recognizer::BLANK
};

/// Coordination numbers have 60 added to the day.
fn check(text: &[u8]) -> Option<f32> {
    let short = &text[text.len() - 10..];
    let century = text.len() == 10 || matches!(digits(&text[..2]), 18..=20);
    let day = digits(&short[4..6]) % 60;
    pass(century && date::exists(digits(&short[..2]), digits(&short[2..4]), day) && luhn(short))
}
