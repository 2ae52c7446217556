//! Dutch citizen service number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "NL_BSN",
    group: state("NL"),
    title: "Dutch citizen service number",
    validator: "eleven test",
    example: "111222333",
    forms: &[
        Form::new("999999999", -6.2),
        Form::new("9999~99~999", -3.5),
        Form::new("999~999~999", -5.0),
        Form::new("99999999", -7.0),
    ],
    check,
    proof: ONE_IN_11,
    labels: "bsn, bsn nummer, burgerservicenummer, burger service nummer, sofinummer, sofi \
        nummer, sofi, citizen service number, dutch bsn, persoonsnummer",
    cues: "gemeente, digid, belastingdienst, nederland, dutch, netherlands, zorgverzekering",
    ..Recognizer::BLANK
};

/// Weights 9 to 2, and -1 for the last digit. Numbers of eight digits lack a leading zero.
fn check(text: &[u8]) -> Option<f32> {
    let (last, body) = text.split_last()?;
    let weights = [9, 8, 7, 6, 5, 4, 3, 2];
    let sum = weighted(body, &weights[9 - text.len()..]);
    pass(digits(text) != 0 && sum % 11 == digit(*last) % 11)
}
