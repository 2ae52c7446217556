//! Organisations. Off by default.

use super::Recognizer;
use crate::entity::Group;

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "ORGANIZATION",
    group: Group::Identity,
    title: "company, authority or other organisation",
    validator: "statistical tagger",
    example: "Acme GmbH",
    on: false,
    ..Recognizer::BLANK
};
