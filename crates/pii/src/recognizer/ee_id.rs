//! Estonian personal code.

use super::{ONE_IN_11, Recognizer, state};
use crate::{
    check::{date, digit, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "EE_ID",
    group: state("EE"),
    title: "Estonian personal code",
    validator: "date of birth, weights, mod 11",
    example: "37605030299",
    forms: &[Form::new("99999999999", -4.3)],
    check,
    proof: ONE_IN_11,
    labels: "isikukood, isikukoodi, ik, estonian id, estonian personal code, personal \
        identification code, personal code",
    cues: "eesti, estonia, estonian",
    ..Recognizer::BLANK
};

/// Sex and century, date of birth, serial; a second set of weights where the first leaves ten.
pub(super) fn check(text: &[u8]) -> Option<f32> {
    let control = match weighted(&text[..10], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11 {
        10 => weighted(&text[..10], &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10,
        rest => rest,
    };
    super::pass(
        matches!(text[0], b'1'..=b'6') && date::ymd(&text[1..7]) && control == digit(text[10]),
    )
}
