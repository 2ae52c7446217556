//! The bytes at which a finding may show itself. Most of a text has none, and is passed over many
//! bytes at a time.

use aho_corasick::{
    AhoCorasick, AhoCorasickKind, MatchKind, Span,
    packed::{self, Searcher},
};

/// Bytes looked at together; the compiler makes vector instructions of it.
const BLOCK: usize = 32;

/// What was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// The first digit of a run.
    Digit,
    /// `@`.
    At,
    /// `:`.
    Colon,
    /// The beginning of one of the literals, by its index.
    Literal(usize),
}

/// The first trigger byte at `from` or behind.
#[inline]
pub(crate) fn next_byte(text: &[u8], from: usize) -> Option<(usize, Trigger)> {
    let mut at = from;
    // What follows a trigger is often another: a short look before the long strides.
    let near = text.len().min(from + 8);
    while at < near {
        if let Some(trigger) = trigger_at(text, at) {
            return Some((at, trigger));
        }
        at += 1;
    }
    while let Some(block) = text.get(at..at + BLOCK) {
        let mut any = 0;
        for byte in block {
            any |= u8::from(byte.wrapping_sub(b'0') < 10)
                | u8::from(*byte == b'@')
                | u8::from(*byte == b':');
        }
        if any != 0 {
            let found = (at..at + BLOCK).find_map(|at| Some((at, trigger_at(text, at)?)));
            if found.is_some() {
                return found;
            }
        }
        at += BLOCK;
    }
    (at..text.len()).find_map(|at| Some((at, trigger_at(text, at)?)))
}

#[inline]
fn trigger_at(text: &[u8], at: usize) -> Option<Trigger> {
    match text[at] {
        b'0'..=b'9' if at == 0 || !text[at - 1].is_ascii_digit() => Some(Trigger::Digit),
        b'@' => Some(Trigger::At),
        b':' => Some(Trigger::Colon),
        _ => None,
    }
}

/// Finds any of a set of short literals.
pub(crate) struct Literals {
    search: Search,
    longest: usize,
}

enum Search {
    None,
    /// Several bytes at a time, where the processor can.
    Packed(Box<Searcher>),
    Automaton(AhoCorasick),
}

impl Literals {
    /// The literals hold no white space, so that one that is not complete yet is part of the last
    /// word that has arrived.
    pub(crate) fn new(literals: &[&str]) -> Self {
        let longest = literals.iter().map(|it| it.len()).max().unwrap_or(0);
        let packed = packed::Config::new()
            .match_kind(packed::MatchKind::LeftmostLongest)
            .builder()
            .extend(literals)
            .build();
        let search = match packed {
            _ if literals.is_empty() => Search::None,
            Some(searcher) => Search::Packed(Box::new(searcher)),
            None => AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .kind(Some(AhoCorasickKind::DFA))
                .build(literals)
                .map_or(Search::None, Search::Automaton),
        };
        Self { search, longest }
    }

    /// The first literal that starts at `from` or behind.
    pub(crate) fn next(&self, text: &[u8], from: usize) -> Option<(usize, Trigger)> {
        if from >= text.len() {
            return None;
        }
        let span = Span { start: from, end: text.len() };
        let found = match &self.search {
            Search::None => None,
            Search::Packed(searcher) => searcher.find_in(text, span),
            Search::Automaton(automaton) => {
                automaton.find(aho_corasick::Input::new(text).span(span))
            }
        }?;
        Some((found.start(), Trigger::Literal(found.pattern().as_usize())))
    }

    /// Up to where all literals that start are known, when more text may follow: a literal may be
    /// cut only within the last word.
    pub(crate) fn certain_before(&self, text: &[u8]) -> usize {
        let reach = text.len().saturating_sub(self.longest.saturating_sub(1));
        let cut = text[reach..].iter().rposition(|byte| byte.is_ascii_whitespace());
        cut.map_or(reach, |index| reach + index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_are_found_wherever_they_are() {
        let plain = "nothing to see here, ".repeat(5);
        for at in 0..plain.len() {
            let mut text = plain.clone().into_bytes();
            text[at] = b'7';
            assert_eq!(next_byte(&text, 0), Some((at, Trigger::Digit)));
            assert_eq!(next_byte(&text, at + 1), None);
        }
        assert_eq!(next_byte(b"12:3", 1), Some((2, Trigger::Colon)));
    }

    #[test]
    fn literals_are_certain_but_for_the_last_word() {
        let literals = Literals::new(&["-----BEGIN", "www."]);
        assert_eq!(literals.next(b"see www.a", 0), Some((4, Trigger::Literal(1))));
        assert_eq!(literals.certain_before(b"see ww"), 4);
        assert_eq!(literals.certain_before(b"see "), 4);
        assert_eq!(literals.certain_before(b"a-word-longer-than-it"), 12);
    }
}
