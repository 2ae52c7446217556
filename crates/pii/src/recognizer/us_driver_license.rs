//! United States driver license number.

use super::{Recognizer, state};
use crate::scan::Value;

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "US_DRIVER_LICENSE",
    group: state("US"),
    title: "United States driver license number",
    validator: "label; forms of the states",
    example: "D1234567",
    value: Some(Value { least: 5, most: 17, digits: 4, letters: 6, spaced: false, prior: -4.2 }),
    labels: "driver license, drivers license, driver license number, drivers license number, \
        driver licence, driving license, driver license no, drivers license no, drivers lic, dl, \
        dl number, dl no, dl num, license number, licence number, license no, driver id, driver \
        identification, operator license, operators license, driver license id, driving license \
        number, cdl, führerschein, führerscheinnummer, permis de conduire, numero de permis, \
        licencia de conducir, carnet de conducir, permiso de conducir, rijbewijs, \
        rijbewijsnummer, carta de condução, carteira de motorista, cnh, patente, patente di \
        guida, numero patente",
    cues: "dmv, state, driver, issued, class",
    against: "software license, license key, business license, medical license, bar number, bar \
        no, license plate, cpa, real estate",
    ..Recognizer::BLANK
};
