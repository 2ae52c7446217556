//! Hong Kong identity card number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{check::digit, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "HK_ID",
    group: state("HK"),
    title: "Hong Kong identity card number",
    validator: "letters and digits, mod 11",
    example: "A123456(3)",
    forms: &[
        Form::new("A999999(*", 2.0),
        Form::new("AA999999(*", 2.0),
        Form::new("A999999*", -4.0),
        Form::new("AA999999*", -4.0),
    ],
    check,
    proof: ONE_IN_11,
    labels: "hkid, hkid number, hkid no, hong kong id, hong kong id card, hong kong identity \
        card, identity card, identity card number, id card, id card number, 身份證, 身份證號碼, 香港身份證",
    cues: "hong kong, hk, 香港",
    ..Recognizer::BLANK
};

/// One or two letters; a missing one counts as a space, 36.
fn check(text: &[u8]) -> Option<f32> {
    let (last, body) = text.split_last()?;
    let value =
        |byte: u8| if byte.is_ascii_digit() { digit(byte) } else { u32::from(byte - b'A') + 10 };
    let blank = if body.len() == 7 { 36 * 9 } else { 0 };
    let sum: u32 = body.iter().rev().zip(2..).map(|(byte, weight)| value(*byte) * weight).sum();
    let control = b"0A987654321"[((sum + blank) % 11) as usize];
    pass(*last == control)
}
