//! Luxembourg national identification number.

use super::{ONE_IN_100, Recognizer, pass, state};
use crate::{
    check::{date, luhn, verhoeff},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "LU_NIN",
    group: state("LU"),
    title: "Luxembourg national identification number",
    validator: "date of birth, Luhn and Verhoeff",
    example: "1893120105732",
    forms: &[
        Form::new("9999999999999", -3.0),
        Form::new("99999999~99999", -1.0),
        Form::new("9999~99~99~99999", 0.0),
    ],
    check,
    proof: ONE_IN_100,
    labels: "matricule, numero d identification national, numero de matricule, numero d \
        identification, identifikationsnummer, luxembourg id, luxembourg national id, national \
        identification number, cns",
    cues: "luxembourg, luxemburg, letzebuerg",
    ..Recognizer::BLANK
};

/// The last digit but one is Luhn's over the first eleven, the last Verhoeff's over the same.
fn check(text: &[u8]) -> Option<f32> {
    let mut other = [0; 12];
    other[..11].copy_from_slice(&text[..11]);
    other[11] = text[12];
    pass(date::full(&text[..8]) && luhn(&text[..12]) && verhoeff(&other))
}
