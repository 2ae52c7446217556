//! Singapore foreign identification number.

use super::{ONE_IN_11, Recognizer, pass, state};
use crate::scan::Form;

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "SG_FIN",
    group: state("SG"),
    title: "Singapore foreign identification number",
    validator: "weights, check letter",
    example: "F1234567N",
    forms: &[Form::new("A9999999A", 0.0)],
    check,
    proof: ONE_IN_11,
    labels: "fin, fin number, fin no, foreign identification number, work pass, work permit, \
        nric, singapore fin",
    cues: "singapore, employment pass, foreigner",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    pass(matches!(text[0], b'F' | b'G' | b'M') && super::sg_nric::valid(text))
}
