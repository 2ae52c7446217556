//! Indonesian identity number.

use super::{Recognizer, pass, state};
use crate::{
    check::{date, digits},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "ID_NIK",
    group: state("ID"),
    title: "Indonesian identity number",
    validator: "province, date of birth",
    example: "3171011708450001",
    forms: &[Form::new("9999999999999999", -3.0), Form::new("9999~9999~9999~9999", -3.5)],
    check,
    labels: "nik, nomor induk kependudukan, ktp, no ktp, nomor ktp, e ktp, nik ktp, indonesian \
        id, indonesian nik",
    cues: "indonesia, indonesian",
    ..Recognizer::BLANK
};

/// Women have 40 added to the day.
fn check(text: &[u8]) -> Option<f32> {
    let province = matches!(digits(&text[..2]), 11..=21 | 31..=36 | 51..=53 | 61..=65 | 71..=76 | 81 | 82 | 91..=96);
    let born = date::exists(digits(&text[10..12]), digits(&text[8..10]), digits(&text[6..8]) % 40);
    pass(province && born && text[12..] != *b"0000")
}
