//! Measuring findings against texts whose personal data somebody marked.

mod names;

use std::collections::BTreeMap;

pub use names::canonical;

/// A marked or found span, in any unit that both sides use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub start: usize,
    /// Behind the last.
    pub end: usize,
    /// The id of the type.
    pub entity: String,
}

/// Counts for one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Marked spans.
    pub gold: usize,
    /// Found spans.
    pub found: usize,
    /// Marked spans that a found span of the type overlaps.
    pub recalled: usize,
    /// Found spans that a marked span of the type overlaps.
    pub right: usize,
    /// Found spans that are marked spans of the type exactly.
    pub exact: usize,
}

/// Counts for each type, and how many texts without a marked span were touched.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    by_entity: BTreeMap<String, Counts>,
    /// Texts with no marked span.
    pub clean: usize,
    /// Those of them in which something was found.
    pub touched: usize,
}

impl Scores {
    /// Adds a text.
    pub fn add(&mut self, gold: &[Span], found: &[Span]) {
        let overlap =
            |a: &Span, b: &Span| a.entity == b.entity && a.start < b.end && b.start < a.end;
        for span in gold {
            let counts = self.by_entity.entry(span.entity.clone()).or_default();
            counts.gold += 1;
            counts.recalled += usize::from(found.iter().any(|it| overlap(it, span)));
        }
        for span in found {
            let counts = self.by_entity.entry(span.entity.clone()).or_default();
            counts.found += 1;
            counts.right += usize::from(gold.iter().any(|it| overlap(it, span)));
            counts.exact += usize::from(gold.contains(span));
        }
        if gold.is_empty() {
            self.clean += 1;
            self.touched += usize::from(!found.is_empty());
        }
    }

    /// The counts of each type that was marked or found, by id.
    pub fn entities(&self) -> impl Iterator<Item = (&str, Counts)> {
        self.by_entity.iter().map(|(entity, counts)| (entity.as_str(), *counts))
    }

    /// The counts of one type.
    #[must_use]
    pub fn entity(&self, id: &str) -> Counts {
        self.by_entity.get(id).copied().unwrap_or_default()
    }

    /// The counts of the types that satisfy `wanted` together.
    pub fn total(&self, wanted: impl Fn(&str) -> bool) -> Counts {
        let mut total = Counts::default();
        for (_, counts) in self.by_entity.iter().filter(|(entity, _)| wanted(entity)) {
            total.gold += counts.gold;
            total.found += counts.found;
            total.recalled += counts.recalled;
            total.right += counts.right;
            total.exact += counts.exact;
        }
        total
    }
}

impl Counts {
    /// The share of the found that is right, by overlap.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.right, self.found)
    }

    /// The share of the marked that is found, by overlap.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.recalled, self.gold)
    }

    /// The weighted harmonic mean of precision and recall: recall counts `beta` times as much.
    #[must_use]
    pub fn f(&self, beta: f64) -> f64 {
        f_score(self.precision(), self.recall(), beta)
    }

    /// The same where only exact spans count.
    #[must_use]
    pub fn exact_f(&self, beta: f64) -> f64 {
        f_score(share(self.exact, self.found), share(self.exact, self.gold), beta)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

fn f_score(precision: f64, recall: f64, beta: f64) -> f64 {
    let square = beta * beta;
    let sum = square * precision + recall;
    if sum == 0.0 { 0.0 } else { (1.0 + square) * precision * recall / sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, end: usize, entity: &str) -> Span {
        Span { start, end, entity: entity.to_owned() }
    }

    #[test]
    fn overlap_and_exactness_are_told_apart() {
        let mut scores = Scores::default();
        scores.add(
            &[span(0, 5, "A"), span(10, 15, "A")],
            &[span(0, 5, "A"), span(12, 20, "A"), span(30, 31, "B")],
        );
        scores.add(&[], &[]);
        scores.add(&[], &[span(1, 2, "B")]);
        let a = scores.entity("A");
        assert_eq!((a.gold, a.found, a.recalled, a.right, a.exact), (2, 2, 2, 2, 1));
        assert!((a.f(1.0) - 1.0).abs() < 1e-9 && (a.exact_f(1.0) - 0.5).abs() < 1e-9);
        assert_eq!((scores.clean, scores.touched), (2, 1));
        assert!(scores.entity("B").precision() == 0.0);
    }
}
