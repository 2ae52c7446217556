//! What is known of a person's name as a whole, for the second look at it: a row of small numbers.

use super::{features::fresh, front::Word, model::KINDS, mood::Mood};

/// Facts of one word and its neighbours.
const WORD: usize = 46;

/// Facts of the name itself, before those of its words.
const NAME: usize = 9;

/// Facts of a name.
pub const COUNT: usize = NAME + 3 * WORD;

/// The facts of a name: its own, those of its first word, of its last, and the largest of any word.
pub type Row = [u8; COUNT];

/// The facts of one word.
#[derive(Clone, Copy)]
pub(super) struct Facts([u8; WORD]);

impl Default for Facts {
    fn default() -> Self {
        Self([0; WORD])
    }
}

impl Facts {
    /// Of the middle one of five words.
    pub(super) fn of([before2, before, word, after, after2]: [&Word; 5]) -> Self {
        let [it, left, left2, right, right2] =
            [word, before, before2, after, after2].map(|word| word.entry);
        let [language, capitals, code, heading, technical] = Mood::parts(word.mood);
        Self([
            word.shape as u8,
            it.first() as u8,
            it.last() as u8,
            it.common() as u8,
            it.place() as u8,
            u8::from(it.ordinary()),
            u8::from(it.product()),
            u8::from(it.noun()),
            u8::from(it.compound()),
            it.cue() as u8,
            it.capitals() as u8,
            word.spelling.0,
            word.spelling.1,
            word.gap,
            u8::from(fresh(word.gap)),
            word.remembered,
            u8::from(word.labelled),
            language,
            capitals,
            code,
            heading,
            technical,
            (word.end - word.start).min(60) as u8,
            before.shape as u8,
            left.common() as u8,
            left.cue() as u8,
            left.first() as u8,
            left.last() as u8,
            left.capitals() as u8,
            u8::from(left.ordinary()),
            u8::from(before.candidate),
            before2.shape as u8,
            left2.common() as u8,
            left2.cue() as u8,
            after.gap,
            after.shape as u8,
            right.common() as u8,
            right.cue() as u8,
            right.first() as u8,
            right.last() as u8,
            u8::from(right.ordinary()),
            u8::from(after.candidate),
            after2.shape as u8,
            right2.cue() as u8,
            right.capitals() as u8,
            right.place() as u8,
        ])
    }
}

/// How likely each kind of name is, and none.
pub(super) type Chances = [f32; KINDS + 1];

/// The facts of a name that may go on.
#[derive(Clone, Copy)]
pub(super) struct Gathered {
    first: Facts,
    last: Facts,
    most: Facts,
    words: u8,
    /// Of the surest word.
    surest: Chances,
    /// How likely the least sure word is part of a person's name.
    weakest: f32,
    /// Bytes between this name and the one before.
    apart: usize,
}

impl Gathered {
    /// Of the first word.
    pub(super) fn new(facts: &Facts, kinds: Chances, apart: usize) -> Self {
        let (first, last, most) = (*facts, *facts, *facts);
        Self { first, last, most, words: 1, surest: kinds, weakest: kinds[0], apart }
    }

    /// Goes on by one word.
    pub(super) fn add(&mut self, facts: &Facts, kinds: Chances) {
        self.last = *facts;
        for (most, fact) in self.most.0.iter_mut().zip(facts.0) {
            *most = (*most).max(fact);
        }
        self.words += 1;
        self.weakest = self.weakest.min(kinds[0]);
        if kinds[0] > self.surest[0] {
            self.surest = kinds;
        }
    }

    /// All of them; `doubt` is what was taken from the log odds.
    pub(super) fn row(&self, doubt: f32) -> Row {
        let mut row = [0; COUNT];
        let (name, words) = row.split_at_mut(NAME);
        let [person, address, place, organization, none] = self.surest.map(level);
        let weakest = level(self.weakest);
        let (doubt, apart) = ((doubt * 8.0) as u8, self.apart.min(20) as u8);
        name.copy_from_slice(&[
            person,
            weakest,
            address,
            place,
            organization,
            none,
            doubt,
            self.words,
            apart,
        ]);
        let words = words.as_chunks_mut::<WORD>().0;
        for (place, facts) in words.iter_mut().zip([self.first, self.last, self.most]) {
            *place = facts.0;
        }
        row
    }
}

/// The log odds of a probability, in sixths, from -16 to 16.
fn level(probability: f32) -> u8 {
    let probability = probability.clamp(1e-6, 1.0 - 1e-6);
    ((probability / (1.0 - probability)).ln() * 6.0 + 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_first_last_and_most() {
        let facts = |value| Facts([value; WORD]);
        let mut name = Gathered::new(&facts(3), [0.5, 0.0, 0.5, 0.0, 0.0], 99);
        name.add(&facts(9), [0.9, 0.0, 0.0, 0.1, 0.0]);
        name.add(&facts(4), [0.7, 0.0, 0.0, 0.0, 0.3]);
        let row = name.row(1.5);
        assert_eq!([row[NAME], row[NAME + WORD], row[NAME + 2 * WORD]], [3, 4, 9]);
        assert_eq!(row[..NAME], [113, 100, 17, 17, 86, 17, 12, 3, 20]);
    }
}
