//! German identity card number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{check::digit, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "DE_ID_CARD",
    group: state("DE"),
    title: "German identity card number",
    validator: "characters without vowels, weights 7 3 1",
    example: "L01X00T471",
    forms: &[Form::new("*********9", -4.0), Form::new("*********", -6.6)],
    check,
    proof: ONE_IN_10,
    labels: "personalausweises, personalausweis, personalausweisnummer, personalausweisnr, personalausweis nr, \
        ausweisnummer, ausweisnr, ausweis nr, ausweis, id card, id card number, identity card, \
        identity card number, perso, german id card",
    cues: "ausgestellt, bundesrepublik, behörde, german, deutsch",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    pass(
        b"LMNPRTVWXY".contains(&text[0]) && text[1..].iter().any(u8::is_ascii_digit) && valid(text),
    )
}

/// Weights 7 3 1; letters count as 10 to 35. Vowels and letters that look like digits are not used.
pub(super) fn valid(text: &[u8]) -> bool {
    let sum: u32 = text[..9]
        .iter()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(byte, weight)| {
            weight * if byte.is_ascii_digit() { digit(*byte) } else { u32::from(byte - b'A') + 10 }
        })
        .sum();
    let charset =
        text[..9].iter().all(|byte| byte.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(byte));
    charset && (text.len() == 9 || sum % 10 == digit(text[9]))
}
