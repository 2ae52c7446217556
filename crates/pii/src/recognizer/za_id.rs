//! South African identity number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{date, luhn},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "ZA_ID",
    group: state("ZA"),
    title: "South African identity number",
    validator: "date of birth, citizenship, Luhn",
    example: "8001015009087",
    forms: &[
        Form::new("9999999999999", -2.8),
        Form::new("999999~9999~999", -0.5),
        Form::new("999999~9999~99~9", 0.0),
    ],
    check,
    proof: ONE_IN_10,
    labels: "sa id, sa id number, south african id, south african id number, rsa id, id number, \
        id no, identity number, identiteitsnommer",
    cues: "south africa, south african, rsa, citizen",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    pass(matches!(text[10], b'0'..=b'2') && date::ymd(&text[..6]) && luhn(text))
}
