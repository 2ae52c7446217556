//! The second look at a person's name: small trees of questions about its facts, whose answers are
//! added to its log odds.

use super::{facts::Row, lexicon::LINE};

/// Questions that lead to a leaf, one after another.
pub const DEPTH: usize = 3;

/// Questions of a tree.
pub const QUESTIONS: usize = (1 << DEPTH) - 1;

/// Bytes of a tree: of each question, the fact and the bound; then the leaves, signed.
const TREE: usize = LINE / 2;

/// What one unit of a leaf is worth, in log odds.
pub const SCALE: f32 = 1.0 / 256.0;

/// One tree.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tree {
    /// The number of a fact, and the least value that leads to the right. The questions below the one
    /// at `i` are at `2 i + 1`, to the left, and `2 i + 2`.
    pub questions: [(u8, u8); QUESTIONS],
    /// In units of [`SCALE`].
    pub leaves: [i8; 1 << DEPTH],
}

impl Tree {
    /// The number of the leaf that facts lead to.
    pub fn leaf(&self, row: &Row) -> usize {
        walk(row, |at| self.questions[at])
    }

    /// The trees' lines in the file: two in each.
    pub fn write(trees: &[Self]) -> Vec<[u8; LINE]> {
        let mut lines = vec![[0; LINE]; trees.len().div_ceil(2)];
        for (tree, bytes) in trees.iter().zip(lines.as_flattened_mut().as_chunks_mut::<TREE>().0) {
            for (pair, (fact, bound)) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(tree.questions)
            {
                *pair = [fact, bound];
            }
            for (byte, leaf) in bytes[2 * QUESTIONS..].iter_mut().zip(tree.leaves) {
                *byte = leaf.cast_unsigned();
            }
        }
        lines
    }
}

/// The sum of all trees' answers, in log odds.
pub(super) fn sum(lines: &[[u8; LINE]], row: &Row) -> f32 {
    let trees = lines.as_flattened().as_chunks::<TREE>().0;
    let answer = |tree: &[u8; TREE]| {
        let leaf = walk(row, |at| (tree[2 * at], tree[2 * at + 1]));
        i32::from(tree[2 * QUESTIONS + leaf].cast_signed())
    };
    trees.iter().map(answer).sum::<i32>() as f32 * SCALE
}

fn walk(row: &Row, question: impl Fn(usize) -> (u8, u8)) -> usize {
    let mut at = 0;
    for _ in 0..DEPTH {
        let (fact, bound) = question(at);
        let value = row.get(usize::from(fact)).copied().unwrap_or(0);
        at = 2 * at + 1 + usize::from(value >= bound);
    }
    at - QUESTIONS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::facts::COUNT;

    #[test]
    fn trees_are_read_as_they_were_written() {
        let mut questions = [(0, 1); QUESTIONS];
        (questions[0], questions[2], questions[6]) = ((5, 10), (7, 20), (9, 30));
        let tree = Tree { questions, leaves: [-1, -2, -4, -8, 16, 32, 64, -128] };
        let lines = Tree::write(&[tree, tree, tree]);
        assert_eq!(lines.len(), 2);
        let mut row = [0; COUNT];
        let mut leads = |fact: usize, value, leaf: usize| {
            row[fact] = value;
            assert_eq!(tree.leaf(&row), leaf);
            assert_eq!(sum(&lines, &row), 3.0 * f32::from(tree.leaves[leaf]) * SCALE);
        };
        leads(5, 9, 0);
        leads(5, 10, 4);
        leads(7, 20, 6);
        leads(9, 30, 7);
        leads(0, 1, 7);
        assert_eq!(sum(&[], &row), 0.0);
    }
}
