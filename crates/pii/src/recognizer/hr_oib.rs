//! Croatian personal identification number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{check::mod11_10, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "HR_OIB",
    group: state("HR"),
    title: "Croatian personal identification number",
    validator: "ISO 7064 mod 11,10",
    example: "69435151530",
    forms: &[Form::new("99999999999", -6.0), Form::new("HR99999999999", 0.5)],
    check: |text| pass(mod11_10(&text[text.len() - 11..])),
    proof: ONE_IN_11,
    labels: "oib, osobni identifikacijski broj, oib number, croatian oib, croatian id, personal \
        identification number",
    cues: "hrvatska, croatia, croatian",
    ..Recognizer::BLANK
};
