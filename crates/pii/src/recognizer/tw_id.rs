//! Taiwanese identity number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{check::weighted, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "TW_ID",
    group: state("TW"),
    title: "Taiwanese identity number",
    validator: "letter value, weights, mod 10",
    example: "A123456789",
    forms: &[Form::new("A999999999", -3.0)],
    check,
    proof: ONE_IN_10,
    labels: "taiwan id, taiwanese id, national id, national id number, national identification \
        number, 身分證, 身分證字號, 身份證字號, 統一編號, roc id",
    cues: "taiwan, taiwanese, 台灣, 臺灣",
    ..Recognizer::BLANK
};

/// The letter counts as two digits in the order in which regions were given theirs.
fn check(text: &[u8]) -> Option<f32> {
    let place = b"ABCDEFGHJKLMNPQRSTUVXYWZIO".iter().position(|it| *it == text[0])? as u32 + 10;
    let sum = place / 10 + place % 10 * 9 + weighted(&text[1..], &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    pass(matches!(text[1], b'1' | b'2' | b'8' | b'9') && sum.is_multiple_of(10))
}
