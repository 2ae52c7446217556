//! Mexican taxpayer number.

use super::{Recognizer, state};
use crate::{
    check::{date, digit},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "MX_RFC",
    group: state("MX"),
    title: "Mexican taxpayer number",
    validator: "date, mod 11 character",
    example: "GODE561231GR8",
    forms: &[
        Form::new("AAAA999999***", -0.6),
        Form::new("AAA999999***", -1.2),
        Form::new("AAAA~999999~***", 0.5),
        Form::new("AAA~999999~***", 0.0),
    ],
    check,
    labels: "rfc, registro federal de contribuyentes, rfc number, clave rfc, mexican rfc",
    cues: "mexico, mexican, sat, contribuyente, factura, curp",
    ..Recognizer::BLANK
};

/// Twelve characters for companies, which count as thirteen with a space in front.
fn check(text: &[u8]) -> Option<f32> {
    let letters = text.len() - 9;
    let value = |byte: u8| match byte {
        b'0'..=b'9' => digit(byte),
        _ => u32::from(byte - b'A') + 10 + u32::from(byte > b'N'),
    };
    let space = if letters == 3 { 37 * 13 } else { 0 };
    let body = &text[..text.len() - 1];
    let sum: u32 = body.iter().rev().zip(2..).map(|(byte, weight)| value(*byte) * weight).sum();
    let control = b"0A987654321"[((sum + space) % 11) as usize];
    let born = date::ymd(&text[letters..letters + 6]);
    let expected = text[text.len() - 1] == control;
    born.then_some(if expected { 2.4 } else { -2.0 })
}
