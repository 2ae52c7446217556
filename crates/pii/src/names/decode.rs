//! From features to names: a linear-chain conditional random field, read from left to right.
//!
//! The kind of a candidate is decided when the features of the next few are known: it is the likeliest,
//! whatever the labels before it were. The probability of a name is that of the surest of its words,
//! brought to scale by the calibration; that of a person's name is looked at again, with what is known
//! of it as a whole.

use super::{
    NameKind, NameSpan,
    facts::{Chances, Facts, Gathered, Row},
    features::COUNT,
    front::{Judge, Word},
    lift::lift,
    memory::Memory,
    model::{LABELS, LANES, Model, OUTSIDE},
    mood::Mood,
    trees,
};

/// Candidates that are looked at together; the first of a full window is decided.
const WINDOW: usize = 4;

/// A name of more words is cut, so that none is held back without end.
const LONGEST_NAME: usize = 12;

/// A person's name of at least this probability supports later mentions.
const MEMORABLE: f32 = 0.9;

/// What is taken from the log odds of a name of one word in a technical text, and of each further
/// reason to doubt it.
const DOUBT: f32 = 1.5;
const MORE_DOUBT: f32 = 1.0;

#[derive(Clone, Copy, Default)]
struct Step {
    start: usize,
    end: usize,
    hash: u64,
    memorable: bool,
    doubt: f32,
    facts: Facts,
    /// Of each label, relative to the best.
    weights: [f32; LABELS],
}

#[derive(Clone, Copy)]
struct Open {
    start: usize,
    end: usize,
    kind: usize,
    words: usize,
    doubt: f32,
    probability: f32,
    hashes: [u64; LONGEST_NAME],
    facts: Gathered,
}

/// The back half of the tagger.
pub(super) struct Decoder {
    model: Model,
    /// `exp` of the transitions.
    transitions: [[f32; LABELS]; LABELS],
    window: [Step; WINDOW],
    waiting: usize,
    /// The probabilities of the last decided step's labels, by what came before it.
    alpha: [f32; LABELS],
    open: Option<Open>,
    /// Where the last name ended.
    last_end: usize,
    found: Vec<NameSpan>,
    /// The persons' names with their facts, where they are recorded.
    pub(super) rows: Option<Vec<(NameSpan, Row)>>,
}

impl Decoder {
    pub(super) fn new(model: Model) -> Self {
        let transitions = model.parameters.transitions.map(|row| row.map(exp));
        Self {
            model,
            transitions,
            window: [Step::default(); WINDOW],
            waiting: 0,
            alpha: START,
            open: None,
            last_end: 0,
            found: Vec::new(),
            rows: None,
        }
    }

    pub(super) fn start(&mut self) {
        self.waiting = 0;
        self.alpha = START;
        self.open = None;
        self.last_end = 0;
        self.found.clear();
    }

    /// Hands out what was found.
    pub(super) fn drain(&mut self, into: &mut Vec<NameSpan>) {
        into.append(&mut self.found);
    }

