//! Indian goods and services tax number.

use super::{Recognizer, pass, state};
use crate::{
    check::{digit, digits},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "IN_GSTIN",
    group: state("IN"),
    title: "Indian goods and services tax number",
    validator: "state, PAN inside, base 36 check",
    example: "27AAPFU0939F1ZV",
    forms: &[Form::new("99AAAAA9999A*Z*", 1.5)],
    check,
    proof: 3.4,
    labels: "gstin, gst, gst number, gst no, gstin number, gst registration, goods and services \
        tax identification number",
    cues: "india, indian, invoice, tax",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    const ALL: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let value =
        |byte: u8| if byte.is_ascii_digit() { digit(byte) } else { u32::from(byte - b'A') + 10 };
    let sum: u32 = text[..14]
        .iter()
        .zip([1, 2].into_iter().cycle())
        .map(|(byte, weight)| value(*byte) * weight)
        .map(|it| it / 36 + it % 36)
        .sum();
    let state = matches!(digits(&text[..2]), 1..=38 | 97 | 99);
    pass(state && ALL[((36 - sum % 36) % 36) as usize] == text[14])
}
