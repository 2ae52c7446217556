//! German tax identification number.

use super::{Recognizer, pass, state};
use crate::{
    check::{digit, mod11_10},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "DE_TAX_ID",
    group: state("DE"),
    title: "German tax identification number",
    validator: "ISO 7064 mod 11,10; one digit occurs twice or thrice",
    example: "86 095 742 719",
    forms: &[Form::new("99~999~999~999", -1.6), Form::new("99999999999", -5.8)],
    check,
    proof: 4.0,
    labels: "steuer id, steuerid, steuer idnr, steueridentifikationsnummer, steuer \
        identifikationsnummer, identifikationsnummer, idnr, id nr, steuerliche \
        identifikationsnummer, steuernummer, steuer nr, tin, tax id, tax id number, tax \
        identification number, tax number, german tax id, persönliche identifikationsnummer",
    cues: "finanzamt, steuererklärung, lohnsteuer, steuer, elster",
    ..Recognizer::BLANK
};

/// Of the first ten digits exactly one occurs more than once, and no more than three times.
fn check(text: &[u8]) -> Option<f32> {
    let mut counts = [0; 10];
    for byte in &text[..10] {
        counts[digit(*byte) as usize] += 1;
    }
    let repeated = counts.iter().filter(|count| **count > 1).count() == 1;
    pass(text[0] != b'0' && repeated && counts.iter().all(|count| *count < 4) && mod11_10(text))
}
