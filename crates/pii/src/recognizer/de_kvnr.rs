//! German health insurance number.

use super::{ONE_IN_10, Recognizer, pass, state};
use crate::{check::digit, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "DE_KVNR",
    group: state("DE"),
    title: "German health insurance number",
    validator: "letter as two digits, weights 1 2, mod 10",
    example: "A123456780",
    forms: &[
        Form::new("A999999999", -4.4),
        Form::new("A~999999999", -4.0),
        Form::new("A~999~999~999", -3.0),
    ],
    check,
    proof: ONE_IN_10,
    labels: "krankenversichertennummer, krankenversicherungsnummer, krankenversicherungsnr, \
        kvnr, kv nummer, kv nr, versichertennummer, versichertennr, versicherten nr, \
        versichertenkennung, gesundheitskarte, egk, german health insurance number, health \
        insurance number, versichertenkarte",
    cues: "krankenkasse, aok, tk, barmer, dak, patient, versichert",
    ..Recognizer::BLANK
};

fn check(text: &[u8]) -> Option<f32> {
    let letter = u32::from(text[0] - b'A') + 1;
    let body = text[1..9].iter().map(|byte| digit(*byte));
    let sum: u32 = [letter / 10, letter % 10]
        .into_iter()
        .chain(body)
        .zip([1, 2].into_iter().cycle())
        .map(|(digit, weight)| digit * weight)
        .map(|it| it / 10 + it % 10)
        .sum();
    pass(sum % 10 == digit(text[9]))
}
