//! Health insurance or plan number.

use super::Recognizer;
use crate::{
    entity::Group,
    scan::{Spaced, Value},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "HEALTH_PLAN",
    group: Group::Health,
    title: "health insurance or plan number",
    validator: "label and shape",
    example: "XEH123456789",
    value: Some(Value {
        least: 6,
        most: 18,
        digits: 4,
        letters: 8,
        prior: -4.2,
        spaced: Spaced::Grouped,
        ..Value::PLAIN
    }),
    labels: "health plan, health plan number, health plan id, health insurance, health insurance \
        number, health insurance id, health insurance no, insurance id, insurance number, \
        insurance no, insurance, insurance policy, insurance policy number, insurance card, \
        member id, member number, member no, membership id, subscriber id, subscriber number, \
        policy number, policy no, pol, policy id, group number, group no, beneficiary id, ins \
        id, ins, versicherungsnummer, krankenkassennummer, versicherungsschein, policennummer, \
        numero d assure, numero d adherent, mutuelle, numero de mutuelle, police d assurance, \
        numero de poliza, poliza, numero de asegurado, tarjeta sanitaria, numero de afiliacion, \
        polisnummer, verzekeringsnummer, relatienummer, numero da apolice, apolice, cartao de \
        saude, plano de saude, carteirinha, tessera sanitaria, polizza, numero di polizza, \
        numero polizza",
    cues: "policy, insurer, coverage, covered, claim, health, plan, insured, payer, copay, krankenkasse, \
        assurance, seguro, verzekering, assicurazione",
    against: "return policy, privacy policy, policy document",
    ..Recognizer::BLANK
};
