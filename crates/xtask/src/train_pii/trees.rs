//! Learns the second look at a person's name: trees that each lessen, by a small step, what those
//! before them left of the error (gradient boosting with the logistic loss).

use portcullis_pii::names::{
    facts::{COUNT, Row},
    trees::{DEPTH, QUESTIONS, SCALE, Tree},
};

use super::dice::Dice;

/// A name that a tagger found in a text it had not learned from.
pub(crate) struct Found {
    pub(crate) row: Row,
    /// The log odds that the tagger gave it.
    pub(crate) log_odds: f32,
    /// Whether a person is marked there.
    pub(crate) right: bool,
}

/// How much of a tree's answer counts.
const RATE: f32 = 0.1;
/// Names that lead to a leaf, at least.
const FEWEST: usize = 50;
/// Keeps the answers of small leaves small.
const DAMPING: f32 = 4.0;
/// How many facts in a hundred a tree may ask for.
const ASKED: usize = 50;

/// What names at one place of a tree add up to: gradients, curvatures, number.
#[derive(Clone, Copy, Default)]
struct Sum {
    gradient: f32,
    curvature: f32,
    count: usize,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.gradient += other.gradient;
        self.curvature += other.curvature;
        self.count += other.count;
    }

    fn without(self, other: Self) -> Self {
        Self {
            gradient: self.gradient - other.gradient,
            curvature: self.curvature - other.curvature,
            count: self.count - other.count,
        }
    }

    fn gain(self) -> f32 {
        self.gradient * self.gradient / (self.curvature + DAMPING)
    }
}

/// So many trees, one after another.
pub(crate) fn learn(found: &[Found], count: usize) -> Vec<Tree> {
    let mut log_odds: Vec<f32> = found.iter().map(|name| name.log_odds).collect();
    let mut dice = Dice::new("trees");
    let mut trees = Vec::new();
    for _ in 0..count {
        let sums: Vec<Sum> = log_odds
            .iter()
            .zip(found)
            .map(|(log_odds, name)| {
                let chance = 1.0 / (1.0 + (-log_odds).exp());
                let truth = f32::from(u8::from(name.right));
                Sum { gradient: chance - truth, curvature: chance * (1.0 - chance), count: 1 }
            })
            .collect();
        let tree = grow(found, &sums, &mut dice);
        for (log_odds, name) in log_odds.iter_mut().zip(found) {
            *log_odds += f32::from(tree.leaves[tree.leaf(&name.row)]) * SCALE;
        }
        trees.push(tree);
    }
    trees
}

fn grow(found: &[Found], sums: &[Sum], dice: &mut Dice) -> Tree {
    let facts: Vec<usize> = (0..COUNT).filter(|_| dice.percent(ASKED)).collect();
    // A question that leads all to the left: there is no such fact.
    let mut tree = Tree { questions: [(u8::MAX, u8::MAX); QUESTIONS], leaves: [0; 1 << DEPTH] };
    let mut places = vec![0; found.len()];
    for level in 0..DEPTH {
        let first = (1 << level) - 1;
        let nodes = 1 << level;
        let mut best = vec![0.0; nodes];
        for fact in &facts {
            let mut bins = vec![[Sum::default(); 256]; nodes];
            for ((name, sum), place) in found.iter().zip(sums).zip(&places) {
                bins[*place - first][usize::from(name.row[*fact])].add(*sum);
            }
            for (node, bins) in bins.iter().enumerate() {
                let mut all = Sum::default();
                bins.iter().for_each(|bin| all.add(*bin));
                let mut left = Sum::default();
                for bound in 1..256 {
                    left.add(bins[bound - 1]);
                    let right = all.without(left);
                    if bins[bound - 1].count == 0 || left.count.min(right.count) < FEWEST {
                        continue;
                    }
                    let gain = left.gain() + right.gain() - all.gain();
                    if gain > best[node] {
                        best[node] = gain;
                        tree.questions[first + node] = (*fact as u8, bound as u8);
                    }
                }
            }
        }
        for (name, place) in found.iter().zip(&mut places) {
            let (fact, bound) = tree.questions[*place];
            let value = name.row.get(usize::from(fact)).copied().unwrap_or(0);
            *place = 2 * *place + 1 + usize::from(value >= bound);
        }
    }
    let mut leaves = [Sum::default(); 1 << DEPTH];
    for (sum, place) in sums.iter().zip(&places) {
        leaves[place - QUESTIONS].add(*sum);
    }
    tree.leaves = leaves.map(|sum| {
        let answer = -RATE * sum.gradient / (sum.curvature + DAMPING);
        (answer / SCALE).round().clamp(-127.0, 127.0) as i8
    });
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_learn_what_the_log_odds_do_not_tell() {
        let name = |fact: u8, other: u8| {
            let mut row = [0; COUNT];
            (row[3], row[7], row[11]) = (fact, other, fact ^ other);
            // Right where just one of the two facts holds.
            Found { row, log_odds: 0.0, right: fact != other }
        };
        let found: Vec<Found> =
            (0..800_u16).map(|at| name(at as u8 & 1, at as u8 >> 1 & 1)).collect();
        let trees = learn(&found, 60);
        let sum = |name: &Found| -> f32 {
            let leaves = trees.iter().map(|tree| f32::from(tree.leaves[tree.leaf(&name.row)]));
            leaves.sum::<f32>() * SCALE
        };
        assert!(found.iter().all(|name| (sum(name) > 1.0) == name.right));
        assert_eq!(trees, learn(&found, 60));
    }

    #[test]
    fn few_names_teach_nothing() {
        let found = [Found { row: [0; COUNT], log_odds: 0.0, right: true }];
        assert_eq!(learn(&found, 1)[0].questions, [(u8::MAX, u8::MAX); QUESTIONS]);
    }
}
