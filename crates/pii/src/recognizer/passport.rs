//! Passport number.

use super::Recognizer;
use crate::{
    entity::Group,
    scan::{Shape, Spaced, Value},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "PASSPORT",
    group: Group::Identity,
    title: "passport number",
    validator: "label; shapes of the numbers of some eighty countries",
    example: "X1234567",
    value: Some(Value {
        least: 6,
        most: 12,
        digits: 4,
        letters: 4,
        prior: -4.2,
        spaced: Spaced::Grouped,
        shapes: SHAPES,
        ..Value::PLAIN
    }),
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

/// Numbers of passports, by the offices that issue them.
const SHAPES: &[Shape] = &[
    // Seven to ten digits: the United States, the United Kingdom, Sweden, Denmark, Russia, Israel.
    &[(b'9', 7, 10)],
    // A letter and digits: the newer of the United States, India, Japan, Switzerland, Mexico.
    &[(b'A', 1, 1), (b'9', 6, 9)],
    // Two letters and digits: Canada, Italy, Poland, Brazil, Belgium, China.
    &[(b'A', 2, 2), (b'9', 6, 7)],
    // Three: Spain, Argentina, Norway.
    &[(b'A', 3, 3), (b'9', 5, 6)],
    // A letter at the end: Singapore, Malaysia, the Philippines, Latvia.
    &[(b'A', 1, 2), (b'9', 6, 7), (b'A', 1, 1)],
    // Canada since 2023.
    &[(b'A', 1, 1), (b'9', 6, 6), (b'A', 2, 2)],
    // France.
    &[(b'9', 2, 2), (b'A', 2, 2), (b'9', 5, 5)],
    // Korea.
    &[(b'A', 1, 1), (b'9', 3, 3), (b'A', 1, 1), (b'9', 4, 4)],
    // Germany, the Netherlands, Chile: letters and digits mixed, nine or ten together.
    &[(b'A', 1, 2), (b'*', 7, 8)],
];
