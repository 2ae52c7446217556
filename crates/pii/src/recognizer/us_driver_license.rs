//! Driver license number, of the United States first of all.

use super::{Recognizer, state};
use crate::scan::{Shape, Value};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "US_DRIVER_LICENSE",
    group: state("US"),
    title: "driver license number",
    validator: "label; shapes of the states' numbers (AAMVA), and of Canada and Europe",
    example: "D1234567",
    value: Some(Value {
        least: 5,
        most: 17,
        digits: 4,
        letters: 6,
        prior: -4.2,
        shapes: SHAPES,
        ..Value::PLAIN
    }),
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

/// Numbers of licences, by the offices that issue them.
const SHAPES: &[Shape] = &[
    // Digits only: most of the states; eleven and twelve also in Brazil, France and Japan.
    &[(b'9', 5, 14)],
    &[(b'9', 16, 16)],
    // A letter and digits: California to Wisconsin, Ontario, Italy's oldest.
    &[(b'A', 1, 1), (b'9', 4, 14)],
    // Two letters: Colorado, Ohio, West Virginia, Massachusetts, Italy, Australia.
    &[(b'A', 2, 2), (b'9', 3, 8)],
    // Idaho, Italy: letters on both sides.
    &[(b'A', 1, 2), (b'9', 6, 7), (b'A', 1, 1)],
    // North Dakota.
    &[(b'A', 3, 3), (b'9', 6, 6)],
    // New Hampshire.
    &[(b'9', 2, 2), (b'A', 3, 3), (b'9', 5, 5)],
    // Iowa.
    &[(b'9', 3, 3), (b'A', 2, 2), (b'9', 4, 4)],
    // Kansas.
    &[(b'A', 1, 1), (b'9', 1, 1), (b'A', 1, 1), (b'9', 1, 1), (b'A', 1, 1)],
    // Missouri, Maine, Vermont, and Spain, whose licence has the number of the identity card.
    &[(b'9', 7, 9), (b'A', 1, 2)],
    &[(b'A', 1, 1), (b'9', 6, 6), (b'A', 1, 1)],
    // Washington.
    &[(b'A', 7, 7), (b'9', 3, 3), (b'*', 2, 2)],
    // Germany: the office, a number and a check character, eleven together.
    &[(b'*', 1, 1), (b'9', 2, 2), (b'*', 6, 6), (b'9', 1, 1), (b'*', 1, 1)],
];
