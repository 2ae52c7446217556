//! United States DEA registration number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{
    check::{digit, weighted},
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "US_DEA",
    group: state("US"),
    title: "United States DEA registration number",
    validator: "check digit, registrant letter",
    example: "BJ4305567",
    forms: &[Form::new("AA9999999", -1.3), Form::new("A99999999", -3.5)],
    check,
    proof: ONE_IN_10,
    labels: "dea, dea number, dea no, dea registration, dea registration number, dea license",
    cues: "prescriber, physician, controlled substance, prescription, pharmacy, npi",
    against: "passport, employee",
    ..Recognizer::BLANK
};

/// The first, third and fifth digits and twice the others end in the seventh.
fn check(text: &[u8]) -> Option<f32> {
    let sum = weighted(&text[2..8], &[1, 2, 1, 2, 1, 2]);
    let registrant = b"ABCDEFGHJKLMPRSTUX".contains(&text[0]);
    pass(
        registrant
            && (text[1].is_ascii_uppercase() || text[1] == b'9')
            && sum % 10 == digit(text[8]),
    )
}
