//! The words before a span. Neighbouring spans share them: every stretch of text is cut into words
//! once.

use super::{
    BEFORE, WORDS,
    lexicon::lexicon,
    weigh::{self, between},
    words::{self, Word},
};
use crate::scan::Cx;

/// How many of the last words are kept.
const KEPT: usize = 64;

/// Words are looked for from this far before a span on, so that one that the window's edge cuts is
/// never taken for a word.
const RUN_UP: usize = BEFORE + 48;

/// The last words of what was read of a window.
pub(super) struct Memory {
    words: [Word; KEPT],
    count: usize,
    /// Everything before this has been cut into words; it is at a border between words.
    upto: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self { words: [Word::default(); KEPT], count: 0, upto: 0 }
    }
}

/// The words before a span, the nearest last.
pub(super) struct Near<'m> {
    memory: &'m Memory,
    /// The first of the words kept that belongs, and how many do.
    first: usize,
    kept: usize,
    /// The words of what the span itself is glued to.
    glued: [Word; GLUED],
    count: usize,
    start: usize,
    /// For each word from `measured` on: the distance from the word after it to the span.
    beyond: [f32; WORDS],
    measured: usize,
    sum: f32,
}

/// The most words that a span may be glued to.
const GLUED: usize = 6;

impl Memory {
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.upto = 0;
    }

    /// The words before `start`.
    pub(super) fn near(&mut self, cx: &Cx<'_>, start: usize) -> Near<'_> {
        let run = cx.run_back(start, BEFORE, is_of_word);
        self.read(cx, run);
        let mut glued = [Word::default(); GLUED];
        let mut count = 0;
        if run < start {
            for word in words::words(cx.slice(run, start), run) {
                if count == GLUED {
                    glued.rotate_left(1);
                    count -= 1;
                }
                glued[count] = known(word);
                count += 1;
            }
        }
        let least = start.saturating_sub(BEFORE);
        let mut end = self.count;
        let oldest = self.count - self.count.min(KEPT);
        while end > oldest && self.words[(end - 1) % KEPT].end > run {
            end -= 1;
        }
        let mut first = end;
        while first > oldest
            && end - first + count < WORDS
            && self.words[(first - 1) % KEPT].start >= least
        {
            first -= 1;
        }
        let kept = end - first;
        let (beyond, measured) = ([0.0; WORDS], kept + count);
        Near { memory: self, first, kept, glued, count, start, beyond, measured, sum: 0.0 }
    }

    /// Cuts the text before `to`, a border between words, into words.
    fn read(&mut self, cx: &Cx<'_>, to: usize) {
        if to <= self.upto {
            if to + KEPT >= self.upto || self.count == 0 {
                return;
            }
            self.clear();
        }
        let mut from = self.upto;
        if self.count == 0 || to - from > RUN_UP {
            self.count = 0;
            from = to.saturating_sub(RUN_UP).max(cx.low());
            // A word whose beginning is out of sight is none.
            if is_of_word(cx.before(from)) {
                from = cx.run(from, to - from, is_of_word);
            }
        }
        cx.tally(to - from);
        for word in words::words(cx.slice(from, to), from) {
            self.words[self.count % KEPT] = known(word);
            self.count += 1;
        }
        self.upto = to;
    }
}

impl Near<'_> {
    pub(super) fn len(&self) -> usize {
        self.kept + self.count
    }

    pub(super) fn word(&self, index: usize) -> Word {
        match index.checked_sub(self.kept) {
            Some(glued) => self.glued[glued],
            None => self.memory.words[(self.first + index) % KEPT],
        }
    }

    /// How far the word `last`, which ends a phrase, is from the span.
    pub(super) fn distance(&mut self, cx: &Cx<'_>, last: usize) -> f32 {
        while self.measured > last {
            self.measured -= 1;
            let index = self.measured;
            self.beyond[index] = self.sum;
            let word = self.word(index);
            self.sum += word.weight + between(cx, word, self.end_of_gap(index), false).distance;
        }
        self.beyond[last] + between(cx, self.word(last), self.end_of_gap(last), true).distance
    }

    fn end_of_gap(&self, index: usize) -> usize {
        if index + 1 < self.len() { self.word(index + 1).start } else { self.start }
    }
}

/// A word with what is to be known of it.
fn known(word: Word) -> Word {
    let opens = lexicon().look_up(words::join(words::NOTHING, word.hash)).is_some();
    Word { opens, weight: weigh::of(&word), ..word }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}
