//! Lithuanian personal code.

use super::{ONE_IN_11, Recognizer, state};
use crate::scan::Form;

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "LT_ID",
    group: state("LT"),
    title: "Lithuanian personal code",
    validator: "date of birth, weights, mod 11",
    example: "33309240064",
    forms: &[Form::new("99999999999", -4.4)],
    check: super::ee_id::check,
    proof: ONE_IN_11,
    labels: "asmens kodas, asmens kodą, a k, lithuanian id, lithuanian personal code, personal \
        code",
    cues: "lietuva, lithuania, lithuanian, gimęs, gimusi",
    ..Recognizer::BLANK
};
