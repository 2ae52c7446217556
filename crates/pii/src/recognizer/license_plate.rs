//! Vehicle registration.

use super::Recognizer;
use crate::{
    entity::Group,
    scan::{Spaced, Value},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "LICENSE_PLATE",
    group: Group::Identity,
    title: "vehicle registration",
    validator: "label and shape",
    example: "ABC 1234",
    value: Some(Value {
        least: 4,
        most: 9,
        digits: 1,
        letters: 6,
        spaced: Spaced::Any,
        prior: -4.2,
        ..Value::PLAIN
    }),
    labels: "license plate, licence plate, license plate number, licence plate number, plate \
        number, plate no, number plate, plate, plates, registration number, vehicle \
        registration, vehicle registration number, vrn, car registration, reg number, reg no, \
        vehicle reg, kennzeichen, autokennzeichen, kfz kennzeichen, nummernschild, amtliches \
        kennzeichen, plaque d immatriculation, immatriculation, plaque, numero d \
        immatriculation, immatricule, immatriculee, matricula, placa, placas, numero de \
        matricula, kenteken, kentekenplaat, nummerplaat, matrícula, chapa, placa do carro, \
        targa, numero di targa, targato, targata",
    cues: "car, vehicle, truck, parked, parking, speeding, toll, fahrzeug, auto, voiture, \
        vehicule, coche, vehiculo, voertuig, carro, veicolo, macchina",
    against: "voter, company registration, registration date, student, home plate",
    ..Recognizer::BLANK
};
