//! `portcullis pii types`.

use portcullis_pii::Entity;
use serde_json::{Value, json};

use crate::out;

pub(super) fn run(as_json: bool) {
    if as_json {
        let rows: Vec<Value> = Entity::all()
            .map(|it| {
                json!({
                    "type": it.id(), "group": it.group().to_string(), "title": it.title(), "validator": it.validator(),
                    "example": it.example(), "on": it.on_by_default(), "hold": it.hold(),
                })
            })
            .collect();
        out::line(Value::Array(rows));
        return;
    }
    out::line(format_args!(
        "{:<20} {:<14} {:<3} {}",
        "TYPE", "GROUP", "ON", "WHAT; HOW IT IS CHECKED; AN EXAMPLE"
    ));
    for it in Entity::all() {
        let on = if it.on_by_default() { "yes" } else { "no" };
        let example = it.example().lines().next().unwrap_or_default();
        let group = it.group().to_string();
        out::line(format_args!(
            "{:<20} {group:<14} {on:<3} {}; {}; {example}",
            it.id(),
            it.title(),
            it.validator()
        ));
    }
}
