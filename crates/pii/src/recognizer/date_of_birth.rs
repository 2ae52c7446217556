//! Dates of birth.

use super::{Recognizer, Site, date::Date};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Run, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "DATE_OF_BIRTH",
    group: Group::Identity,
    title: "date of birth",
    validator: "calendar, from 1900 on, behind its label",
    example: "born on 18 January 1985",
    sites: &[Site::Number(number)],
    labels: "dob, d o b, date of birth, birth date, birthdate, birth day, birthday, born, born on, \
        bday, b day, birth, geboren, geboren am, geburtsdatum, geburtstag, geb, geb am, geb datum, \
        ne le, nee le, ne e le, date de naissance, naissance, anniversaire, nacido, nacida, nacido el, \
        nacida el, nacio, naci, nacio el, fecha de nacimiento, fecha nacimiento, nacimiento, \
        cumpleanos, geboren op, geboortedatum, geboorte datum, verjaardag, nascido, nascida, \
        nascido em, nascida em, nasceu, nasci, data de nascimento, nascimento, aniversario, nato, nata, \
        nato il, nata il, nato a, nata a, data di nascita, nascita, compleanno, 生年月日, 出生日期, \
        생년월일, дата рождения, родился, родилась",
    cues: "patient, age, aged, ssn, passport, name",
    against: "founded, established, created, updated, published, released, issued, due, expires, died, \
        gegründet, fondee, fundada, opgericht, fondata",
    ..Recognizer::BLANK
};

fn number(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    let Some(date) = Date::at(cx, run, index) else { return };
    if date.is_of_a_life() {
        let prior = if date.bare { -4.4 } else { -3.5 };
        cx.offer(sink, (date.start, date.end), Entity::DATE_OF_BIRTH, prior, true);
    }
}
