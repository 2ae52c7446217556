//! Indian permanent account number.

use super::{Recognizer, pass, state};
use crate::scan::Form;

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "IN_PAN",
    group: state("IN"),
    title: "Indian permanent account number",
    validator: "letters and digits by position, kind of holder",
    example: "ABCPE1234F",
    forms: &[Form::new("AAAAA9999A", 0.8), Form::new("AAAAA~9999~A", 1.5)],
    check,
    labels: "pan, pan number, pan no, pan card, permanent account number, income tax pan, indian \
        pan",
    cues: "india, indian, income tax, kyc, aadhaar, gst",
    ..Recognizer::BLANK
};

/// The fourth letter is the kind of holder: a person, a company, a trust and so on.
fn check(text: &[u8]) -> Option<f32> {
    pass(b"ABCFGHJLPT".contains(&text[3]) && text[5..9] != *b"0000")
}
