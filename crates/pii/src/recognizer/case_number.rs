//! Numbers of court cases and of other proceedings about somebody.

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Form, Run, Sink, Value},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "CASE_NUMBER",
    group: Group::Identity,
    title: "case number",
    validator: "label and shape; dockets of courts",
    example: "2:24-cv-01234-ABC",
    forms: &[
        Form::new("9999-AA-9999", -1.0),
        Form::new("9999-AA-99999", -1.0),
        Form::new("9999-AA-999999", -1.0),
        Form::new("9999-AAA-9999", -1.6),
        Form::new("9999-AAA-99999", -1.6),
        Form::new("9999-AAAA-9999", -1.6),
        Form::new("99-AA-99999", -1.4),
        Form::new("99-AA-9999", -1.8),
    ],
    check: |text| super::pass(text.iter().filter(|it| it.is_ascii_uppercase()).count() > 1),
    value: Some(Value { least: 4, most: 24, digits: 2, letters: 10, prior: -4.2, ..Value::PLAIN }),
    sites: &[Site::Number(docket), Site::Number(register)],
    labels: "case number, case no, case nr, case id, docket, docket number, docket no, cause no, \
        cause number, file number, file no, claim number, claim no, matter number, matter no, court case, \
        court file, complaint number, police report, report number, incident number, case file, \
        aktenzeichen, az, geschäftszeichen, geschäftsnummer, fallnummer, verfahren, \
        numero de dossier, affaire n, numero d affaire, numero de role, rg, expediente, \
        numero de expediente, numero de caso, zaaknummer, dossiernummer, \
        rolnummer, numero do processo, processo n, caso numero, procedimento, numero di ruolo, \
        fascicolo, r g, numero di causa, pratica",
    cues: "case, caso, zaak, dossier, autos, procedimiento, causa, affaire, processo, court, plaintiff, defendant, judge, v, vs, attorney, police, filed, gericht, tribunal, juez, \
        rechtbank, tribunale, hearing, complaint",
    against: "use case, test case, switch, upper case, lower case, in case, case study, worst case, best case",
    ..Recognizer::BLANK
};

/// A docket of a federal court of the United States: `2:24-cv-01234-ABC`.
fn docket(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    let start = run.groups()[index].start;
    let colon = cx.run(start, 2, |byte| byte.is_ascii_digit());
    if cx.at(colon) != b':' || cx.before(start).is_ascii_digit() {
        return;
    }
    let year = cx.run(colon + 1, 3, |byte| byte.is_ascii_digit());
    let kind = cx.run(year + 1, 5, |byte| byte.is_ascii_alphabetic());
    let number = cx.run(kind + 1, 7, |byte| byte.is_ascii_digit());
    let formed = year - colon == 3
        && cx.at(year) == b'-'
        && (2..=4).contains(&(kind - year - 1))
        && cx.at(kind) == b'-'
        && number - kind > 3;
    if !formed {
        return;
    }
    let mut end = number;
    while cx.at(end) == b'-' {
        let stop = cx.run(end + 1, 5, |byte| byte.is_ascii_alphanumeric());
        if stop == end + 1 || stop - end > 5 {
            break;
        }
        end = stop;
    }
    cx.offer(sink, (start, end), Entity::CASE_NUMBER, 2.5, true);
}

/// A number of a German court: `12 O 345/22`, `3 Ds 101 Js 1234/21`.
fn register(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    let group = run.groups()[index];
    let digits = |from: usize, most: usize| cx.run(from, most + 1, |byte| byte.is_ascii_digit());
    let mut end = digits(group.start, 3);
    if group.letters || end != group.end || end - group.start > 3 {
        return;
    }
    for _ in 0..2 {
        let kind = cx.run(end + 1, 4, |byte| byte.is_ascii_alphabetic());
        let number = digits(kind + 1, 5);
        if cx.at(end) != b' '
            || !cx.at(end + 1).is_ascii_uppercase()
            || cx.at(kind) != b' '
            || !(2..=6).contains(&(number - kind))
        {
            return;
        }
        end = number;
        if cx.at(end) == b'/' {
            break;
        }
    }
    let year = digits(end + 1, 2);
    if cx.at(end) == b'/' && year == end + 3 && !cx.at(year).is_ascii_alphanumeric() {
        cx.offer(sink, (group.start, year), Entity::CASE_NUMBER, -1.5, true);
    }
}
