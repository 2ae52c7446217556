//! United States Medicare beneficiary identifier.

use super::{Recognizer, pass, state};
use crate::scan::Form;

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "US_MBI",
    group: state("US"),
    title: "United States Medicare beneficiary identifier",
    validator: "letters and digits by position, without S L O I B Z",
    example: "1EG4-TE5-MK73",
    forms: &[Form::new("9A*9A*9AA99", 1.0), Form::new("9A*9~A*9~AA99", 3.0)],
    check,
    labels: "mbi, medicare beneficiary identifier, medicare number, medicare id, medicare \
        beneficiary, medicare",
    cues: "beneficiary, patient, cms",
    ..Recognizer::BLANK
};

/// No zero in front, no letter that looks like a digit.
fn check(text: &[u8]) -> Option<f32> {
    pass(text[0] != b'0' && !text.iter().any(|byte| b"SLOIBZ".contains(byte)))
}
