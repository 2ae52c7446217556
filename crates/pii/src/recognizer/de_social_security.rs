//! German pension insurance number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{digit, digits},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "DE_SOCIAL_SECURITY",
    group: state("DE"),
    title: "German pension insurance number",
    validator: "area, date of birth, weights, mod 10",
    example: "12 150885 K 120",
    forms: &[
        Form::new("99999999A999", 0.0),
        Form::new("99 999999 A 999", 1.5),
        Form::new("99 999999 A 99 9", 1.5),
    ],
    check,
    proof: ONE_IN_10,
    labels: "sozialversicherungsnummer, sozialversicherungsnr, sv nummer, svnr, \
        rentenversicherungsnummer, versicherungsnummer, rvnr, german social security number, \
        social security number, social insurance number",
    cues: "rente, rentenversicherung, sozialversicherung, krankenkasse, arbeitgeber",
    ..Recognizer::BLANK
};

/// The letter counts as two digits; sums of the digits of the products.
fn check(text: &[u8]) -> Option<f32> {
    let letter = u32::from(text[8] - b'A') + 1;
    let mut all = [0; 12];
    for (slot, byte) in all.iter_mut().zip(&text[..8]) {
        *slot = digit(*byte);
    }
    all[8..].copy_from_slice(&[letter / 10, letter % 10, digit(text[9]), digit(text[10])]);
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let sum: u32 = all
        .iter()
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .map(|it| it / 10 + it % 10)
        .sum();
    let day = digits(&text[2..4]) % 50;
    let born = (1..=31).contains(&day) && matches!(digits(&text[4..6]), 1..=12);
    pass(born && sum % 10 == digit(text[11]))
}
