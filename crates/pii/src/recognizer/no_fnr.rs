//! Norwegian birth number.

use super::{Recognizer, pass, state};
use crate::{
    check::{date, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "NO_FNR",
    group: state("NO"),
    title: "Norwegian birth number",
    validator: "date of birth, two mod 11 digits",
    example: "29029600013",
    forms: &[Form::new("99999999999", -3.9), Form::new("999999~99999", -0.8)],
    check,
    proof: 4.8,
    labels: "fodselsnummer, fødselsnummer, fodselsnr, fødselsnr, fnr, personnummer, d nummer, \
        dnummer, norwegian national id, norwegian id, national identity number, birth number",
    cues: "norge, norway, norwegian, født, nav, folkeregister",
    ..Recognizer::BLANK
};

/// D numbers have 40 added to the day, H numbers 40 to the month.
fn check(text: &[u8]) -> Option<f32> {
    let first = weighted(&text[..10], &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]);
    let second = weighted(text, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    let (day, month) = (digits(&text[..2]) % 40, digits(&text[2..4]) % 40);
    pass(
        first.is_multiple_of(11)
            && second.is_multiple_of(11)
            && date::exists(digits(&text[4..6]), month, day),
    )
}
