//! South Korean resident registration number.

use super::{Recognizer, state};
use crate::{
    check::{date, digit, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "KR_RRN",
    group: state("KR"),
    title: "South Korean resident registration number",
    validator: "date of birth, century and sex, mod 11 before October 2020",
    example: "971013-9019902",
    forms: &[Form::new("999999-9999999", 1.4), Form::new("9999999999999", -3.6)],
    check,
    labels: "rrn, resident registration number, 주민등록번호, 주민번호, korean resident number, korean id, \
        jumin",
    cues: "korea, korean, 대한민국",
    ..Recognizer::BLANK
};

/// Numbers given since October 2020 have no check digit.
fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[..12], &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    let checks = (11 - sum % 11) % 10 == digit(text[12]);
    date::ymd(&text[..6]).then_some(if checks { 1.5 } else { -1.0 })
}
