//! How far back a finding may start, and so how much of a stream has to be held back.
//!
//! A span starts at most a few words before its trigger, and only over words that can be part of
//! one: names and numbers, parts of addresses, `at` and `dot` and what they join. Whether a word is
//! such a one depends on it alone, so that what a stream has let go is never wanted again.

use super::Cx;

/// At most so many words are held back, single characters not counted.
const WORDS: usize = 6;

/// At most so many bytes of complete words are held back.
const BYTES: usize = 128;

/// Of a word longer than this, only so much is held back.
const WORD_BYTES: usize = 320;

/// The earliest start of a span whose trigger is at `at`.
pub(crate) fn floor(cx: &Cx<'_>, at: usize) -> usize {
    let start = word_start(cx, at);
    let end = cx.run(at, 16, |byte| byte != 0 && !byte.is_ascii_whitespace());
    chain(cx, start, end, start, WORDS)
}

/// The earliest start of a span whose trigger is at `at` or anywhere behind. The last word is part
/// of it: the next may be `at`.
pub(crate) fn release(cx: &Cx<'_>, at: usize) -> usize {
    let start = word_start(cx, at);
    let Some((previous, end)) = word_before(cx, start) else { return start };
    if end - previous > WORD_BYTES || end + 2 < start {
        return chain(cx, start, at, start, WORDS);
    }
    chain(cx, previous, end, at, WORDS)
}

/// Goes back from the word at `start` while the words before belong. Small words belong only behind
/// one that belongs by itself: `Calle de la`, but not `out of the`.
fn chain(cx: &Cx<'_>, mut start: usize, mut end: usize, from: usize, mut words: usize) -> usize {
    let mut belongs = start;
    loop {
        let Some((previous, previous_end)) = word_before(cx, start) else { return belongs };
        let word = cx.slice(previous, previous_end);
        // `j a n e`: letters apart belong to letters apart.
        let apart = word.len() == 1 && end == start + 1;
        // `jane @example.com`.
        let host = cx.at(start) == b'@';
        let joins = apart
            || host
            || is_linkable(word)
            || is_spoken(word)
            || is_spoken(cx.slice(start, end));
        if word.len() > 1 {
            words -= 1;
        }
        if !(joins || is_particle(word)) || words == 0 || from - previous > BYTES {
            return belongs;
        }
        (start, end) = (previous, previous_end);
        if joins {
            belongs = start;
        }
    }
}

fn word_start(cx: &Cx<'_>, at: usize) -> usize {
    cx.run_back(at, WORD_BYTES, |byte| byte != 0 && !byte.is_ascii_whitespace())
}

/// The word that ends before `start`.
fn word_before(cx: &Cx<'_>, start: usize) -> Option<(usize, usize)> {
    let end = cx.run_back(start, 8, |byte| byte.is_ascii_whitespace());
    let from = cx.run_back(end, BYTES, |byte| byte != 0 && !byte.is_ascii_whitespace());
    (from < end).then_some((from, end))
}

/// Whether a word can be inside a number, a name or an address.
fn is_linkable(word: &[u8]) -> bool {
    let inner = word.iter().position(|byte| !matches!(byte, b'(' | b'"' | b'\'' | b'[' | b'*'));
    let Some(first) = inner.map(|at| word[at]) else { return true };
    first.is_ascii_uppercase()
        || word.len() == 1 && !first.is_ascii_alphabetic()
        || first == b'+'
        || first >= 0x80
        || word.iter().any(u8::is_ascii_digit)
        || is_street(word)
}

/// Words that begin the name of a street, also in small letters.
fn is_street(word: &[u8]) -> bool {
    const STREETS: &[&str] = &[
        "rue",
        "avenue",
        "boulevard",
        "place",
        "chemin",
        "impasse",
        "quai",
        "cours",
        "route",
        "square",
        "calle",
        "avenida",
        "avda.",
        "av.",
        "av",
        "plaza",
        "paseo",
        "via",
        "viale",
        "piazza",
        "corso",
        "largo",
        "vicolo",
        "strada",
        "rua",
        "travessa",
        "alameda",
        "estrada",
        "praça",
        "ul.",
        "al.",
        "os.",
        "pl.",
        "c/",
        "str.",
        "straße",
        "strasse",
        "st.",
        "box",
        "postbus",
        "apt.",
        "suite",
        "unit",
    ];
    word.len() <= 10 && STREETS.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(word))
}

/// Small words inside names of streets and towns.
fn is_particle(word: &[u8]) -> bool {
    const PARTICLES: &[&str] = &[
        "de", "la", "le", "les", "du", "des", "del", "della", "delle", "dei", "di", "da", "do",
        "dos", "das", "der", "den", "dem", "van", "von", "zum", "zur", "am", "an", "auf", "im",
        "unter", "et", "and", "of", "the", "sur", "en", "aan", "op", "los", "las", "el",
    ];
    word.len() <= 10 && PARTICLES.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(word))
}

/// A word that stands for `@` or `.`, with a mark on both sides perhaps.
pub(crate) fn is_spoken(word: &[u8]) -> bool {
    let word = unmarked(word);
    is_spoken_at(word) || is_spoken_dot(word)
}

/// The word between two marks: `-at-`, `*dot*`.
pub(crate) fn unmarked(word: &[u8]) -> &[u8] {
    match word {
        [first, inner @ .., last] if first == last && is_spoken_mark(*first) => inner,
        _ => word,
    }
}

/// A mark that people write on both sides of a spoken one.
pub(crate) fn is_spoken_mark(byte: u8) -> bool {
    matches!(byte, b'-' | b'*' | b'_' | b'|' | b'~' | b'\'' | b'"')
}

pub(crate) fn is_spoken_at(word: &[u8]) -> bool {
    const AT: &[&str] =
        &["at", "@", "arroba", "chiocciola", "apenstaartje", "arobase", "ät", "klammeraffe"];
    AT.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(word))
}

pub(crate) fn is_spoken_dot(word: &[u8]) -> bool {
    const DOT: &[&str] = &["dot", ".", "punkt", "point", "punto", "punt", "ponto"];
    DOT.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(word))
}
