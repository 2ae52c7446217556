//! Malaysian identity card number.

use super::{Recognizer, pass, state};
use crate::{
    check::{date, digits},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "MY_NRIC",
    group: state("MY"),
    title: "Malaysian identity card number",
    validator: "date of birth, place of birth",
    example: "770305-02-1234",
    forms: &[Form::new("999999-99-9999", 1.2), Form::new("999999999999", -5.2)],
    check,
    labels: "mykad, my kad, mykad number, nric, nric no, nric number, ic, ic no, ic number, kad \
        pengenalan, no kp, nombor kad pengenalan, malaysian ic, malaysian id",
    cues: "malaysia, malaysian",
    ..Recognizer::BLANK
};

/// The two digits in the middle are a state or a country.
fn check(text: &[u8]) -> Option<f32> {
    let place = digits(&text[6..8]);
    let never = matches!(place, 0 | 17..=20 | 69..=70 | 73 | 80 | 81 | 94..=97);
    pass(date::ymd(&text[..6]) && !never)
}
