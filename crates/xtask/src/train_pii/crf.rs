//! Learns a linear-chain conditional random field: maximum likelihood by stochastic gradient steps
//! with per-weight step sizes (AdaGrad), weights that decay, and the mean of the last epochs' weights;
//! then the mean of several runs. Each run has one thread and a fixed order, so that the same data
//! always give the same weights.

#![allow(clippy::needless_range_loop, reason = "a label is an index into several tables at once")]

use portcullis_pii::names::{
    features,
    model::{LABELS, LANES, OUTSIDE},
};

use super::{dice::Dice, threads};

/// A run of candidates: features by number, and the true labels.
pub(crate) struct Sequence {
    pub(crate) steps: Vec<Step>,
    /// How much it counts.
    pub(crate) weight: f32,
}

/// The number of a feature that is not learned.
pub(crate) const NONE: u32 = u32::MAX;

pub(crate) struct Step {
    /// In the order of the tagger's features; [`NONE`] where one is rare.
    pub(crate) features: Vec<u32>,
    pub(crate) label: usize,
}

/// The learned weights.
pub(crate) struct Weights {
    pub(crate) features: Vec<[f32; LANES]>,
    pub(crate) transitions: [[f32; LABELS]; LABELS],
}

impl Weights {
    /// The features, the most important first: those with a large weight, above all for persons, and
    /// among them those that occur often.
    pub(crate) fn by_importance(&self, counts: &[u32]) -> Vec<usize> {
        let importance = |feature: usize| {
            let (persons, others) = self.features[feature].split_at(2);
            let largest = |row: &[f32]| row.iter().map(|w| w.abs()).fold(0.0, f32::max);
            let largest = largest(persons).max(OTHERS * largest(others));
            largest * (counts[feature] as f32).powf(0.35)
        };
        let mut order: Vec<(f32, usize)> =
            (0..self.features.len()).map(|feature| (importance(feature), feature)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        order.into_iter().map(|(_, feature)| feature).collect()
    }

    fn nothing(features: usize) -> Self {
        Self { features: vec![[0.0; LANES]; features], transitions: [[0.0; LABELS]; LABELS] }
    }

    fn add(&mut self, other: &Self, share: f32) {
        let (own, others) = (self.features.as_flattened_mut(), other.features.as_flattened());
        for (own, other) in own.iter_mut().zip(others) {
            *own += share * other;
        }
        let own = self.transitions.as_flattened_mut().iter_mut();
        for (own, other) in own.zip(other.transitions.as_flattened()) {
            *own += share * other;
        }
    }
}

/// How much a weight for names of other things matters beside one for persons, when room is short:
/// only persons are looked for by default.
const OTHERS: f32 = 0.5;

/// How to learn.
pub(crate) struct Plan {
    pub(crate) epochs: usize,
    pub(crate) rate: f32,
    /// How much of a weight is taken from it at each step that has its feature.
    pub(crate) decay: f32,
    /// How many times in a hundred a candidate is learned from without knowing which word it is: what
    /// is around it and how it is spelled should do.
    pub(crate) masked: usize,
    /// Runs whose mean tells which features to keep, and runs whose mean is the model.
    pub(crate) runs: [usize; 2],
}

/// Whether a label can follow another.
pub(crate) fn allowed(from: usize, to: usize) -> bool {
    to == OUTSIDE || to.is_multiple_of(2) || from == to || from + 1 == to
}

/// The mean of the weights of several runs, which see the sequences in other orders and other words
/// masked: what one of them took from the order it came in does not count for much.
pub(crate) fn learn(
    sequences: &[Sequence],
    features: usize,
    plan: &Plan,
    runs: usize,
    progress: impl Fn(usize, f64) + Sync,
) -> Weights {
    let runs: Vec<usize> = (0..runs.max(1)).collect();
    let learned =
        threads::each(&runs, |run| learn_once(sequences, features, plan, *run, &progress));
    let mut mean = Weights::nothing(features);
    // In the order of the runs: sums of fractions depend on it.
    learned.iter().for_each(|weights| mean.add(weights, 1.0 / runs.len() as f32));
    mean
}

fn learn_once(
    sequences: &[Sequence],
    features: usize,
    plan: &Plan,
    run: usize,
    progress: impl Fn(usize, f64),
) -> Weights {
    let mut weights = Weights::nothing(features);
    let mut sums = vec![[0.0_f32; LANES]; features];
    let mut transition_sums = [[1e-2_f32; LABELS]; LABELS];
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    let mut dice = Dice::new(&format!("order of training, run {run}"));
    let mut scratch = Scratch::default();
    // The weights at the ends of the last epochs, added up: their mean errs less than any of them.
    let averaged = (plan.epochs / 3).max(1);
    let mut total = Weights::nothing(features);
    for epoch in 0..plan.epochs {
        dice.shuffle(&mut order);
        let mut loss = 0.0;
        let rate = plan.rate * if epoch * 4 >= plan.epochs * 3 { 0.4 } else { 1.0 };
        for index in &order {
            let sequence = &sequences[*index];
            scratch.read(sequence, plan.masked, &mut dice);
            loss += f64::from(scratch.gradients(sequence, &weights) * sequence.weight);
            for at in 0..sequence.steps.len() {
                let gradient = scratch.emissions[at].map(|value| value * sequence.weight);
                for feature in &scratch.features[at] {
                    let row = &mut weights.features[*feature as usize];
                    let sum = &mut sums[*feature as usize];
                    for lane in 0..LANES {
                        let gradient = gradient[lane] + plan.decay * row[lane];
                        sum[lane] += gradient * gradient;
                        row[lane] -= rate * gradient / (sum[lane].sqrt() + 1e-2);
                    }
                }
            }
            for from in 0..LABELS {
                for to in (0..LABELS).filter(|to| allowed(from, *to)) {
                    let gradient = scratch.transitions[from][to] * sequence.weight;
                    if gradient != 0.0 {
                        transition_sums[from][to] += gradient * gradient;
                        weights.transitions[from][to] -=
                            rate * gradient / transition_sums[from][to].sqrt();
                    }
                }
            }
        }
        progress(epoch, loss);
        if epoch + averaged >= plan.epochs {
            total.add(&weights, 1.0 / averaged as f32);
        }
    }
    let mut weights = total;
    for from in 0..LABELS {
        for to in 0..LABELS {
            if !allowed(from, to) {
                weights.transitions[from][to] = f32::NEG_INFINITY;
            }
        }
    }
    weights
}

#[derive(Default)]
struct Scratch {
    /// Of each step, the features that count this time.
    features: Vec<Vec<u32>>,
    scores: Vec<[f32; LABELS]>,
    forward: Vec<[f32; LABELS]>,
    backward: Vec<[f32; LABELS]>,
    /// Gradient of the loss by each step's label scores.
    emissions: Vec<[f32; LANES]>,
    transitions: [[f32; LABELS]; LABELS],
}

impl Scratch {
    /// Takes the features of a sequence, some steps without those that tell which word it is.
    fn read(&mut self, sequence: &Sequence, masked: usize, dice: &mut Dice) {
        self.features.resize_with(sequence.steps.len().max(self.features.len()), Vec::new);
        for (features, step) in self.features.iter_mut().zip(&sequence.steps) {
            let masked = dice.percent(masked);
            let all = step.features.iter().enumerate();
            let seen = all.filter(|(at, number)| {
                **number != NONE && !(masked && features::OF_THE_WORD.contains(at))
            });
            features.clear();
            features.extend(seen.map(|(_, number)| *number));
        }
    }

