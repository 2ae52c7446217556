//! Canadian social insurance number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{check::luhn, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "CA_SIN",
    group: state("CA"),
    title: "Canadian social insurance number",
    validator: "Luhn, first digit not 0 or 8",
    example: "130 692 544",
    forms: &[Form::new("999~999~999", -4.2), Form::new("999999999", -6.2)],
    check: |text| pass(luhn(text) && !matches!(text[0], b'0' | b'8')),
    proof: ONE_IN_10,
    labels: "sin, sin number, sin no, social insurance number, social insurance no, social \
        insurance, numero d assurance sociale, nas, assurance sociale, canadian sin",
    cues: "canada, canadian, cra, payroll, t4, employee",
    ..Recognizer::BLANK
};
