//! Text into words and the gaps between them.
//!
//! A word is a run of letters and digits, with single hyphens and some apostrophes inside
//! (`Jean-Pierre`, `O'Brien`, `don't`); `'s` and its like belong to the gap after a word, elisions
//! (`d'`, `l'`) are words of their own. What stands between two words is summed up in [`super::gap`].

use super::gap::{self, Between, seen};

/// Longer runs are cut here, so that an unfinished word never holds back more.
pub const LONGEST_WORD: usize = 64;

/// Kinds of characters that were seen in a word.
pub mod letter {
    /// A lower-case letter a-z.
    pub const LOWER: u8 = 1;
    /// A capital A-Z.
    pub const UPPER: u8 = 2;
    /// A digit 0-9.
    pub const DIGIT: u8 = 4;
    /// A hyphen between letters.
    pub const HYPHEN: u8 = 8;
    /// An apostrophe between letters.
    pub const APOSTROPHE: u8 = 16;
    /// Anything beyond ASCII.
    pub const FOREIGN: u8 = 32;
}

/// One word as found in the text.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) text: &'a str,
    /// Offset of the word in the piece.
    pub(super) at: usize,
    /// Bits of [`letter`].
    pub(super) letters: u8,
    /// Capitals A-Z.
    pub(super) capitals: u8,
    /// The byte after the word; 0 at the end.
    pub(super) next: u8,
}

const BREAK: u8 = 0;
const APOSTROPHE: u8 = 64;
const HYPHEN: u8 = 128;

/// What each ASCII byte is to a word; bytes beyond ASCII are looked at one by one.
static KIND: [u8; 256] = {
    let mut kind = [BREAK; 256];
    let mut byte = 0;
    while byte < 256 {
        kind[byte] = match byte as u8 {
            b'a'..=b'z' => letter::LOWER,
            b'A'..=b'Z' => letter::UPPER,
            b'0'..=b'9' => letter::DIGIT,
            b'\'' => APOSTROPHE,
            b'-' => HYPHEN,
            0x80.. => letter::FOREIGN,
            _ => BREAK,
        };
        byte += 1;
    }
    kind
};

/// Elided words before an apostrophe, beside all of one or two letters.
const ELIDED: &[&str] = &[
    "dell", "nell", "all", "dall", "sull", "coll", "quest", "quell", "bell", "sant", "tutt",
    "jusqu", "lorsqu", "puisqu", "quoiqu", "quelqu", "grand", "entr",
];

/// Walks over `text` and hands each whole word, with the gap before it, to `word`, and nothing in
/// place of a word where a gap becomes far. Returns how many bytes are done with: all, or, when more text may follow (`last` is false), all before a word
/// that may go on.
pub(super) fn walk(
    text: &str,
    last: bool,
    between: &mut Between,
    mut word: impl FnMut(Option<Found<'_>>, Between),
) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let kind = KIND[usize::from(byte)];
        if kind & (letter::LOWER | letter::UPPER | letter::DIGIT) == 0 {
            if kind != letter::FOREIGN {
                between.put(gap::of_byte(byte));
                at += 1;
                if between.becomes_far() {
                    word(None, *between);
                }
                continue;
            }
            let character = character(text, at);
            if !in_word(character) {
                between.put(gap::of_character(character));
                at += character.len_utf8();
                if between.becomes_far() {
                    word(None, *between);
                }
                continue;
            }
        }
        let Some(run) = run(text, at, last) else { return at };
        let found = Found {
            text: &text[at..run.end],
            at,
            letters: run.letters,
            capitals: run.capitals,
            next: bytes.get(run.end).copied().unwrap_or(0),
        };
        word(Some(found), *between);
        between.reset();
        if run.suffix > 0 {
            between.put(run.mark);
        }
        at = run.end + run.suffix;
    }
    bytes.len()
}

struct Run {
    end: usize,
    letters: u8,
    capitals: u8,
    /// Bytes after the word that belong to the gap as one mark: `'s`, or an elision's apostrophe.
    suffix: usize,
    mark: u32,
}

