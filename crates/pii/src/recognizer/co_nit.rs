//! Colombian tax number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{check::digit, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "CO_NIT",
    group: state("CO"),
    title: "Colombian tax number",
    validator: "primes, mod 11",
    example: "213.123.432-1",
    forms: &[
        Form::new("999.999.999-9", 0.0),
        Form::new("999999999-9", -2.2),
        Form::new("9999999999", -6.2),
    ],
    check,
    proof: ONE_IN_11,
    labels: "nit, n i t, numero de identificacion tributaria, nit no, colombian nit, colombian \
        tax id",
    cues: "colombia, colombian, dian, empresa, sas",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let (last, body) = text.split_last()?;
    let primes = [3, 7, 13, 17, 19, 23, 29, 37, 41];
    let sum: u32 = body.iter().rev().zip(primes).map(|(byte, prime)| digit(*byte) * prime).sum();
    let control = b"01987654321"[(sum % 11) as usize];
    pass(control == *last)
}
