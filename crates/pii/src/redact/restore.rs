//! Putting values back where something took their places.

use std::{collections::HashSet, ops::Range, sync::Arc};

use aho_corasick::{AhoCorasick, MatchKind};

use super::{Ledger, border, held::Held};
use crate::layers::{self, Format, Found, Layered, Reader, Wrap};

/// Puts the values of a ledger back into what comes in pieces, cut anywhere.
pub struct Restorer {
    ledger: Arc<Ledger>,
    layered: Layered<Places>,
    held: Held,
    found: Vec<Found<()>>,
}

/// Puts the values of a ledger back into a text that is there in full. In JSON they are written as
/// JSON wants it, as deep as they stand.
#[must_use]
pub fn restore(ledger: &Arc<Ledger>, format: Format, text: &str) -> String {
    let mut restorer = Restorer::new(Arc::clone(ledger), format);
    let mut out = Vec::with_capacity(text.len());
    restorer.push(text.as_bytes(), &mut out);
    restorer.finish(&mut out);
    String::from_utf8(out)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

impl Restorer {
    /// A restorer of one stream.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>, format: Format) -> Self {
        let layered = Layered::new(format, Places::new(&ledger), "");
        Self { ledger, layered, held: Held::default(), found: Vec::new() }
    }

    /// Takes the next piece and appends to `out` what may leave: all but what may be the beginning of
    /// a placeholder.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.read(piece, false, out);
    }

    /// Nothing follows: the rest leaves.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.read(&[], true, out);
    }

    /// How many bytes were moved and looked at so far, some more than once: the measure by which
    /// restoring is linear.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.held.moved() + self.layered.reader().work
    }

    fn read(&mut self, piece: &[u8], end: bool, out: &mut Vec<u8>) {
        self.held.come(piece);
        let released = self.layered.push(piece, end, &mut self.found);
        for found in self.found.drain(..) {
            self.held.let_go(found.start, out);
            let length = (found.end - self.held.base()).min(self.held.bytes().len());
            let written = &self.held.bytes()[..length];
            let place = layers::decode(written, found.wrap);
            match self.ledger.value(&place) {
                Some(value) => out.extend_from_slice(layers::encode(value, found.wrap).as_bytes()),
                None => out.extend_from_slice(written),
            }
            self.held.drop_before(found.end);
        }
        self.held.let_go(if end { self.held.end() } else { released }, out);
        self.held.compact();
    }
}

/// The substitutes of a ledger that stand in a text which is there in full.
pub(super) fn occurring(ledger: &Ledger, format: Format, text: &str) -> HashSet<String> {
    let mut found = Vec::new();
    Layered::new(format, Places::new(ledger), "").push(text.as_bytes(), true, &mut found);
    let place =
        |it: &Found<()>| layers::decode(text.as_bytes().get(it.start..it.end)?, it.wrap).into();
    found.iter().filter_map(place).filter(|it: &String| !it.starts_with("{{")).collect()
}

/// Finds what took the places of values.
struct Places {
    search: Option<AhoCorasick>,
    /// All of them, in order: to see what a text may end with the beginning of.
    sorted: Vec<String>,
    longest: usize,
    /// The last bytes of the text that are not in the tail: a character at most.
    before: Vec<u8>,
    tail: Vec<u8>,
    at: usize,
    /// Bytes looked at.
    work: u64,
}

/// Whether something that reads like a place is one.
enum Stands {
    /// It is.
    Apart,
    /// It is a part of a longer word or number.
    Within,
    /// What follows has to come first.
    Open,
}

/// The longest character, bytes.
const CHARACTER: usize = 4;

impl Places {
    fn new(ledger: &Ledger) -> Self {
        let mut sorted: Vec<String> = ledger.places().map(str::to_owned).collect();
        sorted.sort_unstable();
        let longest = sorted.iter().map(String::len).max().unwrap_or(0);
        let search = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&sorted);
        let search = search.ok().filter(|_| longest > 0);
        Self { search, sorted, longest, before: Vec::new(), tail: Vec::new(), at: 0, work: 0 }
    }

    /// How much of the end of a text may be the beginning of one.
    fn begun(&self, text: &[u8]) -> usize {
        let most = text.len().min(self.longest.saturating_sub(1));
        let begins = |length: &usize| {
            let tail = &text[text.len() - length..];
            let next = self.sorted.partition_point(|it| it.as_bytes() < tail);
            self.sorted.get(next).is_some_and(|it| it.as_bytes().starts_with(tail))
        };
        (1..=most).rev().find(begins).unwrap_or(0)
    }

    /// Whether a place in the tail stands apart: a substitute looks like any other word.
    fn stands(&self, range: Range<usize>, place: &str, end: bool) -> Stands {
        if place.starts_with("{{") {
            return Stands::Apart;
        }
        if place.starts_with(border::joins) {
            let tail = &self.tail[range.start.saturating_sub(CHARACTER)..range.start];
            let before =
                if range.start < CHARACTER { [&self.before, tail].concat() } else { tail.to_vec() };
            if String::from_utf8_lossy(&before).ends_with(border::joins) {
                return Stands::Within;
            }
        }
        if place.ends_with(border::joins) {
            let behind = &self.tail[range.end..self.tail.len().min(range.end + CHARACTER)];
            let cut = match std::str::from_utf8(behind) {
                Ok(text) => text.is_empty(),
                Err(error) => error.valid_up_to() == 0 && error.error_len().is_none(),
            };
            if cut && !end {
                return Stands::Open;
            }
            if String::from_utf8_lossy(behind).starts_with(border::joins) {
                return Stands::Within;
            }
        }
        Stands::Apart
    }

    /// What is before `count` in the tail is not needed any more.
    fn forget(&mut self, count: usize) {
        self.before.extend_from_slice(&self.tail[count.saturating_sub(CHARACTER)..count]);
        self.before.drain(..self.before.len().saturating_sub(CHARACTER));
        self.tail.drain(..count);
        self.at += count;
    }
}

impl Reader for Places {
    type What = ();

    fn begin(&mut self, _key: &str) {
        self.before.clear();
        self.tail.clear();
        self.at = 0;
    }

    fn push(&mut self, piece: &[u8], end: bool, out: &mut Vec<Found<()>>) -> usize {
        self.tail.extend_from_slice(piece);
        let Some(search) = &self.search else {
            self.at += self.tail.len();
            self.tail.clear();
            return self.at;
        };
        // What may go on: a longer one may begin with one that is complete.
        let begun = if end { 0 } else { self.begun(&self.tail) };
        self.work += (self.tail.len() + begun) as u64;
        let mut certain = self.tail.len() - begun;
        let (mut at, mut next) = (0, 0);
        while let Some(found) = search.find(aho_corasick::Input::new(&self.tail).range(at..)) {
            if found.start() >= certain {
                break;
            }
            match self.stands(found.range(), &self.sorted[found.pattern().as_usize()], end) {
                Stands::Apart => {
                    let (start, stop) = (self.at + found.start(), self.at + found.end());
                    out.push(Found { start, end: stop, what: (), wrap: Wrap::default() });
                    (at, next) = (found.end(), found.end());
                }
                Stands::Within => {
                    self.work += found.len() as u64;
                    at = found.start() + 1;
                }
                Stands::Open => {
                    certain = found.start();
                    break;
                }
            }
        }
        self.forget(certain.max(next));
        self.at
    }
}
