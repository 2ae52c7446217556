//! Swiss social insurance number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{check::weighted, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "CH_AHV",
    group: state("CH"),
    title: "Swiss social insurance number",
    validator: "756, EAN-13 check digit",
    example: "756.9217.0769.85",
    forms: &[
        Form::new("999.9999.9999.99", 2.0),
        Form::new("999~9999~9999~99", 1.5),
        Form::new("9999999999999", -0.5),
    ],
    check,
    proof: ONE_IN_10,
    labels: "ahv, ahv nummer, ahv nr, ahvn13, ahvn, avs, numero avs, no avs, n avs, numero avs, \
        sozialversicherungsnummer, sv nummer, versichertennummer, swiss social security number, \
        oasi, navs13",
    cues: "schweiz, suisse, svizzera, switzerland, swiss",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(text, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]);
    pass(text.starts_with(b"756") && sum.is_multiple_of(10))
}
