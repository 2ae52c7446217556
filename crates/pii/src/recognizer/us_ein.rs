//! United States employer identification number.

use super::{Recognizer, pass, state};
use crate::{check::digits, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "US_EIN",
    group: state("US"),
    title: "United States employer identification number",
    validator: "prefix of an IRS campus",
    example: "12-3456789",
    forms: &[Form::new("99-9999999", -2.2), Form::new("999999999", -5.0)],
    check,
    labels: "ein, ein number, employer identification number, employer id, employer id number, \
        fein, federal tax id, federal ein, federal employer identification number, tax id, tax \
        id number, tax identification number, business tax id",
    cues: "irs, employer, w 9, 1099, company, payer, taxpayer",
    ..Recognizer::BLANK
};

/// The first two digits name the campus, or the internet, that gave the number.
fn check(text: &[u8]) -> Option<f32> {
    let never = matches!(digits(&text[..2]), 0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97);
    pass(!never)
}