    /// Loss and gradients of the sequence that was read.
    fn gradients(&mut self, sequence: &Sequence, weights: &Weights) -> f32 {
        let steps = &sequence.steps;
        let length = steps.len();
        let mut moves = [[0.0_f32; LABELS]; LABELS];
        for from in 0..LABELS {
            for to in 0..LABELS {
                moves[from][to] =
                    if allowed(from, to) { weights.transitions[from][to].exp() } else { 0.0 };
            }
        }
        self.scores.clear();
        let mut loss = 0.0_f32;
        let mut before = OUTSIDE;
        for (step, features) in steps.iter().zip(&self.features) {
            let mut scores = [0.0_f32; LABELS];
            for feature in features {
                for (score, weight) in scores.iter_mut().zip(&weights.features[*feature as usize]) {
                    *score += weight;
                }
            }
            let best = scores.iter().copied().fold(f32::MIN, f32::max);
            loss += best - scores[step.label] - weights.transitions[before][step.label];
            before = step.label;
            self.scores.push(scores.map(|score| (score - best).exp()));
        }
        // Forward and backward sums, each brought to one.
        self.forward.clear();
        let mut row = [0.0; LABELS];
        row[OUTSIDE] = 1.0;
        for scores in &self.scores {
            let mut next = [0.0_f32; LABELS];
            for (to, sum) in next.iter_mut().enumerate() {
                for from in 0..LABELS {
                    *sum += row[from] * moves[from][to];
                }
                *sum *= scores[to];
            }
            let total: f32 = next.iter().sum();
            loss += total.ln();
            row = next.map(|value| value / total);
            self.forward.push(row);
        }
        self.backward.clear();
        self.backward.resize(length, [1.0; LABELS]);
        for at in (0..length.saturating_sub(1)).rev() {
            let mut sums = [0.0_f32; LABELS];
            for (from, sum) in sums.iter_mut().enumerate() {
                for to in 0..LABELS {
                    *sum += moves[from][to] * self.scores[at + 1][to] * self.backward[at + 1][to];
                }
            }
            let total: f32 = sums.iter().sum();
            self.backward[at] = sums.map(|value| value / total);
        }
        self.emissions.clear();
        self.transitions = [[0.0; LABELS]; LABELS];
        let mut last = [0.0; LABELS];
        last[OUTSIDE] = 1.0;
        let mut before = OUTSIDE;
        for at in 0..length {
            let mut odds = [0.0_f32; LABELS];
            let mut joint = [[0.0_f32; LABELS]; LABELS];
            let mut total = 0.0;
            for from in 0..LABELS {
                for to in 0..LABELS {
                    joint[from][to] =
                        last[from] * moves[from][to] * self.scores[at][to] * self.backward[at][to];
                    total += joint[from][to];
                }
            }
            for from in 0..LABELS {
                for to in 0..LABELS {
                    let share = joint[from][to] / total;
                    odds[to] += share;
                    self.transitions[from][to] += share;
                }
            }
            self.transitions[before][steps[at].label] -= 1.0;
            before = steps[at].label;
            let mut emission = [0.0; LANES];
            emission.copy_from_slice(&odds[..LANES]);
            if steps[at].label < LANES {
                emission[steps[at].label] -= 1.0;
            }
            self.emissions.push(emission);
            last = self.forward[at];
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_runs_depends_on_no_thread() {
        let step = |feature, label| Step { features: vec![feature], label };
        let sequence = |feature: u32, label| Sequence {
            steps: vec![step(feature, label), step(2, OUTSIDE)],
            weight: 1.0,
        };
        let sequences: Vec<Sequence> =
            (0..40).map(|at| sequence(at % 2, if at % 2 == 0 { 0 } else { OUTSIDE })).collect();
        let plan = Plan { epochs: 3, rate: 0.06, decay: 0.0, masked: 0, runs: [1, 1] };
        let learn = |runs| learn(&sequences, 3, &plan, runs, |_, _| {});
        let (one, five, again) = (learn(1), learn(5), learn(5));
        assert_eq!(five.features, again.features);
        assert_ne!(five.features, one.features, "other orders give other weights");
        assert!(five.features[0][0] > 0.0 && five.features[1][0] < 0.0);
    }
}
