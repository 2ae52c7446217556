//! Nigerian national identification number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{digits, verhoeff},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "NG_NIN",
    group: state("NG"),
    title: "Nigerian national identification number",
    validator: "Verhoeff",
    example: "12345678902",
    forms: &[Form::new("99999999999", -5.8), Form::new("9999~999~9999", -4.0)],
    check: |text| pass(verhoeff(text) && digits(text) != 0),
    proof: ONE_IN_10,
    labels: "nin, nin number, national identification number, nigerian nin, nigerian id, nimc",
    cues: "nigeria, nigerian, bvn",
    ..Recognizer::BLANK
};
