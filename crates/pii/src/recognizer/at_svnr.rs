//! Austrian social insurance number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "AT_SVNR",
    group: state("AT"),
    title: "Austrian social insurance number",
    validator: "weights, mod 11, date of birth",
    example: "1237 010180",
    forms: &[Form::new("9999~999999", -2.6), Form::new("9999999999", -6.2)],
    check,
    proof: ONE_IN_11,
    labels: "sozialversicherungsnummer, sozialversicherungsnr, svnr, sv nummer, sv nr, \
        versicherungsnummer, vsnr, austrian social security number, austrian social insurance \
        number, social insurance number, e card",
    cues: "österreich, austria, ögk, krankenkasse, versichert, austrian",
    ..Recognizer::BLANK
};

/// The fourth digit checks the others.
fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[..3], &[3, 7, 9]) + weighted(&text[4..], &[5, 8, 4, 2, 1, 6]);
    let born = matches!(digits(&text[4..6]), 1..=31) && matches!(digits(&text[6..8]), 1..=15);
    pass(born && text[0] != b'0' && sum % 11 == digit(text[3]))
}
