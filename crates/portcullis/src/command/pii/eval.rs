//! `portcullis pii eval`.

use std::collections::BTreeSet;

use portcullis_pii::{
    Scanner,
    eval::{Counts, Scores, Span, canonical},
};
use serde_json::{Value, json};

use super::CodePoints;
use crate::{cli::PiiEval, failure::Failure, out};

pub(super) fn run(args: &PiiEval) -> Result<(), Failure> {
    let detector = args.detector.detector()?;
    let lines = super::read(&args.gold)?;
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(lines.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let row = marked(line)
            .map_err(|what| Failure::new(format!("{}:{number}: {what}", args.gold.display())))?;
        rows.push(row);
    }
    let marked: BTreeSet<String> =
        rows.iter().flat_map(|(_, spans)| spans).map(|it| it.entity.clone()).collect();
    let mut scanner = Scanner::new();
    let mut scores = Scores::default();
    for (text, gold) in &rows {
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
    show(&scores, &marked, args.json);
    Ok(())
}

/// A text and its marked spans; those of types that we do not have are left out.
fn marked(line: &str) -> Result<(String, Vec<Span>), String> {
    let row: Value = serde_json::from_str(line)
        .map_err(|error| format!("not a JSON object (column {})", error.column()))?;
    let text = row.get("text").and_then(Value::as_str).ok_or("has no `text`")?;
    let spans = row.get("spans").and_then(Value::as_array).ok_or("has no `spans`")?;
    let mut marked = Vec::new();
    for span in spans {
        let offset = |key: &str| {
            let value = span.get(key).and_then(Value::as_u64);
            value.map(|it| it as usize).ok_or_else(|| format!("a span has no `{key}`"))
        };
        let kind = span.get("type").and_then(Value::as_str).ok_or("a span has no `type`")?;
        let (start, end) = (offset("start")?, offset("end")?);
        if start >= end {
            return Err("a span ends before it starts".to_owned());
        }
        if let Some(entity) = canonical(kind) {
            marked.push(Span { start, end, entity: entity.to_owned() });
        }
    }
    Ok((text.to_owned(), marked))
}

fn show(scores: &Scores, marked: &BTreeSet<String>, as_json: bool) {
    let rows: Vec<(&str, Counts)> =
        scores.entities().filter(|(id, _)| marked.contains(*id)).collect();
    let total = scores.total(|id| marked.contains(id));
    if as_json {
        let types: serde_json::Map<String, Value> =
            rows.iter().map(|(id, counts)| ((*id).to_owned(), figures(counts))).collect();
        out::line(
            json!({ "types": types, "total": figures(&total), "clean": scores.clean, "touched": scores.touched }),
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
}

fn figures(counts: &Counts) -> Value {
    json!({
        "marked": counts.gold, "found": counts.found, "precision": counts.precision(), "recall": counts.recall(),
        "f1": counts.f(1.0), "f2": counts.f(2.0), "exact_f1": counts.exact_f(1.0), "exact_f2": counts.exact_f(2.0),
    })
}
