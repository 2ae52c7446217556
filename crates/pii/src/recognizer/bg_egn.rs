//! Bulgarian civil number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{date, digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "BG_EGN",
    group: state("BG"),
    title: "Bulgarian civil number",
    validator: "weights, mod 11, date of birth with coded century",
    example: "7523169263",
    forms: &[Form::new("9999999999", -5.4)],
    check,
    proof: ONE_IN_11,
    labels: "егн, egn, единен граждански номер, egn number, bulgarian egn, bulgarian id, uniform \
        civil number, civil number",
    cues: "българия, bulgaria, bulgarian, роден, родена",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[..9], &[2, 4, 8, 5, 10, 9, 7, 3, 6]);
    let month = digits(&text[2..4]) % 20;
    let born = date::exists(digits(&text[..2]), month, digits(&text[4..6]));
    pass(born && sum % 11 % 10 == digit(text[9]))
}
