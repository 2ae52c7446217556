//! Chilean identity and tax number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{check::digit, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "CL_RUT",
    group: state("CL"),
    title: "Chilean identity and tax number",
    validator: "mod 11 with K",
    example: "12.345.678-5",
    forms: &[
        Form::new("99.999.999-*", 1.5),
        Form::new("9.999.999-*", 1.0),
        Form::new("99999999-*", -1.6),
        Form::new("9999999-*", -2.5),
        Form::new("99999999*", -6.0),
    ],
    check,
    proof: ONE_IN_11,
    labels: "rut, r u t, run, rol unico tributario, rol unico nacional, rut no, chilean rut, \
        chilean id, cedula",
    cues: "chile, chilean, cedula de identidad, sii",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let (last, body) = text.split_last()?;
    let sum: u32 =
        body.iter().rev().zip((2..=7).cycle()).map(|(byte, weight)| digit(*byte) * weight).sum();
    let control = b"0K987654321"[(sum % 11) as usize];
    pass(control == *last)
}
