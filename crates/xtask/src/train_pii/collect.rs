//! Texts into training sequences, through the tagger's own front half.

use std::ops::Range;

use portcullis_pii::names::{
    Memory, NameKind,
    features::COUNT,
    front::{Front, Judge, Word},
    model::OUTSIDE,
};

use super::corpus::Text;

/// What a text gives to learn from.
#[derive(Default)]
pub(crate) struct Runs {
    /// Runs of candidates: features and label of each.
    pub(crate) runs: Vec<Vec<([u64; COUNT], usize)>>,
    /// True names of persons no word of which was a candidate.
    pub(crate) missed: usize,
    /// True names of persons.
    pub(crate) persons: usize,
    /// Candidates and words.
    pub(crate) candidates: usize,
}

struct Collector<'a> {
    names: &'a [(Range<usize>, NameKind)],
    run: Vec<([u64; COUNT], usize)>,
    /// The name that the last candidate belonged to.
    last: Option<usize>,
    hit: Vec<bool>,
    runs: Runs,
}

impl Judge for Collector<'_> {
    fn candidate(&mut self, near: [&Word; 5], keys: &[u64; COUNT], memory: &mut Memory) {
        let word = near[2];
        let inside =
            self.names.iter().position(|(name, _)| name.start < word.end && word.start < name.end);
        let label = match inside {
            None => OUTSIDE,
            Some(index) => {
                let kind = self.names[index].1 as usize;
                self.hit[index] = true;
                2 * kind + usize::from(self.last == Some(index) && !self.run.is_empty())
            }
        };
        if let Some(index) = inside
            && self.names[index].1 == NameKind::Person
            && word.end - word.start > 2
            && !word.entry.ordinary()
            && !word.entry.never()
            && word.entry.cue() == 0
        {
            memory.learn(word.hash);
        }
        self.last = inside;
        self.run.push((*keys, label));
        self.runs.candidates += 1;
    }

    fn rest(&mut self, _: &mut Memory) {
        if !self.run.is_empty() {
            self.runs.runs.push(std::mem::take(&mut self.run));
        }
        self.last = None;
    }

    fn open(&self) -> Option<usize> {
        None
    }
}

/// The sequences of one text.
pub(crate) fn collect(front: &mut Front, text: &Text) -> Runs {
    let mut collector = Collector {
        names: &text.names,
        run: Vec::new(),
        last: None,
        hit: vec![false; text.names.len()],
        runs: Runs::default(),
    };
    front.start();
    if let Some(key) = &text.key {
        front.key(key);
    }
    front.read(text.text.as_bytes(), 0, true, text.claimed.iter().cloned(), &mut collector);
    let persons =
        text.names.iter().zip(&collector.hit).filter(|((_, kind), _)| *kind == NameKind::Person);
    for (_, hit) in persons {
        collector.runs.persons += 1;
        collector.runs.missed += usize::from(!hit);
    }
    collector.runs
}
