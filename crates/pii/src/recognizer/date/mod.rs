//! Dates of any kind. Off by default: most dates say nothing about anybody.

mod month;
mod read;

pub(super) use read::Date;

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Run, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "DATE",
    group: Group::Identity,
    title: "date",
    validator: "calendar",
    example: "18 January 1985",
    on: false,
    sites: &[Site::Number(number)],
    ..Recognizer::BLANK
};

/// Whether a word is the name of a month.
pub(super) fn is_month(word: &[u8]) -> bool {
    month::at(word).is_some_and(|(_, end)| end == word.len())
}

fn number(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    if let Some(date) = Date::at(cx, run, index) {
        cx.offer(sink, (date.start, date.end), Entity::DATE, 2.0, true);
    }
}
