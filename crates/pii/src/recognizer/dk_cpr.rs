//! Danish personal identification number.

use super::{Recognizer, state};
use crate::{
    check::{date, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "DK_CPR",
    group: state("DK"),
    title: "Danish personal identification number",
    validator: "date of birth",
    example: "010190-1233",
    forms: &[
        Form::new("999999-9999", -0.7),
        Form::new("999999 9999", -2.5),
        Form::new("9999999999", -6.0),
    ],
    check,
    labels: "cpr, cpr nummer, cpr nr, cprnr, cpr number, personnummer, personnr, danish cpr, \
        danish personal number, civil registration number",
    cues: "danmark, denmark, danish, født, borger, sundhedskort",
    ..Recognizer::BLANK
};

/// The check digit was given up in 2007: passing it still says something.
fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(text, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    date::dmy(&text[..6]).then_some(if sum.is_multiple_of(11) { 1.0 } else { -0.1 })
}
