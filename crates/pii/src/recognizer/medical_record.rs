//! Medical record number.

use super::Recognizer;
use crate::{
    entity::Group,
    scan::{Spaced, Value},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "MEDICAL_RECORD",
    group: Group::Health,
    title: "medical record number",
    validator: "label and shape",
    example: "MRN-1234567",
    value: Some(Value {
        least: 4,
        most: 16,
        digits: 4,
        letters: 6,
        prior: -4.2,
        spaced: Spaced::Grouped,
        ..Value::PLAIN
    }),
    labels: "mrn, mrn number, mrn no, medical record, medical record number, medical record no, \
        medical record id, med rec no, patient id, patient number, patient no, patient \
        identifier, hospital number, hospital id, chart number, chart no, health record number, \
        national health id, health id, patientennummer, patienten nr, patienten id, fallnummer, \
        krankenaktennummer, numero de dossier medical, dossier medical, numero patient, ipp, historia clinica, numero de historia clinica, nhc, numero de \
        historia, expediente medico, patientnummer, patient nummer, dossiernummer, medisch \
        dossier, prontuario, numero do prontuario, cartella clinica, numero cartella clinica, \
        numero paziente, rx, prescription number, rx number",
    cues: "patient, admitted, hospital, clinic, ward, diagnosis, discharge, dob",
    ..Recognizer::BLANK
};
