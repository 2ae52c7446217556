//! French company number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{digits, luhn},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "FR_SIREN",
    group: state("FR"),
    title: "French company number",
    validator: "Luhn",
    example: "732 829 320",
    forms: &[Form::new("999999999", -6.2), Form::new("999~999~999", -5.0)],
    check: |text| pass(luhn(text) && digits(text) != 0),
    proof: ONE_IN_10,
    labels: "siren, numero siren, n siren, no siren, rcs, siren number",
    cues: "entreprise, societe, immatriculee, kbis, sarl, sas",
    ..Recognizer::BLANK
};
