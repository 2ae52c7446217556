//! Texts with marked spans.

use std::{fs, path::Path};

use portcullis_pii::eval::{Span, canonical};
use serde::Deserialize;

use crate::{
    step::Outcome,
    train_pii::corpus::{self, fold},
};

/// A text and what is marked in it, by byte offsets and our ids.
pub(crate) struct Marked {
    pub(crate) text: String,
    pub(crate) spans: Vec<Span>,
}

/// Types whose values in the annotated sets are not valid, as their notes say: drawn without check
/// digits, or without any label.
pub(crate) const UNCHECKED: [&str; 6] =
    ["US_NPI", "US_DEA", "CREDIT_CARD", "US_BANK_ROUTING", "LICENSE_PLATE", "SWIFT_BIC"];

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    template_id: Option<u64>,
    text: String,
    spans: Vec<LineSpan>,
}

#[derive(Deserialize)]
struct LineSpan {
    start: usize,
    end: usize,
    #[serde(rename = "type")]
    kind: String,
}

/// The texts of a file of this repository.
pub(crate) fn file(path: &str) -> Outcome<Vec<Marked>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    text.lines().map(|line| Ok(parse(path, line)?.1)).collect()
}

/// The texts of the annotated sets' part that is measured on.
pub(crate) fn spans(data: &Path) -> Outcome<Vec<Marked>> {
    let mut all = Vec::new();
    for name in ["presidio_synth_v2.dev", "pii_anon_eval.dev"] {
        for line in corpus::lines(data, name)?.lines() {
            let (template, marked) = parse(name, line)?;
            let group = match template {
                Some(id) => format!("presidio {id}"),
                None => outline(&marked.text, line)?,
            };
            if fold(&group) == super::PART {
                all.push(marked);
            }
        }
    }
    Ok(all)
}

fn parse(file: &str, line: &str) -> Outcome<(Option<u64>, Marked)> {
    let line: Line = serde_json::from_str(line).map_err(|error| format!("{file}: {error}"))?;
    let offsets: Vec<usize> =
        line.text.char_indices().map(|(at, _)| at).chain([line.text.len()]).collect();
    let spans = line
        .spans
        .iter()
        .filter_map(|span| {
            let entity = canonical(&span.kind)?.to_owned();
            Some(Span { start: *offsets.get(span.start)?, end: *offsets.get(span.end)?, entity })
        })
        .collect();
    Ok((line.template_id, Marked { text: line.text, spans }))
}

/// The letters of a text with the names of types for what is marked: what `train-pii` groups by, the
/// same for texts of one template.
fn outline(text: &str, line: &str) -> Outcome<String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut marks: Vec<(usize, usize, &str)> = Vec::new();
    for span in &line.spans {
        if let (Some(start), Some(end)) = (offsets.get(span.start), offsets.get(span.end)) {
            marks.push((*start, *end, &span.kind));
        }
    }
    marks.sort_by_key(|mark| mark.0);
    marks.dedup_by(|b, a| b.0 < a.1);
    let (mut outline, mut at) = (String::new(), 0);
    for (start, end, kind) in marks {
        outline.push_str(&text[at..start]);
        outline.push_str(kind);
        at = end;
    }
    outline.push_str(&text[at..]);
    Ok(outline.chars().filter(|c| c.is_alphabetic()).collect())
}
