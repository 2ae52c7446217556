//! How good a model is: its names against the marked ones.

use std::collections::BTreeMap;

use portcullis_pii::{
    Entity,
    names::{Claim, Input, NameKind, NameSpan, Tagger},
};

use super::corpus::Text;

/// Counts of one kind in one set.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) right: usize,
    pub(crate) touching: usize,
    pub(crate) found: usize,
    pub(crate) true_names: usize,
    pub(crate) touched: usize,
    pub(crate) overlap_found: usize,
}

impl Counts {
    pub(crate) fn overlap_precision(&self) -> f64 {
        share(self.overlap_found, self.found)
    }
    pub(crate) fn overlap_recall(&self) -> f64 {
        share(self.touching, self.true_names)
    }
    pub(crate) fn f1(&self) -> f64 {
        2.0 * self.right as f64 / (self.found + self.true_names).max(1) as f64
    }
    pub(crate) fn overlap_f1(&self) -> f64 {
        let (p, r) = (self.overlap_precision(), self.overlap_recall());
        if p + r == 0.0 { 0.0 } else { 2.0 * p * r / (p + r) }
    }
    fn add(&mut self, other: &Self) {
        self.right += other.right;
        self.touching += other.touching;
        self.found += other.found;
        self.true_names += other.true_names;
        self.touched += other.touched;
        self.overlap_found += other.overlap_found;
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// The names a tagger finds in a text.
pub(crate) fn tag(tagger: &mut Tagger, text: &Text) -> Vec<NameSpan> {
    let mut found = Vec::new();
    tagger.begin(text.key.as_deref().unwrap_or_default());
    let claims = text.claimed.iter().map(|range| Claim {
        start: range.start,
        end: range.end,
        entity: Entity::URL,
    });
    let claims: Vec<Claim> = claims.collect();
    let bytes = text.text.as_bytes();
    tagger.advance(
        &Input { text: bytes, from: 0, ready: bytes.len(), end: true, claimed: &claims },
        &mut found,
    );
    found
}

/// Counts by set and language and kind.
pub(crate) type Table = BTreeMap<(String, NameKind), Counts>;

/// Measures over texts, with a threshold on the score.
pub(crate) fn measure(tagger: &mut Tagger, texts: &[&Text], threshold: f32) -> Table {
    let mut table = Table::new();
    for text in texts {
        let found = tag(tagger, text);
        for kind in NameKind::ALL {
            let found: Vec<&NameSpan> =
                found.iter().filter(|span| span.kind == kind && span.score >= threshold).collect();
            let truth: Vec<_> =
                text.names.iter().filter(|(_, k)| *k == kind).map(|(range, _)| range).collect();
            let right = truth
                .iter()
                .filter(|t| found.iter().any(|f| f.start == t.start && f.end == t.end))
                .count();
            let touching = truth
                .iter()
                .filter(|t| found.iter().any(|f| f.start < t.end && t.start < f.end))
                .count();
            let overlap_found = found
                .iter()
                .filter(|f| truth.iter().any(|t| f.start < t.end && t.start < f.end))
                .count();
            let counts = Counts {
                right,
                touching,
                overlap_found,
                found: found.len(),
                true_names: truth.len(),
                touched: usize::from(truth.is_empty() && !found.is_empty()),
            };
            table.entry((text.set.to_owned(), kind)).or_default().add(&counts);
        }
    }
    table
}
