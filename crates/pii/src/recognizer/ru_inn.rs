//! Russian taxpayer number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "RU_INN",
    group: state("RU"),
    title: "Russian taxpayer number",
    validator: "one or two mod 11 digits",
    example: "500100732259",
    forms: &[Form::new("9999999999", -6.2), Form::new("999999999999", -5.2)],
    check,
    proof: ONE_IN_11,
    labels: "инн, inn, идентификационный номер налогоплательщика, inn number, russian inn, \
        russian tax id",
    cues: "россия, russia, russian, огрн, кпп, снилс",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    const WEIGHTS: [u32; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];
    let fits = |length: usize| {
        weighted(&text[..length], &WEIGHTS[11 - length..]) % 11 % 10 == digit(text[length])
    };
    let valid = if text.len() == 10 { fits(9) } else { fits(10) && fits(11) };
    pass(digits(text) != 0 && valid)
}
