//! Singapore identity card number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{check::weighted, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "SG_NRIC",
    group: state("SG"),
    title: "Singapore identity card number",
    validator: "weights, check letter",
    example: "S1234567D",
    forms: &[Form::new("A9999999A", 0.0)],
    check,
    proof: ONE_IN_11,
    labels: "nric, nric no, nric number, ic number, ic no, identity card, singapore nric, \
        singapore id",
    cues: "singapore, singaporean, citizen",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    pass(matches!(text[0], b'S' | b'T') && valid(text))
}

/// Weights 2 7 6 5 4 3 2 with an offset for newer series; the letter depends on the series.
pub(super) fn valid(text: &[u8]) -> bool {
    let offset = match text[0] {
        b'T' | b'G' => 4,
        b'M' => 3,
        _ => 0,
    };
    let sum = (weighted(&text[1..8], &[2, 7, 6, 5, 4, 3, 2]) + offset) as usize % 11;
    let expected = match text[0] {
        b'S' | b'T' => b"JZIHGFEDCBA"[sum],
        b'F' | b'G' => b"XWUTRQPNMLK"[sum],
        b'M' => b"KLJNPQRTUWX"[10 - sum],
        _ => return false,
    };
    text[8] == expected
}
