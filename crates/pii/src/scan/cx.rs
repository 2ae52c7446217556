//! What a matcher sees of the text: a window that knows when it was looked out of.

use std::cell::{Cell, RefCell};

use crate::{
    Entity,
    context::{Context, Evidence, Key},
    scan::candidate::{Candidate, Sink},
};

/// How far back of a trigger a matcher may look, bytes. What is remembered of a stream's past.
pub(crate) const BACK: usize = 512;

/// The most that the pattern layer holds back of any text, bytes: the word in hand and what matchers
/// look at behind it. Only some types hold back more.
pub(crate) const HOLD: usize = 3 * BACK;

/// The window around one trigger.
///
/// A matcher's answer must depend on nothing but what it asked this window for: whoever asks for a
/// byte that has not arrived marks the window, and its answer is thrown away until more has come.
/// That is what makes a stream's findings those of the whole text, however it is cut.
pub(crate) struct Cx<'t> {
    text: &'t [u8],
    /// The whole text has arrived.
    end: bool,
    /// Nothing before this may be looked at.
    low: Cell<usize>,
    looked_out: Cell<bool>,
    work: Cell<u64>,
    key: &'t Key,
    context: RefCell<Context>,
}

impl<'t> Cx<'t> {
    pub(crate) fn new(text: &'t [u8], end: bool, key: &'t Key, mut context: Context) -> Self {
        context.forget();
        Self {
            text,
            end,
            low: Cell::new(0),
            looked_out: Cell::new(false),
            work: Cell::new(0),
            key,
            context: RefCell::new(context),
        }
    }

    /// The context's scratch, for the next window.
    pub(crate) fn into_context(self) -> Context {
        self.context.into_inner()
    }

    /// The words of the key that names the text.
    pub(crate) fn key(&self) -> &'t Key {
        self.key
    }

    /// Turns to the trigger at `at`.
    pub(crate) fn turn_to(&self, at: usize) {
        self.low.set(at.saturating_sub(BACK));
        self.looked_out.set(false);
        self.context.borrow_mut().clear();
    }

    /// Whether more of the text could change the answers given since [`Self::turn_to`].
    pub(crate) fn undecided(&self) -> bool {
        self.looked_out.get()
    }

    /// The byte at `i`; 0 where there is none.
    #[inline]
    pub(crate) fn at(&self, i: usize) -> u8 {
        match self.text.get(i) {
            Some(byte) => *byte,
            None => {
                self.looked_out.set(self.looked_out.get() || !self.end);
                0
            }
        }
    }

    /// The byte before `i`; 0 where there is none.
    #[inline]
    pub(crate) fn before(&self, i: usize) -> u8 {
        if i <= self.low.get() { 0 } else { self.text[i - 1] }
    }

    /// Nothing before this may be looked at.
    pub(crate) fn low(&self) -> usize {
        self.low.get()
    }

    /// The bytes of a range that has been looked at.
    #[inline]
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'t [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Up to `most` bytes from `start` on.
    pub(crate) fn ahead(&self, start: usize, most: usize) -> &'t [u8] {
        let end = start.saturating_add(most);
        if end > self.text.len() {
            self.looked_out.set(self.looked_out.get() || !self.end);
        }
        self.tally(most);
        self.slice(start.min(self.text.len()), end.min(self.text.len()))
    }

    /// Up to `most` bytes before `end`.
    pub(crate) fn behind(&self, end: usize, most: usize) -> &'t [u8] {
        self.tally(most);
        self.slice(end.saturating_sub(most).max(self.low.get()), end)
    }

    /// Where a run of bytes that `is` ends, at most `most` on.
    pub(crate) fn run(&self, start: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
        let mut i = start;
        while i < start + most && is(self.at(i)) {
            i += 1;
        }
        self.tally(i - start);
        i
    }

    /// Where a run of bytes that `is` and that ends at `end` starts, at most `most` back.
    pub(crate) fn run_back(&self, end: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
        let mut i = end;
        while end - i < most && is(self.before(i)) {
            i -= 1;
        }
        self.tally(end - i);
        i
    }

    /// Whether the text goes on with `word` at `i`, ASCII letters in either case.
    pub(crate) fn goes_on(&self, i: usize, word: &str) -> bool {
        word.bytes().enumerate().all(|(k, byte)| self.at(i + k).eq_ignore_ascii_case(&byte))
    }

    /// Whether the text before `i` ends with `word`, ASCII letters in either case.
    pub(crate) fn ends(&self, i: usize, word: &str) -> bool {
        let found = self.behind(i, word.len());
        found.len() == word.len() && found.eq_ignore_ascii_case(word.as_bytes())
    }

    /// What was looked at, bytes: the measure of the work done.
    pub(crate) fn work(&self) -> u64 {
        self.work.get()
    }

    pub(crate) fn tally(&self, bytes: usize) {
        self.work.set(self.work.get() + bytes as u64 + 1);
    }

    /// What the neighbourhood of a span says about its being a value of `entity`, for which other
    /// things speak with `log_odds`.
    pub(crate) fn evidence(&self, span: (usize, usize), entity: Entity, log_odds: f32) -> Evidence {
        self.context.borrow_mut().evidence(self, self.key, span, entity, log_odds)
    }

    /// The types that labels before a span name; at most a few.
    pub(crate) fn labelled(&self, start: usize) -> impl Iterator<Item = Entity> + use<> {
        self.context.borrow_mut().labelled(self, self.key, start).into_iter().flatten()
    }

    /// Offers a span for which everything has been weighed, its label too.
    pub(crate) fn claim(
        &self,
        sink: &mut Sink,
        (start, end): (usize, usize),
        entity: Entity,
        log_odds: f32,
        checked: bool,
    ) {
        sink.push(Candidate { start, end, entity, log_odds, checked, phrase: None });
    }

    /// Offers a span whose form and checks speak for it with `log_odds`; the context is added.
    pub(crate) fn offer(
        &self,
        sink: &mut Sink,
        (start, end): (usize, usize),
        entity: Entity,
        log_odds: f32,
        checked: bool,
    ) -> f32 {
        let evidence = self.evidence((start, end), entity, log_odds);
        let log_odds = log_odds + evidence.log_odds;
        sink.push(Candidate { start, end, entity, log_odds, checked, phrase: evidence.phrase });
        log_odds
    }
}
