//! Texts as what the learner reads: sequences of candidates with their features by number.

use std::collections::HashMap;

use portcullis_pii::names::{lexicon::place, model::FEATURE_SLOTS};

use super::{
    corpus::Text,
    crf::{NONE, Sequence, Step, Weights},
    unseen::Unseen,
};

/// A feature that occurs less often is noise.
const RARE: u32 = 2;

/// All that is learned from.
#[derive(Default)]
pub(crate) struct Examples {
    pub(crate) sequences: Vec<Sequence>,
    /// The features by number, as hashes.
    pub(crate) keys: Vec<u64>,
    /// How often each feature occurs.
    pub(crate) counts: Vec<u32>,
    pub(crate) candidates: usize,
    /// Persons, and those no word of which is a candidate.
    pub(crate) persons: usize,
    pub(crate) missed: usize,
}

impl Examples {
    /// The examples in some texts; `weight` says how much a text counts.
    pub(crate) fn new<'t>(
        unseen: &mut Unseen,
        texts: impl Iterator<Item = &'t Text>,
        weight: impl Fn(&Text) -> f32,
    ) -> Self {
        let mut examples = Self::default();
        let mut numbers: HashMap<u64, u32> = HashMap::new();
        for text in texts {
            let found = unseen.collect(text);
            examples.missed += found.missed;
            examples.persons += found.persons;
            examples.candidates += found.candidates;
            for run in found.runs {
                let steps = run
                    .into_iter()
                    .map(|(keys, label)| Step {
                        features: keys
                            .iter()
                            .map(|key| {
                                let number = *numbers.entry(*key).or_insert_with(|| {
                                    examples.keys.push(*key);
                                    examples.counts.push(0);
                                    examples.counts.len() as u32 - 1
                                });
                                examples.counts[number as usize] += 1;
                                number
                            })
                            .collect(),
                        label,
                    })
                    .collect();
                examples.sequences.push(Sequence { steps, weight: weight(text) });
            }
        }
        let counts = examples.counts.clone();
        examples.keep(|feature| counts[feature] >= RARE);
        examples
    }

    /// Forgets the features that find no place in a table of `lines` lines, the least important
    /// first, so that the others can learn to do without them.
    pub(crate) fn keep_placed(&mut self, weights: &Weights, lines: usize) {
        let mut used = vec![0; lines];
        let mut placed = vec![false; self.keys.len()];
        for feature in weights.by_importance(&self.counts) {
            let (line, _) = place(self.keys[feature], lines);
            if used[line] < FEATURE_SLOTS {
                used[line] += 1;
                placed[feature] = true;
            }
        }
        self.keep(|feature| placed[feature]);
    }

    /// Forgets all other features; those that stay are numbered anew.
    fn keep(&mut self, stays: impl Fn(usize) -> bool) {
        let mut next = 0;
        let numbers: Vec<Option<u32>> = (0..self.keys.len())
            .map(|feature| {
                stays(feature).then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        let mut kept = numbers.iter().map(Option::is_some);
        self.keys.retain(|_| kept.next().unwrap_or_default());
        let mut kept = numbers.iter().map(Option::is_some);
        self.counts.retain(|_| kept.next().unwrap_or_default());
        for step in self.sequences.iter_mut().flat_map(|sequence| &mut sequence.steps) {
            for feature in step.features.iter_mut().filter(|feature| **feature != NONE) {
                *feature = numbers[*feature as usize].unwrap_or(NONE);
            }
        }
    }
}
