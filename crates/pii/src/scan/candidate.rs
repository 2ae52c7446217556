//! Spans that may be findings, and which of two that overlap wins.

use crate::Entity;

/// A span with what speaks for it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) entity: Entity,
    pub(crate) log_odds: f32,
    /// A check digit, checksum or parser agreed.
    pub(crate) checked: bool,
    /// The phrase of the neighbourhood that spoke most for it: an index into the lexicon.
    pub(crate) phrase: Option<u16>,
}

impl Candidate {
    pub(crate) fn score(&self) -> f32 {
        1.0 / (1.0 + (-self.log_odds).exp())
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether this one stands where both overlap: what is surer, and then what is longer.
    fn beats(&self, other: &Self) -> bool {
        let inside = |a: &Self, b: &Self| a.start >= b.start && a.end <= b.end && a != b;
        // Something whole that holds the other needs only to be likely, not likelier: the parts of
        // an address or a URL are often plain numbers.
        if inside(other, self) && self.end - self.start > other.end - other.start {
            return self.log_odds > 2.0 || self.log_odds >= other.log_odds;
        }
        if inside(self, other) && self.end - self.start < other.end - other.start {
            return !other.beats(self);
        }
        self.log_odds > other.log_odds
    }
}

/// Collects candidates and keeps, of any that overlap, the better.
///
/// Decisions are made in the order in which candidates come, between two at a time, so that they
/// need no look into the future; a candidate is final once the scan has passed its end.
#[derive(Default)]
pub(crate) struct Sink {
    /// Whether a type is looked for, and from which log odds on; by the type's index.
    thresholds: Vec<f32>,
    /// The offset of the window in hand within the text.
    base: usize,
    current: Option<Candidate>,
    /// Nothing may start before this.
    floor: usize,
    /// Candidates of the trigger in hand, while it is not certain that it was seen whole.
    fresh: Vec<Candidate>,
    pub(crate) done: Vec<Candidate>,
}

impl Sink {
    /// A new text begins.
    pub(crate) fn begin(&mut self, thresholds: &[f32]) {
        self.thresholds.clear();
        self.thresholds.extend_from_slice(thresholds);
        self.base = 0;
        self.current = None;
        self.floor = 0;
        self.fresh.clear();
        self.done.clear();
    }

    /// Log odds from which on candidates are taken, by type.
    pub(crate) fn thresholds(&self) -> &[f32] {
        &self.thresholds
    }

    /// Spans are given by their place in the window that starts at `base`.
    pub(crate) fn rebase(&mut self, base: usize) {
        self.base = base;
    }

    pub(crate) fn push(&mut self, mut candidate: Candidate) {
        candidate.start += self.base;
        candidate.end += self.base;
        let threshold = self.thresholds.get(candidate.entity.index());
        if threshold.is_some_and(|least| candidate.log_odds >= *least) {
            self.fresh.push(candidate);
        }
    }

    /// Whether the trigger in hand has given anything.
    pub(crate) fn any_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// The trigger in hand was not seen whole: forget what it gave.
    pub(crate) fn discard(&mut self) {
        self.fresh.clear();
    }

    /// The trigger in hand was seen whole. No span may start before `floor`.
    pub(crate) fn accept(&mut self, floor: usize) {
        for index in 0..self.fresh.len() {
            let mut candidate = self.fresh[index];
            if candidate.start < self.floor {
                continue;
            }
            candidate.start = candidate.start.max(floor);
            if candidate.start >= candidate.end {
                continue;
            }
            match self.current {
                None => self.current = Some(candidate),
                Some(current) if !candidate.overlaps(&current) => {
                    // Two spans of one trigger that stand apart: the earlier is done.
                    let (first, second) = if candidate.start < current.start {
                        (candidate, current)
                    } else {
                        (current, candidate)
                    };
                    self.floor = first.end;
                    self.done.push(first);
                    self.current = Some(second);
                }
                Some(current) if candidate.beats(&current) => self.current = Some(candidate),
                Some(_) => {}
            }
        }
        self.fresh.clear();
    }

    /// The scan has come to `at`: what ends there or before is final.
    pub(crate) fn pass(&mut self, at: usize) {
        if let Some(current) = self.current.take_if(|current| current.end <= at) {
            self.floor = current.end;
            self.done.push(current);
        }
    }

    /// Where the earliest span starts that is not final.
    pub(crate) fn open(&self) -> Option<usize> {
        self.current.map(|current| current.start)
    }
}
