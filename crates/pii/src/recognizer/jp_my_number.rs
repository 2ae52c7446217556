//! Japanese individual number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "JP_MY_NUMBER",
    group: state("JP"),
    title: "Japanese individual number",
    validator: "weights 2 to 7, mod 11",
    example: "1234 5678 9018",
    forms: &[Form::new("999999999999", -6.0), Form::new("9999~9999~9999", -4.8)],
    check,
    proof: ONE_IN_11,
    labels: "my number, mynumber, マイナンバー, 個人番号, individual number, japanese my number, kojin bango",
    cues: "japan, japanese, 日本",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[..11], &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let control = match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    let repeated = text.iter().all(|byte| *byte == text[0]);
    pass(!repeated && control == digit(text[11]))
}