/// The word that starts at `from`; nothing when its end is not certain yet.
fn run(text: &str, from: usize, last: bool) -> Option<Run> {
    let bytes = text.as_bytes();
    let limit = from + LONGEST_WORD;
    let (mut at, mut letters, mut capitals) = (from, 0_u8, 0_u8);
    let unsure =
        |end, letters, capitals| last.then_some(Run { end, letters, capitals, suffix: 0, mark: 0 });
    let done = |end, letters, capitals| Some(Run { end, letters, capitals, suffix: 0, mark: 0 });
    loop {
        let Some(&byte) = bytes.get(at) else { return unsure(at, letters, capitals) };
        if at >= limit {
            return done(at, letters, capitals);
        }
        let kind = KIND[usize::from(byte)];
        let mut width = 1;
        match kind {
            letter::LOWER | letter::DIGIT => {
                letters |= kind;
                at += 1;
                continue;
            }
            letter::UPPER => {
                letters |= kind;
                capitals = capitals.saturating_add(1);
                at += 1;
                continue;
            }
            BREAK => return done(at, letters, capitals),
            HYPHEN => {
                // Joins only between two letters or digits.
                match text[at + 1..].chars().next() {
                    None => return unsure(at, letters, capitals),
                    Some(next) if in_word(next) => letters |= letter::HYPHEN,
                    Some(_) => return done(at, letters, capitals),
                }
                at += 1;
                continue;
            }
            APOSTROPHE => {}
            _ => {
                let character = character(text, at);
                width = character.len_utf8();
                if !matches!(character, '’' | 'ʼ') {
                    if !in_word(character) {
                        return done(at, letters, capitals);
                    }
                    letters |= letter::FOREIGN;
                    at += width;
                    continue;
                }
            }
        }
        match apostrophe(&text[from..at], &text[at + width..], last) {
            Apostrophe::Unsure => return None,
            Apostrophe::Ends => return done(at, letters, capitals),
            Apostrophe::Suffix { length, mark } => {
                return Some(Run { end: at, letters, capitals, suffix: width + length, mark });
            }
            Apostrophe::Joins => {
                letters |= letter::APOSTROPHE;
                at += width;
            }
        }
    }
}

/// What an apostrophe after part of a word does.
enum Apostrophe {
    /// More text is needed to know.
    Unsure,
    /// The word ends before it.
    Ends,
    /// The word ends before it, and it and `length` bytes more are one mark in the gap.
    Suffix { length: usize, mark: u32 },
    /// The word goes on.
    Joins,
}

fn apostrophe(left: &str, rest: &str, last: bool) -> Apostrophe {
    const SUFFIXES: &[&[u8]] = &[b"s", b"m", b"d", b"re", b"ve", b"ll"];
    let Some(next) = rest.chars().next() else {
        return if last { Apostrophe::Ends } else { Apostrophe::Unsure };
    };
    if !in_word(next) || next.is_ascii_digit() {
        return Apostrophe::Ends;
    }
    if left.eq_ignore_ascii_case("o") && next.is_uppercase() {
        return Apostrophe::Joins;
    }
    let length = rest.bytes().take(3).take_while(u8::is_ascii_alphabetic).count();
    if !last && rest.len() <= length {
        return Apostrophe::Unsure;
    }
    let suffix = &rest.as_bytes()[..length];
    if SUFFIXES.iter().any(|known| suffix.eq_ignore_ascii_case(known))
        && rest[length..].chars().next().is_none_or(|c| !in_word(c))
    {
        return Apostrophe::Suffix { length, mark: seen::POSSESSIVE };
    }
    let short = left.chars().nth(2).is_none();
    if short || next.is_uppercase() || ELIDED.iter().any(|word| left.eq_ignore_ascii_case(word)) {
        return Apostrophe::Suffix { length: 0, mark: seen::ELISION };
    }
    Apostrophe::Joins
}

fn character(text: &str, at: usize) -> char {
    text[at..].chars().next().unwrap_or(' ')
}

/// Whether a character can be part of a word.
fn in_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric();
    }
    // The modifier letter is an apostrophe here, which no word starts with.
    character != 'ʼ' && character.is_alphanumeric() || matches!(character, '\u{300}'..='\u{36f}')
}
