//! What a model makes of texts it never learned from.

use std::{collections::BTreeMap, fs, path::Path};

use portcullis_pii::names::{NameKind, NameSpan, Tagger};
use serde::Deserialize;

use super::{corpus::Text, measure, patterns};
use crate::step::Outcome;

/// Names of a lower score do not count.
const THRESHOLD: f32 = 0.5;

/// Prints precision, recall and F1 by set and kind.
pub(crate) fn sets(tagger: &mut Tagger, held: &[&Text]) {
    for ((set, kind), counts) in &measure::measure(tagger, held, THRESHOLD) {
        if counts.true_names + counts.found > 0 {
            println!(
                "  {set:14} {:12} F1 {:.3}, by overlap P {:.3} R {:.3} F1 {:.3} ({} true, touched {})",
                format!("{kind:?}"),
                counts.f1(),
                counts.overlap_precision(),
                counts.overlap_recall(),
                counts.overlap_f1(),
                counts.true_names,
                counts.touched
            );
        }
    }
}

/// Prints the texts of a set in which persons are missed (`-`) or wrongly found (`+`).
pub(crate) fn errors(tagger: &mut Tagger, held: &[&Text], set: &str) {
    for text in held.iter().filter(|text| text.set == set) {
        let found = persons(tagger, text);
        let truth: Vec<_> =
            text.names.iter().filter(|(_, kind)| *kind == NameKind::Person).collect();
        let lacking = truth
            .iter()
            .filter(|(t, _)| !found.iter().any(|f| t.start == f.start && t.end == f.end))
            .map(|(t, _)| format!("-[{}]", &text.text[t.clone()]));
        let wrong = found
            .iter()
            .filter(|f| !truth.iter().any(|(t, _)| t.start == f.start && t.end == f.end))
            .map(|f| format!("+[{} {:.2}]", &text.text[f.start..f.end], f.score));
        let all: Vec<String> = lacking.chain(wrong).collect();
        if !all.is_empty() {
            println!("{} :: {}", all.join(" "), text.text.replace('\n', "⏎"));
        }
    }
}

/// Prints the persons found in texts that hold none, and how many texts are touched by kind. The file
/// has lines `{"kind", "text"}`.
pub(crate) fn clean(tagger: &mut Tagger, path: &Path) -> Outcome {
    #[derive(Deserialize)]
    struct Line {
        kind: String,
        text: String,
    }
    let body = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (number, line) in body.lines().enumerate() {
        let line: Line = serde_json::from_str(line)
            .map_err(|error| format!("{}, line {}: {error}", path.display(), number + 1))?;
        let text = Text {
            set: "clean",
            language: String::new(),
            claimed: patterns::claims(&line.text),
            text: line.text,
            key: None,
            names: Vec::new(),
            fold: 0,
        };
        let found = persons(tagger, &text);
        let body = &text.text;
        for span in &found {
            let from = body.floor_char_boundary(span.start.saturating_sub(40));
            let to = body.ceil_char_boundary((span.end + 30).min(body.len()));
            let (name, around) = (&body[span.start..span.end], &body[from..to]);
            println!("CLEAN {} [{name} {:.2}] {around:?}", line.kind, span.score);
        }
        let (touched, all) = kinds.entry(line.kind).or_default();
        *touched += usize::from(!found.is_empty());
        *all += 1;
    }
    for (kind, (touched, all)) in &kinds {
        println!("clean {kind}: {touched} of {all} touched");
    }
    Ok(())
}

fn persons(tagger: &mut Tagger, text: &Text) -> Vec<NameSpan> {
    let mut found = measure::tag(tagger, text);
    found.retain(|span| span.kind == NameKind::Person && span.score >= THRESHOLD);
    found
}
