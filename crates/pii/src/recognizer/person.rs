//! Names of people.

use super::Recognizer;
use crate::entity::Group;

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "PERSON",
    group: Group::Identity,
    title: "name of a person",
    validator: "statistical tagger",
    example: "Jane Doe",
    hold: 1024,
    ..Recognizer::BLANK
};
