//! Undoes what hides a value from a reader of bytes: full-width and other digits, invisible marks,
//! look-alikes, percent-encoding, HTML entities, escapes, `[at]` and `[dot]`.
//!
//! The result is a second text with a list of edits that leads back to the first. It is only made
//! where such bytes occur; the scan then reads it instead of the text.

mod character;
mod encoded;

use character::{Meaning, meaning};
use encoded::Encoded;

use crate::{context::words::decode, trail::Trail};

/// The second text, as far as it is kept, and the way back.
#[derive(Default)]
pub(crate) struct Unmasked {
    pub(crate) text: Vec<u8>,
    /// The offset of the first byte kept.
    pub(crate) base: usize,
    trail: Trail,
    /// How much of the text has been read.
    read: usize,
}

/// What stands at a place of the text.
enum Step {
    /// So many bytes that mean what they say.
    Plain(usize),
    /// So many bytes that mean a character of ASCII.
    Means(usize, u8),
    /// So many bytes that mean nothing.
    Nothing(usize),
    /// `[at]` and the like, which takes the spaces before it along.
    Joins(usize, u8),
    /// More of the text is needed to know.
    Cut,
}

/// Bytes looked at together; the compiler makes vector instructions of it.
const BLOCK: usize = 32;

impl Unmasked {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.base = 0;
        self.trail.begin(0);
        self.read = 0;
    }

    /// Reads on in `raw`, which starts where the last call stopped. Returns how much was read: a
    /// character or mark that may be cut, and the spaces that may belong to one, are left for the next
    /// call unless `end`.
    pub(crate) fn read(&mut self, raw: &[u8], end: bool) -> usize {
        let mut at = 0;
        loop {
            let next = first_mark(raw, at).unwrap_or(raw.len());
            self.text.extend_from_slice(&raw[at..next]);
            at = next;
            if at == raw.len() {
                break;
            }
            match step(&self.text, &raw[at..], end) {
                Step::Plain(length) => {
                    self.text.extend_from_slice(&raw[at..at + length]);
                    at += length;
                }
                Step::Means(length, byte) => {
                    self.edit(self.read + at, length, &[byte]);
                    at += length;
                }
                Step::Nothing(length) => {
                    self.edit(self.read + at, length, &[]);
                    at += length;
                }
                Step::Joins(length, byte) => {
                    let spaces = trailing_spaces(&raw[..at]);
                    self.text.truncate(self.text.len() - spaces);
                    self.edit(self.read + at - spaces, length + spaces, &[byte]);
                    at += length;
                }
                Step::Cut => break,
            }
        }
        if !end {
            let spaces = trailing_spaces(&raw[..at]);
            self.text.truncate(self.text.len() - spaces);
            at -= spaces;
        }
        self.read += at;
        at
    }

    /// Forgets the second text before `offset`.
    pub(crate) fn forget(&mut self, offset: usize) {
        self.text.drain(..offset - self.base);
        self.base = offset;
        self.trail.forget(offset);
    }

    /// Where the byte at `offset` of the second text comes from: where its source starts.
    pub(crate) fn source_of(&self, offset: usize) -> usize {
        self.trail.source_of(offset)
    }

    /// Where the source of the byte before `offset` ends.
    pub(crate) fn source_behind(&self, offset: usize) -> usize {
        self.trail.source_behind(offset)
    }

    fn edit(&mut self, from: usize, source: usize, bytes: &[u8]) {
        let at = self.base + self.text.len();
        self.text.extend_from_slice(bytes);
        self.trail.edit((from, source), (at, bytes.len()));
    }
}

