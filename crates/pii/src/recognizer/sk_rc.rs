//! Slovak birth number.

use super::{ONE_IN_11, Recognizer, state};
use crate::scan::Form;

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "SK_RC",
    group: state("SK"),
    title: "Slovak birth number",
    validator: "date of birth, divisible by 11",
    example: "736028/5163",
    forms: &[
        Form::new("999999/9999", -0.3),
        Form::new("999999/999", -1.6),
        Form::new("9999999999", -6.2),
        Form::new("999999999", -6.6),
    ],
    check: super::cz_rc::check,
    proof: ONE_IN_11,
    labels: "rodne cislo, rodné číslo, slovak birth number, slovak national id",
    cues: "slovensko, slovenske, slovenskeho, slovak, slovakia, slovenska, narodený, narodená, občiansky, \
        obciansky preukaz, sr",
    ..Recognizer::BLANK
};
