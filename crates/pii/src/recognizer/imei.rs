//! Mobile equipment identity.

use super::{ONE_IN_10, Recognizer, pass};
use crate::{
    check::{digits, luhn},
    entity::Group,
    scan::Form,
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "IMEI",
    group: Group::Network,
    title: "mobile equipment identity",
    validator: "Luhn over 15 digits",
    example: "490154203237518",
    forms: &[
        Form::new("999999999999999", -5.6),
        Form::new("99-999999-999999-9", 0.0),
        Form::new("99~999999~999999~9", -0.5),
    ],
    check: |text| pass(luhn(text) && digits(text) != 0),
    proof: ONE_IN_10,
    labels: "imei, imei number, imei no, imei1, imei2, imei nummer, numero imei",
    cues: "device, phone, handset, mobile, telefon, appareil, dispositivo, toestel",
    ..Recognizer::BLANK
};