/// What stands at the head of `raw`, which is a mark, behind `before`.
fn step(before: &[u8], raw: &[u8], end: bool) -> Step {
    if raw[0] < 0x80 {
        return match encoded::read(raw, end) {
            Encoded::For(length, byte) if is_bracket(raw[0]) => {
                let letters = raw[..length].iter().filter(|it| it.is_ascii_alphabetic()).count();
                if letters == 1 { lone(before, raw, end) } else { Step::Joins(length, byte) }
            }
            Encoded::For(length, byte) => Step::Means(length, byte),
            Encoded::Nothing(length) => Step::Nothing(length),
            Encoded::Plain => Step::Plain(1),
            Encoded::Cut => Step::Cut,
        };
    }
    let length = match raw[0] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    if raw.len() < length && !end {
        return Step::Cut;
    }
    let (c, length) = decode(raw);
    match meaning(c) {
        Meaning::Itself => Step::Plain(length),
        Meaning::Nothing => Step::Nothing(length),
        Meaning::Ascii(byte) => Step::Means(length, byte),
        Meaning::LooksLike(byte) => {
            let beside =
                before.last().is_some_and(|it| it.is_ascii_alphanumeric() || b".@_-".contains(it));
            match raw.get(length) {
                _ if beside => Step::Means(length, byte),
                None if !end => Step::Cut,
                Some(next) if next.is_ascii_alphanumeric() => Step::Means(length, byte),
                _ => Step::Plain(length),
            }
        }
        Meaning::AmongDigits(_) if !is_behind_digit(before) => Step::Plain(length),
        Meaning::AmongDigits(byte) => {
            let space = usize::from(raw.get(length) == Some(&b' '));
            match raw.get(length + space) {
                None if !end => Step::Cut,
                Some(next) if next.is_ascii_digit() => Step::Means(length, byte),
                _ => Step::Plain(length),
            }
        }
    }
}

/// `jane(a)example.com`, but no `(a)` of a list.
fn lone(before: &[u8], raw: &[u8], end: bool) -> Step {
    let glued = before.last().is_some_and(u8::is_ascii_alphanumeric);
    match (raw, raw.get(3)) {
        ([b'(', _, b')', ..], None) if glued && !end => Step::Cut,
        ([b'(', _, b')', ..], Some(next)) if glued && next.is_ascii_alphanumeric() => {
            Step::Means(3, b'@')
        }
        _ => Step::Plain(1),
    }
}

/// Whether a text ends with a digit, and a space perhaps.
fn is_behind_digit(text: &[u8]) -> bool {
    let text = text.strip_suffix(b" ").unwrap_or(text);
    text.last().is_some_and(u8::is_ascii_digit)
}

/// Whether a text may read differently.
pub(crate) fn is_masked(text: &[u8]) -> bool {
    let mut at = 0;
    while let Some(mark) = first_mark(text, at) {
        match step(&text[..mark], &text[mark..], true) {
            Step::Plain(length) => at = mark + length,
            _ => return true,
        }
    }
    false
}

/// The spaces at the end that a following `[at]` would take, at most two.
fn trailing_spaces(text: &[u8]) -> usize {
    text.iter().rev().take(2).take_while(|byte| **byte == b' ').count()
}

fn is_bracket(byte: u8) -> bool {
    matches!(byte, b'[' | b'(' | b'{' | b'<')
}

/// The first place at `from` or behind where something may have to be read differently.
fn first_mark(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(block) = text.get(at..at + BLOCK) {
        let mut any = 0;
        for byte in block {
            any |= u8::from(may_be_mark(*byte));
        }
        if any != 0 {
            let mut marks = (at..at + BLOCK).filter(|at| MAY_BE_MARKS[usize::from(text[*at])]);
            let found = marks.find(|at| is_mark(text, *at));
            if found.is_some() {
                return found;
            }
        }
        at += BLOCK;
    }
    (at..text.len()).find(|at| is_mark(text, *at))
}

/// The bytes with which something that may read differently starts.
const fn may_be_mark(byte: u8) -> bool {
    (byte >= 0x80)
        | (byte == b'%')
        | (byte == b'&')
        | (byte == b'\\')
        | (byte == b'(')
        | (byte == b'<')
        | (byte | 0x20 == b'{')
}

static MAY_BE_MARKS: [bool; 256] = {
    let mut may_be = [false; 256];
    let mut byte = 0;
    while byte < may_be.len() {
        may_be[byte] = may_be_mark(byte as u8);
        byte += 1;
    }
    may_be
};

