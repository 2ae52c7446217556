//! Whether a score is the probability that it says.

use std::fmt::Write as _;

use portcullis_pii::{Detector, Scanner, eval::Span};

use super::marked::{Marked, UNCHECKED};

/// Where the ranges of scores start.
const RANGES: [f32; 5] = [0.5, 0.7, 0.9, 0.97, 0.99];

/// Of the findings of each range of scores, how many are right. Types that are marked nowhere do not
/// count, nor those whose marked values are not valid.
pub(crate) fn table(report: &mut String, detector: &Detector, texts: &[&Marked]) {
    let marked = |id: &str| texts.iter().any(|text| text.spans.iter().any(|it| it.entity == id));
    let mut counts = [(0_u32, 0_u32, 0.0_f64); RANGES.len()];
    let mut scanner = Scanner::new();
    let mut known: Vec<(&str, bool)> = Vec::new();
    for text in texts {
        for it in scanner.scan(detector, &text.text) {
            let id = it.entity.id();
            let counted = known.iter().find(|(known, _)| *known == id).map(|it| it.1);
            let counted = counted.unwrap_or_else(|| {
                let counted = marked(id) && !UNCHECKED.contains(&id);
                known.push((id, counted));
                counted
            });
            let range = RANGES.iter().rposition(|from| it.score >= *from);
            let Some(range) = range.filter(|_| counted) else { continue };
            let right =
                |span: &Span| span.entity == id && span.start < it.end && it.start < span.end;
            counts[range].0 += 1;
            counts[range].1 += u32::from(text.spans.iter().any(right));
            counts[range].2 += f64::from(it.score);
        }
    }
    report.push_str(
        "\n### Scores\n\n| From | Findings | Mean score | Right |\n| ---: | ---: | ---: | ---: |\n",
    );
    for (from, (found, right, sum)) in RANGES.iter().zip(counts) {
        let mean = sum / f64::from(found.max(1));
        let share = f64::from(right) / f64::from(found.max(1));
        let _ = writeln!(report, "| {from} | {found} | {mean:.3} | {share:.3} |");
    }
}
