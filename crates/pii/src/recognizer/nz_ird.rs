//! New Zealand inland revenue number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "NZ_IRD",
    group: state("NZ"),
    title: "New Zealand inland revenue number",
    validator: "weights, mod 11, second set",
    example: "49-091-850",
    forms: &[
        Form::new("99~999~999", -3.2),
        Form::new("999~999~999", -4.6),
        Form::new("99999999", -6.6),
        Form::new("999999999", -6.2),
    ],
    check,
    proof: ONE_IN_11,
    labels: "ird, ird number, ird no, inland revenue number, inland revenue, nz ird",
    cues: "new zealand, nz, kiwisaver, tax",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let (last, body) = text.split_last()?;
    let mut eight = [b'0'; 8];
    eight[8 - body.len()..].copy_from_slice(body);
    let remainder = |weights: &[u32]| (11 - weighted(&eight, weights) % 11) % 11;
    let control = match remainder(&[3, 2, 7, 6, 5, 4, 3, 2]) {
        10 => remainder(&[7, 4, 3, 2, 5, 2, 7, 6]),
        control => control,
    };
    pass((10_000_000..150_000_000).contains(&digits(text)) && control == digit(*last))
}