    /// Decides the first `count` of the waiting steps.
    fn decide(&mut self, count: usize, memory: &mut Memory) {
        let mut messages = [[1.0; LABELS]; WINDOW];
        for at in (0..self.waiting.saturating_sub(1)).rev() {
            let ahead = &self.window[at + 1].weights;
            let product: [f32; LABELS] = std::array::from_fn(|y| ahead[y] * messages[at + 1][y]);
            let mut sums: [f32; LABELS] =
                std::array::from_fn(|y| dot(&self.transitions[y], &product));
            let largest = sums.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
            sums.iter_mut().for_each(|sum| *sum /= largest);
            messages[at] = sums;
        }
        for (at, message) in messages.iter().enumerate().take(count) {
            let step = self.window[at];
            let mut alpha: [f32; LABELS] = std::array::from_fn(|y| {
                let ways = self.alpha.iter().zip(&self.transitions);
                step.weights[y] * ways.map(|(before, row)| before * row[y]).sum::<f32>()
            });
            let mut sum: f32 = alpha.iter().sum();
            if sum == 0.0 {
                // Too unlikely, after what came before, for these numbers: the word stands alone.
                alpha = step.weights;
                sum = alpha.iter().sum();
            }
            alpha.iter_mut().for_each(|way| *way /= sum);
            self.alpha = alpha;
            let odds: [f32; LABELS] = std::array::from_fn(|y| alpha[y] * message[y]);
            let total: f32 = odds.iter().sum();
            let (label, probability) = likeliest(&odds, self.open.map(|open| open.kind));
            let kinds = std::array::from_fn(|kind| {
                let labels = odds.get(2 * kind..(2 * kind + 2).min(LABELS));
                labels.map_or(0.0, |labels| labels.iter().sum::<f32>() / total)
            });
            self.step(&step, label, probability / total, kinds, memory);
        }
        self.window.copy_within(count..self.waiting, 0);
        self.waiting -= count;
    }

    /// Goes on by one labelled word.
    fn step(
        &mut self,
        step: &Step,
        label: usize,
        probability: f32,
        kinds: Chances,
        memory: &mut Memory,
    ) {
        if label < LANES && label % 2 == 1 {
            if let Some(open) = &mut self.open {
                open.end = step.end;
                open.probability = open.probability.max(probability);
                // Two words make a name likelier, unless neither is one by itself.
                open.doubt = open.doubt.min(step.doubt) / 2.0;
                if let Some(place) = open.hashes.get_mut(open.words) {
                    *place = if step.memorable { step.hash } else { 0 };
                }
                open.words += 1;
                open.facts.add(&step.facts, kinds);
                if open.words == LONGEST_NAME {
                    self.close(memory);
                }
            }
            return;
        }
        self.close(memory);
        if label < LANES {
            let mut hashes = [0; LONGEST_NAME];
            hashes[0] = if step.memorable { step.hash } else { 0 };
            let (start, end) = (step.start, step.end);
            let doubt = step.doubt;
            let kind = label / 2;
            let facts = Gathered::new(&step.facts, kinds, start.saturating_sub(self.last_end));
            self.open =
                Some(Open { start, end, kind, words: 1, doubt, probability, hashes, facts });
        }
    }

    fn close(&mut self, memory: &mut Memory) {
        let Some(open) = self.open.take() else { return };
        let [slope, offset] = self.model.parameters.calibration[open.kind];
        let probability = open.probability.clamp(1e-6, 1.0 - 1e-6);
        let log_odds = (probability / (1.0 - probability)).ln() - open.doubt;
        let mut log_odds = slope * log_odds + offset;
        let person = open.kind == NameKind::Person as usize;
        let row = person.then(|| open.facts.row(open.doubt));
        if let Some(row) = &row {
            log_odds += trees::sum(self.model.trees, row);
        }
        let score = 1.0 / (1.0 + (-log_odds).exp());
        if person && score >= MEMORABLE {
            for hash in open.hashes.iter().take(open.words).filter(|hash| **hash != 0) {
                memory.learn(*hash);
            }
        }
        let kind = NameKind::ALL[open.kind];
        let name = NameSpan { start: open.start, end: open.end, kind, score };
        if let (Some(rows), Some(row)) = (&mut self.rows, row) {
            rows.push((name, row));
        }
        self.last_end = open.end;
        self.found.push(name);
    }
}

