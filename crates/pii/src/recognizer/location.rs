//! Places. Off by default.

use super::Recognizer;
use crate::entity::Group;

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "LOCATION",
    group: Group::Location,
    title: "place",
    validator: "statistical tagger",
    example: "Lisbon",
    on: false,
    ..Recognizer::BLANK
};
