//! Mexican population register code.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{date, digit},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "MX_CURP",
    group: state("MX"),
    title: "Mexican population register code",
    validator: "date of birth, state, base 37 check digit",
    example: "HEGG560427MVZRRL04",
    forms: &[Form::new("AAAA999999AAAAAA*9", 3.0)],
    check,
    proof: ONE_IN_10,
    labels: "curp, clave unica de registro de poblacion, clave curp, curp number, mexican curp",
    cues: "mexico, mexican, nacimiento, rfc",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let value = |byte: u8| if byte.is_ascii_digit() { digit(byte) } else { letter(byte) };
    let letter_sum: u32 =
        text[..17].iter().zip((2..=18).rev()).map(|(byte, weight)| value(*byte) * weight).sum();
    let sex = matches!(text[10], b'H' | b'M' | b'X');
    pass(sex && date::ymd(&text[4..10]) && (10 - letter_sum % 10) % 10 == digit(text[17]))
}

/// Letters count from ten; the alphabet has an Ñ.
fn letter(byte: u8) -> u32 {
    let place = u32::from(byte - b'A');
    10 + place + u32::from(byte > b'N')
}
