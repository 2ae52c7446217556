//! Romanian personal numeric code.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{date, digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "RO_CNP",
    group: state("RO"),
    title: "Romanian personal numeric code",
    validator: "weights 279146358279, mod 11, date of birth",
    example: "1630615123457",
    forms: &[Form::new("9999999999999", -3.6)],
    check,
    proof: ONE_IN_11,
    labels: "cnp, cod numeric personal, codul numeric personal, cnp number, romanian cnp, \
        romanian id, personal numeric code",
    cues: "romania, romanian, născut, nascut, buletin",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[..12], &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]);
    let control = if sum % 11 == 10 { 1 } else { sum % 11 };
    let county = matches!(digits(&text[7..9]), 1..=48 | 51 | 52 | 70 | 80..=83);
    pass(text[0] != b'0' && date::ymd(&text[1..7]) && county && control == digit(text[12]))
}
