//! Mobile subscriber identity.

use super::{Recognizer, pass};
use crate::{check::digits, entity::Group, scan::Form};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "IMSI",
    group: Group::Network,
    title: "mobile subscriber identity",
    validator: "mobile country code",
    example: "310150123456789",
    forms: &[Form::new("999999999999999", -5.2), Form::new("99999999999999", -5.4)],
    check: |text| {
        pass(
            matches!(digits(&text[..3]), 202..=376 | 400..=470 | 502..=555 | 602..=657 | 702..=750),
        )
    },
    labels: "imsi, imsi number, imsi no, international mobile subscriber identity, numero imsi",
    cues: "subscriber, sim, mobile, carrier",
    ..Recognizer::BLANK
};
