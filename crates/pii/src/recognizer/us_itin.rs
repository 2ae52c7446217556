//! United States individual taxpayer identification number.

use super::{Recognizer, pass, state};
use crate::{check::digits, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "US_ITIN",
    group: state("US"),
    title: "United States individual taxpayer identification number",
    validator: "9xx with the middle digits the IRS gives",
    example: "912-70-1234",
    forms: &[Form::new("999~99~9999", -1.0), Form::new("999999999", -4.5)],
    check,
    labels: "itin, itin number, individual taxpayer identification number, individual taxpayer \
        id, taxpayer identification number, taxpayer id, tin, tax id, tax id number, tax \
        identification number",
    cues: "irs, tax return, taxpayer, w 7",
    ..Recognizer::BLANK
};

/// Starts with 9; the fourth and fifth digits are of the ranges that the IRS has opened.
fn check(text: &[u8]) -> Option<f32> {
    let middle = digits(&text[3..5]);
    pass(text[0] == b'9' && matches!(middle, 50..=65 | 70..=88 | 90..=92 | 94..=99))
}
