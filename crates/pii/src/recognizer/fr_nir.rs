//! French social security number.

use super::{ONE_IN_97, Recognizer, pass, state};
use crate::{check::digits, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "FR_NIR",
    group: state("FR"),
    title: "French social security number",
    validator: "key 97 - n mod 97, month, sex (INSEE)",
    example: "2 55 08 14 168 025 38",
    forms: &[
        Form::new("999999999999999", -1.0),
        Form::new("999999A99999999", 1.0),
        Form::new("9~99~99~99~999~999~99", 0.5),
        Form::new("9~99~99~9A~999~999~99", 1.5),
        Form::new("9999999999999~99", 0.5),
    ],
    check,
    proof: ONE_IN_97,
    labels: "nir, securite sociale, numero de securite sociale, n de securite sociale, no de \
        securite sociale, num secu, numero secu, secu, insee, numero insee, nss, french social \
        security number, social security number, numero de sécu, immatriculation",
    cues: "carte vitale, ameli, cpam, assure, assurance maladie, mutuelle",
    ..Recognizer::BLANK
};

/// Corsica's departments, 2A and 2B, count as 19 and 18.
fn check(text: &[u8]) -> Option<f32> {
    let mut body = [0; 13];
    body.copy_from_slice(&text[..13]);
    match &text[5..7] {
        b"2A" => body[5..7].copy_from_slice(b"19"),
        b"2B" => body[5..7].copy_from_slice(b"18"),
        other if !other[1].is_ascii_digit() => return None,
        _ => {}
    }
    let month = matches!(digits(&text[3..5]), 1..=12 | 20..=42 | 50..=99);
    let sex = matches!(text[0], b'1'..=b'4' | b'7' | b'8');
    pass(sex && month && 97 - digits(&body) % 97 == digits(&text[13..]))
}
