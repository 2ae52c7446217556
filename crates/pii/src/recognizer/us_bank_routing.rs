//! United States bank routing number.

use super::{ONE_IN_10, Recognizer, pass};
use crate::{
    check::{digits, weighted},
    entity::Group,
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "US_BANK_ROUTING",
    group: Group::Financial,
    title: "United States bank routing number",
    validator: "weights 3 7 1, Federal Reserve prefix (ABA)",
    example: "021000021",
    forms: &[Form::new("999999999", -6.3), Form::new("9999~9999~9", -4.0)],
    check,
    proof: ONE_IN_10,
    labels: "numero de ruta, routing, routing number, routing no, aba, aba number, aba routing, aba routing \
        number, bank routing, bank routing number, rtn, routing transit number, routing code, \
        transit number, ach routing",
    cues: "bank, account, wire, ach, checking, savings, deposit",
    ..Recognizer::BLANK
};

/// The first two digits are a Federal Reserve district, a thrift, an electronic or a traveller's
/// cheque number.
fn check(text: &[u8]) -> Option<f32> {
    let district = matches!(digits(&text[..2]), 0..=12 | 21..=32 | 61..=72 | 80);
    let sum = weighted(text, &[3, 7, 1, 3, 7, 1, 3, 7, 1]);
    pass(district && sum.is_multiple_of(10) && digits(text) != 0)
}
