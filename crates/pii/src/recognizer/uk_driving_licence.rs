//! United Kingdom driving licence number.

use super::{Recognizer, pass, state};
use crate::{check::digits, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "UK_DRIVING_LICENCE",
    group: state("GB"),
    title: "United Kingdom driving licence number",
    validator: "coded surname, date of birth and initials (DVLA)",
    example: "MORGA657054SM9IJ",
    forms: &[
        Form::new("*****999999**9AA", 3.0),
        Form::new("*****~999999~**9AA", 3.5),
        Form::new("*****999999**9*A", 0.5),
    ],
    check,
    labels: "driving licence, driving licence number, driving licence no, driver licence, driver \
        licence number, drivers licence, licence number, dvla, driver number, driving license, \
        driver license",
    cues: "dvla, driver, insurance, vehicle",
    ..Recognizer::BLANK
};

/// Five of the surname, filled with 9; decade, month (50 more for women), day, year; initials.
fn check(text: &[u8]) -> Option<f32> {
    let letters = text[..5].iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let padded = letters > 0 && text[letters..5].iter().all(|byte| *byte == b'9');
    let month = digits(&text[6..8]) % 50;
    let day = digits(&text[8..10]);
    pass(padded && (1..=12).contains(&month) && (1..=31).contains(&day))
}
