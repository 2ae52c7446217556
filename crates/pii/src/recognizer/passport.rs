//! Passport number.

use super::Recognizer;
use crate::{entity::Group, scan::Value};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "PASSPORT",
    group: Group::Identity,
    title: "passport number",
    validator: "label and shape",
    example: "X1234567",
    value: Some(Value { least: 6, most: 12, digits: 4, letters: 4, prior: -4.2, ..Value::PLAIN }),
    labels: "passport, passport number, passport no, passport nr, passport id, passport num, \
        travel document, travel document number, visa number, reisepass, reisepassnummer, \
        reisepass nr, passnummer, pass nr, passeport, numero de passeport, n de passeport, \
        passeport n, pasaporte, numero de pasaporte, pasaporte n, paspoort, paspoortnummer, \
        paspoort nr, passaporte, numero do passaporte, passaporto, numero di passaporto, \
        passaporto n, паспорт, paszport, numer paszportu, 護照, 护照, 旅券番号, パスポート",
    cues: "issued, nationality, expires, expiry, travel, border, visa, ausgestellt, delivre, \
        expedido",
    ..Recognizer::BLANK
};
