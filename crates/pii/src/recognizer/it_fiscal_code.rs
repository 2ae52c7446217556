//! Italian fiscal code.

use super::{Recognizer, pass, state};
use crate::{check::digit, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "IT_FISCAL_CODE",
    group: state("IT"),
    title: "Italian fiscal code",
    validator: "check letter, month letter, day",
    example: "RSSMRA85T10A562S",
    forms: &[Form::new("AAAAAA**A**A***A", 1.5), Form::new("AAA~AAA~**A**~A***A", 2.0)],
    check,
    proof: 3.2,
    labels: "codice fiscale, cod fiscale, cod fisc, cf, c f, fiscal code, italian fiscal code, \
        italian tax code, tax code, tax id",
    cues: "nato, nata, residente, italia, italy, italian",
    ..Recognizer::BLANK
};

/// Digits may have been turned to letters where two people would share a code.
fn check(text: &[u8]) -> Option<f32> {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let value = |byte: u8| if byte.is_ascii_digit() { digit(byte) } else { u32::from(byte - b'A') };
    let sum: u32 = text[..15]
        .iter()
        .enumerate()
        .map(|(place, byte)| if place % 2 == 0 { ODD[value(*byte) as usize] } else { value(*byte) })
        .sum();
    let plain = |byte: u8| match byte {
        b'0'..=b'9' => Some(u64::from(digit(byte))),
        _ => b"LMNPQRSTUV".iter().position(|it| *it == byte).map(|it| it as u64),
    };
    let numbers = [6, 7, 9, 10, 12, 13, 14].iter().all(|place| plain(text[*place]).is_some());
    let day = plain(text[9])? * 10 + plain(text[10])?;
    let born = b"ABCDEHLMPRST".contains(&text[8]) && matches!(day, 1..=31 | 41..=71);
    pass(numbers && born && sum % 26 == u32::from(text[15] - b'A'))
}
