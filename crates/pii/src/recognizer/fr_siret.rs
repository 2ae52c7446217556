//! French establishment number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{digit, digits, luhn},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "FR_SIRET",
    group: state("FR"),
    title: "French establishment number",
    validator: "Luhn",
    example: "732 829 320 00074",
    forms: &[
        Form::new("99999999999999", -4.8),
        Form::new("999~999~999~99999", -1.5),
        Form::new("999999999~99999", -2.5),
    ],
    check,
    proof: ONE_IN_10,
    labels: "siret, numero siret, n siret, no siret, siret number",
    cues: "entreprise, societe, etablissement, kbis, sarl, sas",
    ..Recognizer::BLANK
};

/// The establishments of the post office, too many for the scheme, have a sum of their own.
fn check(text: &[u8]) -> Option<f32> {
    let post = text.starts_with(b"356000000")
        && text.iter().map(|byte| digit(*byte)).sum::<u32>() % 5 == 0;
    pass((luhn(text) || post) && digits(text) != 0)
}
