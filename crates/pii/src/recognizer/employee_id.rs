//! Employee number.

use super::Recognizer;
use crate::{entity::Group, scan::Value};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "EMPLOYEE_ID",
    group: Group::Identity,
    title: "employee number",
    validator: "label and shape",
    example: "E12345",
    value: Some(Value { least: 3, most: 14, digits: 3, letters: 6, prior: -4.2, ..Value::PLAIN }),
    labels: "employee id, employee number, employee no, employee nr, employee num, employee \
        identification, emp id, empid, emp no, emp number, emp, staff id, staff number, staff \
        no, personnel number, personnel no, personnel id, badge number, badge id, badge no, \
        worker id, worker number, payroll number, payroll id, personalnummer, personalnr, \
        personal nr, mitarbeiternummer, mitarbeiter nr, mitarbeiter id, matricule, numero de \
        matricule, numero d employe, matricule employe, numero de empleado, id de empleado, \
        legajo, numero de personal, personeelsnummer, medewerkernummer, werknemersnummer, \
        medewerker id, numero de funcionario, matricula do funcionario, numero do empregado, \
        matricola, numero di matricola, codice dipendente, numero dipendente",
    cues: "hr, hired, department, payroll, badge, staff, onboarding, manager",
    ..Recognizer::BLANK
};