/// Whether something that may read differently starts here: a quick look.
fn is_mark(text: &[u8], at: usize) -> bool {
    let next = text.get(at + 1).copied();
    match text[at] {
        b'%' => next.is_none_or(|next| matches!(next, b'2'..=b'7')),
        b'&' => next.is_none_or(|next| next == b'#' || next.is_ascii_lowercase()),
        b'\\' => next.is_none_or(|next| matches!(next, b'u' | b'x')),
        b'[' | b'(' | b'{' | b'<' => next.is_none_or(|next| {
            matches!(next | 0x20, b' ' | b'a' | b'd' | b'p' | b'c' | b'k' | b'h' | b'm' | b'u')
                || matches!(next, b'@' | b'.' | 0xc3)
        }),
        0..0x80 => false,
        0xc2 => next.is_none_or(|next| match next {
            0xb7 => at < 2 || is_behind_digit(&text[..at]),
            next => matches!(next, 0xa0 | 0xad | 0xb2 | 0xb3 | 0xb9),
        }),
        0xcc => next.is_none_or(|next| matches!(next, 0xb2 | 0xb5..=0xb8)),
        0xe2 => next.is_none_or(|next| match next {
            // Quotation marks and long dashes are common and mean themselves, but for those among
            // digits.
            0x80 => text.get(at + 2).is_none_or(|third| match third {
                0x94 | 0x95 | 0xa2 | 0xa7 => at < 2 || is_behind_digit(&text[..at]),
                third => !matches!(third, 0x94..=0xa3 | 0xa5..=0xa9 | 0xb0..),
            }),
            0x81..=0x83 | 0x88 | 0x8b | 0x91..=0x93 | 0x9d | 0x9e => true,
            _ => false,
        }),
        0xc9
        | 0xcd..=0xd5
        | 0xd8..=0xdb
        | 0xdf
        | 0xe0
        | 0xe1
        | 0xe3
        | 0xea
        | 0xef
        | 0xf0
        | 0xf3 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmasked(text: &str) -> String {
        let mut all = Unmasked::default();
        assert_eq!(all.read(text.as_bytes(), true), text.len());
        String::from_utf8(all.text).expect("UTF-8")
    }

    #[test]
    fn what_hides_is_undone() {
        for (masked, plain) in [
            ("jane [at] example [dot] com", "jane@example.com"),
            ("jane(at)example(dot)com", "jane@example.com"),
            ("jane { AT } example (.) com", "jane@example.com"),
            ("jane%40example%2Ecom", "jane@example.com"),
            ("jane%2540example.com", "jane@example.com"),
            ("jane&#64;example&period;com", "jane@example.com"),
            ("jane&#x40;example.com", "jane@example.com"),
            ("jane\\u0040example.com", "jane@example.com"),
            ("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "jane@example.com"),
            ("ja\u{200b}ne@exa\u{ad}mple.com", "jane@example.com"),
            ("jаnе@ехаmple.соm", "jane@example.com"),
            ("٥٥٥–١٢٣", "555-123"),
            ("1️⃣2️⃣", "12"),
            ("536—90 · 4399", "536-90 - 4399"),
            ("5̶3̸6", "536"),
            ("jane(a)example.com", "jane@example.com"),
            ("jane\\u{40}example.com", "jane@example.com"),
            ("536&ndash;90", "536-90"),
        ] {
            assert_eq!(unmasked(masked), plain, "{masked}");
            assert!(is_masked(masked.as_bytes()), "{masked}");
        }
    }

    #[test]
    fn plain_text_stays() {
        for text in [
            "50% of all (a) <div> & more",
            "“quoted” — and é, ß, ж",
            "f(at, dot) [1]",
            "2 (a) b, or (a)b and x(a) — 5 — no • 7 · x",
            "C:\\dir",
            "слово",
            "",
        ] {
            assert_eq!(unmasked(text), text);
            assert!(!is_masked(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn cuts_change_nothing_and_the_way_back_is_known() {
        let text =
            "x jane [at] example%2Ecom, ٥٥\u{200b}٥ &commat; (dot ж [ at ] 5—6 — 7 • x j(a)b 8·9·";
        let whole = unmasked(text);
        for cut in 0..text.len() {
            let mut all = Unmasked::default();
            let bytes = text.as_bytes();
            let read = all.read(&bytes[..cut], false);
            all.read(&bytes[read..], true);
            assert_eq!(String::from_utf8_lossy(&all.text), whole, "{cut}");
            let at = whole.find("jane@example.com").expect("there");
            let (start, end) = (all.source_of(at), all.source_behind(at + 16));
            assert_eq!(&text[start..end], "jane [at] example%2Ecom");
            let digits = whole.find("555").expect("there");
            assert_eq!(&text[all.source_of(digits)..all.source_behind(digits + 3)], "٥٥\u{200b}٥");
            all.forget(digits);
            assert_eq!(&text[all.source_of(digits)..all.source_behind(digits + 3)], "٥٥\u{200b}٥");
        }
    }
}
