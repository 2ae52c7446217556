//! Finnish personal identity code.

use super::{Recognizer, pass, state};
use crate::{
    check::{date, digits},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "FI_HETU",
    group: state("FI"),
    title: "Finnish personal identity code",
    validator: "date of birth, mod 31",
    example: "131052-308T",
    forms: &[Form::new("999999-999*", 0.5), Form::new("999999A999*", 1.0)],
    check,
    proof: 3.4,
    labels: "henkilotunnus, henkilötunnus, hetu, henkilöturvatunnus, personbeteckning, finnish \
        personal identity code, personal identity code, finnish id, sotu",
    cues: "suomi, finland, finnish, syntynyt, kela",
    ..Recognizer::BLANK
};

/// The mark behind the date is the century; letters were added to it in 2023.
fn check(text: &[u8]) -> Option<f32> {
    let mark = text.len() - 10;
    let century = mark == 0 || b"ABCDEFUVWXY".contains(&text[6]);
    let number = digits(&text[..6]) * 1000 + digits(&text[6 + mark..9 + mark]);
    let expected = b"0123456789ABCDEFHJKLMNPRSTUVWXY"[(number % 31) as usize];
    pass(century && date::dmy(&text[..6]) && text[9 + mark] == expected)
}
