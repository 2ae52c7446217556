//! `portcullis pii eval`.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_pii::{
    Scanner,
    eval::{Counts, Scores, Span, canonical},
};
use serde_json::{Value, json};

use super::CodePoints;
use crate::{cli::PiiEval, failure::Failure, out};

/// A text, what is marked in it, and the types of the marked spans that we do not have.
struct Row {
    text: String,
    spans: Vec<Span>,
    foreign: Vec<String>,
}

pub(super) fn run(args: &PiiEval) -> Result<(), Failure> {
    let detector = args.detector.detector()?;
    let lines = super::read(&args.gold)?;
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(lines.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let row = marked(line)
            .map_err(|what| Failure::new(format!("{}:{number}: {what}", args.gold.display())))?;
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(Failure::new(format!("{}: holds no marked text", args.gold.display())));
    }
    let marked: BTreeSet<String> =
        rows.iter().flat_map(|row| &row.spans).map(|it| it.entity.clone()).collect();
    let mut foreign: BTreeMap<String, usize> = BTreeMap::new();
    let mut scanner = Scanner::new();
    let mut scores = Scores::default();
    for Row { text, spans: gold, foreign: theirs } in &rows {
        for name in theirs {
            *foreign.entry(name.clone()).or_default() += 1;
        }
        // It is not clean, and what we may find in it was not asked for.
        if gold.is_empty() && !theirs.is_empty() {
            continue;
        }
        let mut points = CodePoints::new(text);
        let mut found = Vec::new();
        for it in scanner.scan(&detector, text) {
            let (start, end) = (points.at(it.start), points.at(it.end));
            found.push(Span { start, end, entity: it.entity.id().to_owned() });
        }
        // What nobody marked anywhere was not looked for by whoever marked.
        if !gold.is_empty() {
            found.retain(|it| marked.contains(&it.entity));
        }
        scores.add(gold, &found);
    }
    show(&scores, &marked, &foreign, args.json);
    Ok(())
}

/// Reads one line of marked text.
fn marked(line: &str) -> Result<Row, String> {
    let row: Value = serde_json::from_str(line)
        .map_err(|error| format!("not a JSON object (column {})", error.column()))?;
    let text = row.get("text").and_then(Value::as_str).ok_or("has no `text`")?;
    let spans = row.get("spans").and_then(Value::as_array).ok_or("has no `spans`")?;
    let length = text.chars().count();
    let mut marked = Row { text: text.to_owned(), spans: Vec::new(), foreign: Vec::new() };
    for (number, span) in (1..).zip(spans) {
        let offset = |key: &str| {
            let value = span.get(key).ok_or_else(|| format!("span {number} has no `{key}`"))?;
            let value = value.as_u64().map(|it| it as usize);
            value.ok_or_else(|| format!("`{key}` of span {number} is no whole number from 0 on"))
        };
        let kind = span.get("type").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| format!("span {number} has no `type`"))?;
        let (start, end) = (offset("start")?, offset("end")?);
        if start >= end {
            return Err(format!("span {number} is empty or ends before it starts"));
        }
        if end > length {
            return Err(format!("span {number} ends at {end}, the text has {length} characters"));
        }
        match canonical(kind) {
            Some(entity) => marked.spans.push(Span { start, end, entity: entity.to_owned() }),
            None => marked.foreign.push(kind.chars().take(64).collect()),
        }
    }
    Ok(marked)
}

fn show(
    scores: &Scores,
    marked: &BTreeSet<String>,
    foreign: &BTreeMap<String, usize>,
    as_json: bool,
) {
    let rows: Vec<(&str, Counts)> =
        scores.entities().filter(|(id, _)| marked.contains(*id)).collect();
    let total = scores.total(|id| marked.contains(id));
    if as_json {
        let types: serde_json::Map<String, Value> =
            rows.iter().map(|(id, counts)| ((*id).to_owned(), figures(counts))).collect();
        out::line(
            json!({ "types": types, "total": figures(&total), "clean": scores.clean, "touched": scores.touched, "left_out": foreign }),
        );
        return;
    }
    out::line(format_args!(
        "{:<20} {:>7} {:>7} {:>6} {:>6} {:>6} {:>6} {:>8} {:>8}",
        "TYPE", "MARKED", "FOUND", "P", "R", "F1", "F2", "EXACT F1", "EXACT F2"
    ));
    for (id, counts) in rows.iter().copied().chain([("together", total)]) {
        out::line(format_args!(
            "{id:<20} {:>7} {:>7} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {:>8.3} {:>8.3}",
            counts.gold,
            counts.found,
            counts.precision(),
            counts.recall(),
            counts.f(1.0),
            counts.f(2.0),
            counts.exact_f(1.0),
            counts.exact_f(2.0)
        ));
    }
    out::line(format_args!(
        "{} of {} texts with nothing marked are touched",
        scores.touched, scores.clean
    ));
    for (name, count) in foreign {
        out::line(format_args!("left out: {count} of type {name}, which is none of ours"));
    }
}

fn figures(counts: &Counts) -> Value {
    json!({
        "marked": counts.gold, "found": counts.found, "precision": counts.precision(), "recall": counts.recall(),
        "f1": counts.f(1.0), "f2": counts.f(2.0), "exact_f1": counts.exact_f(1.0), "exact_f2": counts.exact_f(2.0),
    })
}
