//! Vehicle identification number.

use super::Recognizer;
use crate::{check::digit, entity::Group, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "VIN",
    group: Group::Identity,
    title: "vehicle identification number",
    validator: "no I O Q, check digit in North America (ISO 3779)",
    example: "1HGBH41JXMN109186",
    forms: &[Form::new("*****************", 0.4)],
    check,
    labels: "vin, vin number, vin no, vehicle identification number, vehicle identification, \
        chassis number, chassis no, fahrgestellnummer, fahrzeugidentifikationsnummer, fahrzeug \
        identifizierungsnummer, fin, numero de chassis, numero de serie du vehicule, numero de \
        bastidor, bastidor, chassisnummer, numero do chassi, chassi, numero di telaio, telaio",
    cues: "vehicle, car, truck, motor, fahrzeug, vehicule, vehiculo, voertuig, veiculo, veicolo",
    ..Recognizer::BLANK
};

/// The ninth character checks the others in North America only; elsewhere the form alone has to do.
fn check(text: &[u8]) -> Option<f32> {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |byte: u8| match byte {
        b'0'..=b'9' => digit(byte),
        _ => b"ABCDEFGH.JKLMN.P.R.STUVWXYZ".iter().position(|it| *it == byte).map_or(0, |place| {
            [1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 0, 7, 0, 9, 0, 2, 3, 4, 5, 6, 7, 8, 9][place]
        }),
    };
    let letters = text.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let formed = (2..=13).contains(&letters)
        && !text.iter().any(|byte| b"IOQ".contains(byte))
        && text[13..].iter().all(u8::is_ascii_digit);
    let sum: u32 = text.iter().zip(WEIGHTS).map(|(byte, weight)| value(*byte) * weight).sum();
    let checks = b"0123456789X"[(sum % 11) as usize] == text[8];
    let north_america = matches!(text[0], b'1'..=b'5');
    (formed && (checks || !north_america)).then_some(if checks { 2.4 } else { -4.6 })
}
