//! Thai identity number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{digit, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "TH_ID",
    group: state("TH"),
    title: "Thai identity number",
    validator: "weights 13 to 2, mod 11",
    example: "1-2345-67890-12-1",
    forms: &[
        Form::new("9-9999-99999-99-9", 1.0),
        Form::new("9 9999 99999 99 9", 1.0),
        Form::new("9999999999999", -4.8),
    ],
    check,
    proof: ONE_IN_11,
    labels: "เลขประจำตัวประชาชน, บัตรประชาชน, เลขบัตรประชาชน, thai id, thai id number, thai \
        national id, citizen id, thai citizen id",
    cues: "thailand, thai, ไทย",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[..12], &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    pass(text[0] != b'0' && (11 - sum % 11) % 10 == digit(text[12]))
}
