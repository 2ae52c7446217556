//! Social security numbers of the United States.

use super::{Recognizer, state};
use crate::{check::digits, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "US_SSN",
    group: state("US"),
    title: "United States social security number",
    validator: "area, group and serial as the Social Security Administration gives them",
    example: "536-90-4399",
    forms: &[Form::new("999~99~9999", 1.5), Form::new("999999999", -4.0)],
    check,
    labels: "ssn, ss number, social security, social security number, social security no, soc sec, \
        ssn number, social, social number, sozialversicherungsnummer, numero de securite sociale, \
        numero de seguridad social, numero de seguro social, seguro social, seguridad social, \
        numero di previdenza sociale, numero de seguranca social, taxpayer identification number, tin, tax id, tax identification number",
    cues: "identity, identification, id number, national id, background check, w2, w 9, tax return, \
        taxpayer, payroll, verify, dob, date of birth, born",
    ..Recognizer::BLANK
};

/// Areas 000 and 666, group 00 and serial 0000 were never given; two numbers are famous from
/// advertisements. Areas from 900 are of other numbers that people call by this name.
fn check(text: &[u8]) -> Option<f32> {
    let (area, group, serial) = (digits(&text[..3]), digits(&text[3..5]), digits(&text[5..]));
    let never = area == 0 || area == 666 || group == 0 || serial == 0;
    let famous = matches!(digits(text), 78_051_120 | 219_099_999);
    (!never && !famous).then_some(if area >= 900 { -3.5 } else { 0.0 })
}
