//! Chinese resident identity number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{
    check::{date, digits, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "CN_RESIDENT_ID",
    group: state("CN"),
    title: "Chinese resident identity number",
    validator: "region, date of birth, ISO 7064 mod 11-2",
    example: "11010519491231002X",
    forms: &[
        Form::new("99999999999999999*", 0.5),
        Form::new("999999~99999999~999*", 2.0),
        Form::new("999999~9999~9999~999*", 1.5),
    ],
    check,
    proof: ONE_IN_11,
    labels: "resident identity number, resident id, chinese id, chinese id number, id card \
        number, id number, 身份证, 身份证号, 身份证号码, 公民身份号码, shenfenzheng",
    cues: "china, chinese, 中国",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[..17], &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let region = matches!(digits(&text[..2]), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83 | 91);
    pass(region && date::full(&text[6..14]) && b"10X98765432"[(sum % 11) as usize] == text[17])
}
