//! Spanish company tax number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{check::digit, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "ES_CIF",
    group: state("ES"),
    title: "Spanish company tax number",
    validator: "control digit or letter",
    example: "B58378431",
    forms: &[
        Form::new("A9999999*", -2.6),
        Form::new("A~99999999", -1.5),
        Form::new("A~9999999~*", -1.0),
    ],
    check,
    proof: ONE_IN_10,
    labels: "cif, nif, codigo de identificacion fiscal, numero de identificacion fiscal, cif \
        number, spanish tax id, vat, vat number",
    cues: "empresa, sociedad, s l, s a, sl, sa, factura a nombre de, razon social, españa",
    ..Recognizer::BLANK
};

/// Some kinds of company have a letter as control, some a digit, some either.
fn check(text: &[u8]) -> Option<f32> {
    let doubled = |byte: &u8| {
        let twice = digit(*byte) * 2;
        twice / 10 + twice % 10
    };
    let body = &text[1..8];
    let odd: u32 = body.iter().step_by(2).map(doubled).sum();
    let even: u32 = body.iter().skip(1).step_by(2).map(|byte| digit(*byte)).sum();
    let control = (10 - (odd + even) % 10) % 10;
    let by_letter = text[8] == b"JABCDEFGHI"[control as usize];
    let by_digit = text[8].is_ascii_digit() && digit(text[8]) == control;
    match text[0] {
        b'N' | b'P' | b'Q' | b'R' | b'S' | b'W' => by_letter.then_some(1.5),
        b'A' | b'B' | b'E' | b'H' => pass(by_digit),
        b'C' | b'D' | b'F' | b'G' | b'J' | b'U' | b'V' => pass(by_digit || by_letter),
        _ => None,
    }
}
