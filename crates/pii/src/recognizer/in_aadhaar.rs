//! Indian Aadhaar number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{check::verhoeff, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "IN_AADHAAR",
    group: state("IN"),
    title: "Indian Aadhaar number",
    validator: "Verhoeff, first digit 2 to 9, no palindrome",
    example: "2341 2341 2346",
    forms: &[Form::new("9999~9999~9999", -2.6), Form::new("999999999999", -5.4)],
    check,
    proof: ONE_IN_10,
    labels: "aadhaar, aadhar, adhaar, adhar, aadhaar number, aadhaar no, aadhar number, aadhaar \
        card, uidai, uid number, आधार",
    cues: "india, indian, kyc, pan, ration card",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let palindrome = text.iter().eq(text.iter().rev());
    pass(matches!(text[0], b'2'..=b'9') && !palindrome && verhoeff(text))
}