impl Judge for Decoder {
    fn candidate(&mut self, near: [&Word; 5], keys: &[u64; COUNT], memory: &mut Memory) {
        let word = near[2];
        let sums = self.model.sum(keys);
        let scale = self.model.parameters.scale;
        let mut scores: [f32; LANES] = std::array::from_fn(|lane| sums[lane] as f32 * scale);
        // Trees learn from what the field finds by itself: with the lift the ones of the model in the
        // repository became a little worse.
        let lift = if self.rows.is_none() { lift(near[1], word) } else { 0.0 };
        scores[..2].iter_mut().for_each(|person| *person += lift);
        let best = scores.iter().copied().fold(0.0, f32::max);
        let mut weights = [0.0; LABELS];
        for (weight, score) in weights.iter_mut().zip(scores) {
            *weight = exp(score - best);
        }
        weights[OUTSIDE] = exp(-best);
        let Word { start, end, hash, .. } = *word;
        let memorable = word.shape.capital()
            && end - start > 2
            && !word.entry.ordinary()
            && !word.entry.never()
            && word.entry.cue() == 0;
        let (doubt, facts) = (doubt(word), Facts::of(near));
        self.window[self.waiting] = Step { start, end, hash, memorable, doubt, facts, weights };
        self.waiting += 1;
        if self.waiting == WINDOW {
            self.decide(1, memory);
        }
    }

    fn rest(&mut self, memory: &mut Memory) {
        self.decide(self.waiting, memory);
        self.close(memory);
        self.alpha = START;
    }

    fn open(&self) -> Option<usize> {
        let waiting = (self.waiting > 0).then(|| self.window[0].start);
        self.open.map(|open| open.start).or(waiting)
    }
}

/// How much more than elsewhere has to speak for a word as a name. Products and types have names too:
/// in technical texts a word that no list of first names has needs more, unless a label names it.
fn doubt(word: &Word) -> f32 {
    if !Mood::technical(word.mood) || word.labelled {
        return 0.0;
    }
    if word.entry.first() > 0 && !word.entry.product() {
        return 0.0;
    }
    let reasons = [
        word.entry.last() == 0,
        word.entry.product() || word.entry.ordinary(),
        !word.shape.capital(),
        Mood::coded(word.mood),
    ];
    DOUBT + MORE_DOUBT * reasons.iter().filter(|holds| **holds).count() as f32
}

/// The label of the likeliest kind, and its odds, with the kind of the name that may go on. What kind a
/// word is of matters more than where a name begins, so that both labels of a kind count together.
fn likeliest(odds: &[f32; LABELS], open: Option<usize>) -> (usize, f32) {
    let (mut label, mut best) = (OUTSIDE, odds[OUTSIDE]);
    for (kind, [begins, goes_on]) in odds.as_chunks::<2>().0.iter().enumerate() {
        if begins + goes_on > best {
            label = 2 * kind + usize::from(open == Some(kind) && goes_on > begins);
            best = begins + goes_on;
        }
    }
    (label, best)
}

/// Before the first candidate of a run: surely outside.
const START: [f32; LABELS] = {
    let mut start = [0.0; LABELS];
    start[OUTSIDE] = 1.0;
    start
};

fn dot(left: &[f32; LABELS], right: &[f32; LABELS]) -> f32 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// `e` to the power of a number, to about seven digits and the same on every machine.
pub(super) fn exp(power: f32) -> f32 {
    if power < -80.0 {
        return 0.0;
    }
    let scaled = power.min(80.0) * std::f32::consts::LOG2_E;
    let whole = scaled.round_ties_even();
    let part = (scaled - whole) * std::f32::consts::LN_2;
    let series = 1.0
        + part
            * (1.0
                + part * (0.5 + part * (1.0 / 6.0 + part * (1.0 / 24.0 + part * (1.0 / 120.0)))));
    f32::from_bits(((whole as i32 + 127) as u32) << 23) * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_labels_of_a_kind_count_together() {
        let mut odds = [0.0; LABELS];
        (odds[0], odds[1], odds[OUTSIDE]) = (0.25, 0.35, 0.4);
        assert_eq!(likeliest(&odds, None).0, 0, "nothing is open that could go on");
        assert_eq!(likeliest(&odds, Some(0)).0, 1);
        assert_eq!(likeliest(&odds, Some(2)).0, 0);
        odds[OUTSIDE] = 0.7;
        assert_eq!(likeliest(&odds, Some(0)), (OUTSIDE, 0.7));
    }
}
