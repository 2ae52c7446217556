//! SIM card number.

use super::{ONE_IN_10, Recognizer, pass};
use crate::{check::luhn, entity::Group, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "ICCID",
    group: Group::Network,
    title: "SIM card number",
    validator: "89, Luhn",
    example: "8991101200003204514",
    forms: &[
        Form::new("9999999999999999999", -2.6),
        Form::new("99999999999999999999", -2.6),
        Form::new("9999~9999~9999~9999~999", -2.0),
        Form::new("9999~9999~9999~9999~9999", -2.0),
    ],
    check: |text| pass(text.starts_with(b"89") && luhn(text)),
    proof: ONE_IN_10,
    labels: "iccid, icc id, iccid number, sim, sim card, sim card number, sim number, sim no, \
        sim serial, carte sim, tarjeta sim, sim karte, simkaart, cartao sim, scheda sim",
    cues: "mobile, carrier, esim, operator",
    ..Recognizer::BLANK
};
