//! Czech birth number.

use super::{ONE_IN_11, Recognizer, state};
use crate::{
    check::{date, digits},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "CZ_RC",
    group: state("CZ"),
    title: "Czech birth number",
    validator: "date of birth, divisible by 11",
    example: "736028/5163",
    forms: &[
        Form::new("999999/9999", 0.0),
        Form::new("999999/999", -1.0),
        Form::new("9999999999", -5.6),
        Form::new("999999999", -6.0),
    ],
    check,
    proof: ONE_IN_11,
    labels: "rodne cislo, rodné číslo, rc, r c, rod cislo, czech birth number, birth number, \
        czech national id",
    cues: "česko, česká, czech, narozen, narozena",
    ..Recognizer::BLANK
};

/// Women have 50 added to the month, and 20 where a day's numbers ran out. Numbers of nine digits,
/// from before 1954, have no check.
pub(super) fn check(text: &[u8]) -> Option<f32> {
    let month = digits(&text[2..4]) % 50 % 20;
    let born = date::exists(digits(&text[..2]), month, digits(&text[4..6]));
    match text.len() {
        9 => (born && digits(&text[..2]) < 54 && text[6..] != *b"000").then_some(-2.4),
        // Before 1985 a remainder of ten was written as 0.
        _ => super::pass(
            born && (digits(text).is_multiple_of(11)
                || digits(&text[..9]) % 11 == 10 && text[9] == b'0'),
        ),
    }
}
