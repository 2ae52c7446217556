//! Every recognizer finds what its fixture says, and nothing where it says so.

use std::{fmt::Write as _, fs, path::PathBuf};

use portcullis_pii::{Detector, Entity, Scanner};
use serde_json::Value;

/// The fewest hits and near misses of a fixture.
const LEAST: usize = 12;

/// Persons have prompts of their own, `fixtures/names/prompts.txt`; literal placeholders are checked
/// where texts are redacted.
const ELSEWHERE: [Entity; 2] = [Entity::PERSON, Entity::LITERAL];

#[test]
fn fixtures_hold() {
    let mut complaints = String::new();
    for entity in Entity::all().filter(|it| !ELSEWHERE.contains(it)) {
        let detector = Detector::builder().with(entity).build().expect("valid");
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(format!("{}.jsonl", entity.id().to_lowercase()));
        let Ok(lines) = fs::read_to_string(&path) else {
            let _ = writeln!(complaints, "{}: no fixture", entity.id());
            continue;
        };
        let (mut hits, mut misses) = (0, 0);
        for line in lines.lines() {
            let row: Value = serde_json::from_str(line).expect("a line of JSON");
            let text = row["text"].as_str().expect("a text");
            let value = row["hit"].as_str().or_else(|| row["miss"].as_str()).expect("a value");
            let wanted = row.get("hit").is_some();
            let start = text.find(value).expect("the value is in the text");
            let found = Scanner::new()
                .scan(&detector, text)
                .iter()
                .find(|it| it.entity == entity && it.start < start + value.len() && start < it.end)
                .copied();
            hits += usize::from(wanted);
            misses += usize::from(!wanted);
            if wanted != found.is_some() {
                let found = Scanner::new().scan(&detector, text).to_vec();
                let _ = writeln!(
                    complaints,
                    "{} {}: {text:?} {found:?}",
                    entity.id(),
                    if wanted { "missed" } else { "found" }
                );
            } else if let Some(found) =
                found.filter(|it| (it.start, it.end) != (start, start + value.len()))
            {
                let _ = writeln!(
                    complaints,
                    "{}: {text:?} has {:?}",
                    entity.id(),
                    &text[found.start..found.end]
                );
            }
        }
        if hits < LEAST || misses < LEAST {
            let _ = writeln!(complaints, "{}: {hits} hits and {misses} near misses", entity.id());
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}
