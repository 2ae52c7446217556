//! Text into words and the gaps between them.
//!
//! A word is a run of letters and digits, with single hyphens and some apostrophes inside
//! (`Jean-Pierre`, `O'Brien`, `don't`); `'s` and its like belong to the gap after a word, elisions
//! (`d'`, `l'`) are words of their own. Everything between two words is summed up in one [`Gap`]
//! class: for names, the difference between `, ` and `: "` matters, the exact bytes do not.

/// Longer runs are cut here, so that an unfinished word never holds back more.
pub const LONGEST_WORD: usize = 64;

/// A gap of so many characters parts what stands before it from what follows, so that a name never
/// waits for longer.
const FAR: u16 = 96;

/// What stands before a word. The numbers are part of the trained features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "each name says what was seen")]
pub enum Gap {
    Start = 0,
    Space,
    Glued,
    Comma,
    Stop,
    StopGlued,
    Colon,
    ColonGlued,
    Line,
    Paragraph,
    Bullet,
    QuoteOpen,
    QuoteClose,
    KeyValue,
    QuoteComma,
    Open,
    Close,
    Dash,
    HyphenGlued,
    Slash,
    At,
    Hash,
    Ampersand,
    Shout,
    Semicolon,
    Equals,
    Angle,
    Code,
    Possessive,
    Wide,
    Pipe,
    Star,
    Tick,
    Underscore,
    Ellipsis,
    Other,
}

/// Bits of what a gap holds, by byte.
mod seen {
    pub(super) const SPACE: u32 = 1;
    pub(super) const LINE: u32 = 1 << 1;
    pub(super) const STOP: u32 = 1 << 2;
    pub(super) const COMMA: u32 = 1 << 3;
    pub(super) const COLON: u32 = 1 << 4;
    pub(super) const QUOTE: u32 = 1 << 5;
    pub(super) const OPEN: u32 = 1 << 6;
    pub(super) const CLOSE: u32 = 1 << 7;
    pub(super) const HYPHEN: u32 = 1 << 8;
    pub(super) const SLASH: u32 = 1 << 9;
    pub(super) const CODE: u32 = 1 << 10;
    pub(super) const SHOUT: u32 = 1 << 11;
    pub(super) const AT: u32 = 1 << 12;
    pub(super) const HASH: u32 = 1 << 13;
    pub(super) const AMPERSAND: u32 = 1 << 14;
    pub(super) const POSSESSIVE: u32 = 1 << 15;
    pub(super) const SEMICOLON: u32 = 1 << 16;
    pub(super) const EQUALS: u32 = 1 << 17;
    pub(super) const ANGLE: u32 = 1 << 18;
    pub(super) const PIPE: u32 = 1 << 19;
    pub(super) const STAR: u32 = 1 << 20;
    pub(super) const TICK: u32 = 1 << 21;
    pub(super) const UNDERSCORE: u32 = 1 << 22;
    pub(super) const DASH: u32 = 1 << 23;
    pub(super) const OTHER: u32 = 1 << 24;
    pub(super) const ELISION: u32 = 1 << 25;
}

/// What the bytes since the last word were.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Between {
    seen: u32,
    first: u32,
    last: u32,
    /// The last that was no white space.
    mark: u32,
    lines: u8,
    stops: u8,
    length: u16,
    after_word: bool,
}

impl Between {
    fn put(&mut self, what: u32) {
        if self.length == 0 {
            self.first = what;
        }
        self.last = what;
        if what != seen::SPACE {
            self.mark = what;
        }
        self.seen |= what;
        self.lines = self.lines.saturating_add(u8::from(what == seen::LINE));
        self.stops = self.stops.saturating_add(u8::from(what == seen::STOP));
        self.length = self.length.saturating_add(1);
    }

    /// As after a label: `"key": "`.
    pub(super) const fn key_value() -> Self {
        let seen = seen::QUOTE | seen::COLON | seen::SPACE;
        Self {
            seen,
            first: seen::QUOTE,
            last: seen::QUOTE,
            mark: seen::QUOTE,
            lines: 0,
            stops: 0,
            length: 4,
            after_word: true,
        }
    }

    /// After a word, with nothing seen yet.
    pub(super) fn reset(&mut self) {
        *self = Self { after_word: true, ..Self::default() };
    }

    /// Bytes that are no text came.
    pub(super) fn foreign(&mut self) {
        self.put(seen::OTHER);
    }

    /// Whether the gap has just become so wide that nothing reaches over it.
    pub(super) fn becomes_far(self) -> bool {
        self.length == FAR
    }

    /// How many characters lie between.
    pub(super) fn length(self) -> usize {
        usize::from(self.length)
    }

