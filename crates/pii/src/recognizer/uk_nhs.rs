//! United Kingdom NHS number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::{check::weighted, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "UK_NHS",
    group: state("GB"),
    title: "United Kingdom NHS number",
    validator: "weights 10 to 2, mod 11",
    example: "943 476 5919",
    forms: &[Form::new("999~999~9999", -5.0), Form::new("9999999999", -6.4)],
    check,
    proof: ONE_IN_11,
    labels: "nhs, nhs number, nhs no, nhs id, national health service number, national health \
        service",
    cues: "patient, gp, surgery, hospital, ward",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(text, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    let repeated = text.iter().all(|byte| *byte == text[0]);
    pass(sum.is_multiple_of(11) && !repeated)
}
