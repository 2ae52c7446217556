//! Putting values back where something took their places.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};

use super::Ledger;
use crate::layers::{self, Format, Found, Layered, Reader, Wrap};

/// Puts the values of a ledger back into what comes in pieces, cut anywhere.
pub struct Restorer {
    ledger: Arc<Ledger>,
    layered: Layered<Places>,
    held: Vec<u8>,
    base: usize,
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
        Self { ledger, layered, held: Vec::new(), base: 0, found: Vec::new() }
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

    fn read(&mut self, piece: &[u8], end: bool, out: &mut Vec<u8>) {
        self.held.extend_from_slice(piece);
        let released = self.layered.push(piece, end, &mut self.found);
        for found in std::mem::take(&mut self.found) {
            self.let_go(found.start, out);
            let length = (found.end - self.base).min(self.held.len());
            let place = layers::decode(&self.held[..length], found.wrap);
            match self.ledger.value(&place) {
                Some(value) => out.extend_from_slice(layers::encode(value, found.wrap).as_bytes()),
                None => out.extend_from_slice(&self.held[..length]),
            }
            self.held.drain(..length);
            self.base += length;
        }
        self.let_go(if end { self.base + self.held.len() } else { released }, out);
    }

    fn let_go(&mut self, offset: usize, out: &mut Vec<u8>) {
        let count = offset.saturating_sub(self.base).min(self.held.len());
        out.extend(self.held.drain(..count));
        self.base += count;
    }
}

/// Finds what took the places of values.
struct Places {
    search: Option<AhoCorasick>,
    /// All of them, in order: to see what a text may end with the beginning of.
    sorted: Vec<String>,
    longest: usize,
    tail: Vec<u8>,
    at: usize,
}

impl Places {
    fn new(ledger: &Ledger) -> Self {
        let mut sorted: Vec<String> = ledger.places().map(str::to_owned).collect();
        sorted.sort_unstable();
        let longest = sorted.iter().map(String::len).max().unwrap_or(0);
        let search = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&sorted);
        let search = search.ok().filter(|_| longest > 0);
        Self { search, sorted, longest, tail: Vec::new(), at: 0 }
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
}

impl Reader for Places {
    type What = ();

    fn begin(&mut self, _key: &str) {
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
        let certain = if end { self.tail.len() } else { self.tail.len() - self.begun(&self.tail) };
        let mut next = 0;
        for found in search.find_iter(&self.tail) {
            if found.start() >= certain {
                break;
            }
            let (start, stop) = (self.at + found.start(), self.at + found.end());
            out.push(Found { start, end: stop, what: (), wrap: Wrap::default() });
            next = found.end();
        }
        let done = certain.max(next);
        self.tail.drain(..done);
        self.at += done;
        self.at
    }
}
