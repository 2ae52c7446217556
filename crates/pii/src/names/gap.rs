//! What stands between two words, in one class: for names, the difference between `, ` and `: "`
//! matters, the exact bytes do not.

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
pub(super) mod seen {
    pub(in crate::names) const SPACE: u32 = 1;
    pub(in crate::names) const LINE: u32 = 1 << 1;
    pub(in crate::names) const STOP: u32 = 1 << 2;
    pub(in crate::names) const COMMA: u32 = 1 << 3;
    pub(in crate::names) const COLON: u32 = 1 << 4;
    pub(in crate::names) const QUOTE: u32 = 1 << 5;
    pub(in crate::names) const OPEN: u32 = 1 << 6;
    pub(in crate::names) const CLOSE: u32 = 1 << 7;
    pub(in crate::names) const HYPHEN: u32 = 1 << 8;
    pub(in crate::names) const SLASH: u32 = 1 << 9;
    pub(in crate::names) const CODE: u32 = 1 << 10;
    pub(in crate::names) const SHOUT: u32 = 1 << 11;
    pub(in crate::names) const AT: u32 = 1 << 12;
    pub(in crate::names) const HASH: u32 = 1 << 13;
    pub(in crate::names) const AMPERSAND: u32 = 1 << 14;
    pub(in crate::names) const POSSESSIVE: u32 = 1 << 15;
    pub(in crate::names) const SEMICOLON: u32 = 1 << 16;
    pub(in crate::names) const EQUALS: u32 = 1 << 17;
    pub(in crate::names) const ANGLE: u32 = 1 << 18;
    pub(in crate::names) const PIPE: u32 = 1 << 19;
    pub(in crate::names) const STAR: u32 = 1 << 20;
    pub(in crate::names) const TICK: u32 = 1 << 21;
    pub(in crate::names) const UNDERSCORE: u32 = 1 << 22;
    pub(in crate::names) const DASH: u32 = 1 << 23;
    pub(in crate::names) const OTHER: u32 = 1 << 24;
    pub(in crate::names) const ELISION: u32 = 1 << 25;
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
    pub(super) fn put(&mut self, what: u32) {
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
    pub(in crate::names) const fn key_value() -> Self {
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

/// What a byte of ASCII means.
pub(super) fn of_byte(byte: u8) -> u32 {
    MEANING[usize::from(byte & 127)]
}

/// What a character beyond ASCII means.
pub(super) fn of_character(character: char) -> u32 {
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

/// What each byte of ASCII means.
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