    pub(super) fn class(self) -> Gap {
        let has = |bits: u32| self.seen & bits != 0;
        let glued = !has(seen::SPACE | seen::LINE);
        if !self.after_word && !has(!(seen::SPACE | seen::LINE)) {
            return Gap::Start;
        }
        if self.seen == seen::SPACE {
            return if self.length > 1 { Gap::Wide } else { Gap::Space };
        }
        if self.length == 0 || self.seen == seen::ELISION {
            return Gap::Glued;
        }
        if has(seen::AT) && self.last == seen::AT {
            return Gap::At;
        }
        if self.last == seen::HASH && self.seen & seen::LINE == 0 {
            return Gap::Hash;
        }
        if has(seen::LINE) {
            return if self.mark == seen::LINE {
                if self.lines > 1 { Gap::Paragraph } else { Gap::Line }
            } else if self.mark & (seen::QUOTE | seen::OPEN) != 0 {
                Gap::QuoteOpen
            } else if self.mark & (seen::CODE | seen::SLASH | seen::TICK) != 0 {
                Gap::Code
            } else {
                Gap::Bullet
            };
        }
        if has(seen::TICK) {
            return Gap::Tick;
        }
        if has(seen::QUOTE) && has(seen::COLON | seen::EQUALS) {
            return Gap::KeyValue;
        }
        if has(seen::CODE) {
            return Gap::Code;
        }
        if has(seen::QUOTE) && has(seen::COMMA) {
            return Gap::QuoteComma;
        }
        if has(seen::EQUALS) {
            return Gap::Equals;
        }
        if has(seen::ANGLE) {
            return Gap::Angle;
        }
        if has(seen::PIPE) {
            return Gap::Pipe;
        }
        if has(seen::STAR) {
            return Gap::Star;
        }
        if has(seen::SHOUT) {
            return Gap::Shout;
        }
        if has(seen::COLON) {
            return if glued { Gap::ColonGlued } else { Gap::Colon };
        }
        if has(seen::SEMICOLON) {
            return Gap::Semicolon;
        }
        if has(seen::OPEN) {
            return Gap::Open;
        }
        if has(seen::QUOTE) {
            return if self.first == seen::QUOTE && !glued {
                Gap::QuoteClose
            } else {
                Gap::QuoteOpen
            };
        }
        if has(seen::CLOSE) {
            return Gap::Close;
        }
        if self.stops > 1 {
            return Gap::Ellipsis;
        }
        if has(seen::STOP) {
            return if glued { Gap::StopGlued } else { Gap::Stop };
        }
        if has(seen::COMMA) {
            return Gap::Comma;
        }
        if has(seen::SLASH) {
            return Gap::Slash;
        }
        if has(seen::AMPERSAND) {
            return Gap::Ampersand;
        }
        if has(seen::UNDERSCORE) {
            return Gap::Underscore;
        }
        if has(seen::DASH) || (has(seen::HYPHEN) && !glued) {
            return Gap::Dash;
        }
        if has(seen::HYPHEN) {
            return Gap::HyphenGlued;
        }
        if has(seen::POSSESSIVE) {
            return Gap::Possessive;
        }
        Gap::Other
    }
}

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

/// What each ASCII byte means in a gap.
static MEANING: [u32; 128] = {
    let mut meaning = [seen::OTHER; 128];
    let mut byte = 0;
    while byte < 128 {
        meaning[byte] = match byte as u8 {
            b' ' | b'\t' => seen::SPACE,
            b'\n' => seen::LINE,
            b'\r' => seen::SPACE,
            b'.' => seen::STOP,
            b',' => seen::COMMA,
            b':' => seen::COLON,
            b'"' | b'\'' => seen::QUOTE,
            b'(' | b'[' => seen::OPEN,
            b')' | b']' => seen::CLOSE,
            b'-' => seen::HYPHEN,
            b'/' => seen::SLASH,
            b'{' | b'}' | b'\\' | b'$' | b'^' | b'~' | b'%' | b'+' => seen::CODE,
            b'!' | b'?' => seen::SHOUT,
            b'@' => seen::AT,
            b'#' => seen::HASH,
            b'&' => seen::AMPERSAND,
            b';' => seen::SEMICOLON,
            b'=' => seen::EQUALS,
            b'<' | b'>' => seen::ANGLE,
            b'|' => seen::PIPE,
            b'*' => seen::STAR,
            b'`' => seen::TICK,
            b'_' => seen::UNDERSCORE,
            _ => seen::OTHER,
        };
        byte += 1;
    }
    meaning
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
                between.put(MEANING[usize::from(byte & 127)]);
                at += 1;
                if between.becomes_far() {
                    word(None, *between);
                }
                continue;
            }
            let character = character(text, at);
            if !in_word(character) {
                between.put(meaning(character));
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

/// What a character beyond ASCII means in a gap.
fn meaning(character: char) -> u32 {
    match character {
        '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{3000}' => seen::SPACE,
        '«' | '»' | '“' | '”' | '„' | '‘' | '’' | '‚' | '‹' | '›' => seen::QUOTE,
        '–' | '—' | '―' => seen::DASH,
        '…' => seen::STOP,
        '¿' | '¡' => seen::SHOUT,
        '。' => seen::STOP,
        '，' | '、' => seen::COMMA,
        '：' => seen::COLON,
        '\u{2028}' | '\u{2029}' => seen::LINE,
        _ => seen::OTHER,
    }
}
