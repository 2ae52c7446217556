//! Slovenian personal number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{date, digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "SI_EMSO",
    group: state("SI"),
    title: "Slovenian personal number",
    validator: "date of birth, weights, mod 11",
    example: "0101006500006",
    forms: &[Form::new("9999999999999", -3.4)],
    check,
    proof: ONE_IN_11,
    labels: "emso, emšo, enotna maticna stevilka obcana, enotna matična številka občana, jmbg, \
        emso number, slovenian id, slovenian personal number",
    cues: "slovenija, slovenia, slovenian, rojen, rojena",
    ..Recognizer::BLANK
};

/// Day, month and three digits of the year; region 50 to 59 is Slovenia, others were republics of
/// Yugoslavia.
fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[..12], &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let control = match sum % 11 {
        0 => 0,
        rest => (11 - rest) % 10,
    };
    let year = digits(&text[4..7]);
    let born = !(60..=880).contains(&year)
        && date::exists(year % 100, digits(&text[2..4]), digits(&text[..2]));
    pass(born && control == digit(text[12]))
}
