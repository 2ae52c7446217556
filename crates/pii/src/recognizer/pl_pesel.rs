//! Polish personal number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{date, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "PL_PESEL",
    group: state("PL"),
    title: "Polish personal number",
    validator: "weights 1 3 7 9, mod 10, date of birth with coded century",
    example: "44051401359",
    forms: &[Form::new("99999999999", -4.4)],
    check,
    proof: ONE_IN_10,
    labels: "pesel, numer pesel, nr pesel, pesel number, polish national id, polish pesel",
    cues: "polska, poland, polish, urodzony, urodzona, obywatel",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(text, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    let month = digits(&text[2..4]) % 20;
    pass(sum.is_multiple_of(10) && date::exists(digits(&text[..2]), month, digits(&text[4..6])))
}
