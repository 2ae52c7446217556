//! German passport number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::scan::Form;

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "DE_PASSPORT",
    group: state("DE"),
    title: "German passport number",
    validator: "characters without vowels, weights 7 3 1",
    example: "C01X00T478",
    forms: &[Form::new("*********9", -4.0), Form::new("*********", -6.2)],
    check,
    proof: ONE_IN_10,
    labels: "reisepass, reisepassnummer, reisepassnr, reisepass nr, passnummer, passnr, pass nr, \
        german passport, german passport number, deutscher reisepass",
    cues: "ausgestellt, bundesrepublik, behörde, german, deutsch, passport",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    pass(
        b"CFGHJK".contains(&text[0])
            && text[1..].iter().any(u8::is_ascii_digit)
            && super::de_id_card::valid(text),
    )
}
