//! United States national provider identifier.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{check::luhn, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "US_NPI",
    group: state("US"),
    title: "United States national provider identifier",
    validator: "starts with 1 or 2, Luhn over 80840 and the number",
    example: "1234567893",
    forms: &[Form::new("9999999999", -6.2), Form::new("9999~999~999", -4.0)],
    check,
    proof: ONE_IN_10,
    labels: "npi, npi number, npi no, national provider identifier, national provider id, \
        provider npi, provider identifier, provider number",
    cues: "physician, provider, prescriber, doctor, clinic, radiologist, attending, cms",
    ..Recognizer::BLANK
};

/// Luhn with the prefix of health applications in the United States.
fn check(text: &[u8]) -> Option<f32> {
    let mut whole = *b"80840..........";
    whole[5..].copy_from_slice(text);
    pass(matches!(text[0], b'1' | b'2') && luhn(&whole))
}
