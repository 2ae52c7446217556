//! Israeli identity number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{digits, luhn},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "IL_ID",
    group: state("IL"),
    title: "Israeli identity number",
    validator: "Luhn over nine digits",
    example: "123456782",
    forms: &[
        Form::new("999999999", -6.2),
        Form::new("9~9999999~9", -2.5),
        Form::new("99999999~9", -3.5),
    ],
    check: |text| pass(luhn(text) && digits(text) != 0),
    proof: ONE_IN_10,
    labels: "teudat zehut, mispar zehut, תעודת זהות, מספר זהות, ת ז, תז, israeli id, israeli id \
        number, israeli identity number, israel id, tz",
    cues: "israel, israeli, ישראל",
    ..Recognizer::BLANK
};
