//! The front half of the tagger, shared with its trainer: text becomes words with their properties,
//! words that may be part of a name become *candidates*, and each candidate, once its right
//! neighbours are known, is handed to a [`Judge`] with its features.

use std::ops::Range;

use super::{
    features::{self, COUNT},
    fold::{Folded, hash},
    gap::{Between, Gap},
    lexicon::{Entry, Lexicon, cue},
    memory::Memory,
    mood::Mood,
    shape::Shape,
    unlisted,
    words::{self, Found},
};

/// Words to the right that a candidate's features look at.
pub const LOOK_AHEAD: usize = 2;

/// Words that are kept: candidates that wait, and their neighbours.
const KEPT: usize = 8;

/// A gap of more characters than this ends every name.
const WIDEST_GAP: usize = 12;

/// What is known of one word.
#[derive(Clone, Copy, Default)]
pub struct Word {
    /// Byte offset of its start.
    pub start: usize,
    /// Byte offset of its end.
    pub end: usize,
    /// The hash of its folded spelling.
    pub hash: u64,
    /// What the lists say.
    pub entry: Entry,
    /// How it looks.
    pub shape: Shape,
    /// What stands before it, a [`Gap`].
    pub gap: u8,
    /// Whether it may be part of a name.
    pub candidate: bool,
    /// Whether a name may not run on from the word before it.
    pub apart: bool,
    /// How much the spelling of an unlisted word is that of a name, and of a person; 0 if listed.
    pub spelling: (u8, u8),
    /// Hashes of its ends: first two and three letters, last two, three and four, first four, last
    /// five.
    pub affixes: [u32; 7],
    /// What the memory knew of it when it came.
    pub remembered: u8,
    /// The state of the text before it, as `Mood::pack` says.
    pub mood: u16,
    /// Whether it is the value of a label that persons stand under: `Name: `, `"owner": "`.
    pub labelled: bool,
}

/// Who receives the candidates.
pub trait Judge {
    /// A candidate, the middle one of five words, with the numbers of its features; it continues the run of candidates before it
    /// unless `rest` was called between.
    fn candidate(&mut self, near: [&Word; 5], keys: &[u64; COUNT], memory: &mut Memory);
    /// The run of candidates has ended.
    fn rest(&mut self, memory: &mut Memory);
    /// Where the earliest name starts that is not settled yet, if any.
    fn open(&self) -> Option<usize>;
}

/// Turns text into candidates.
pub struct Front {
    lexicon: Lexicon,
    /// The last words, by number modulo [`KEPT`].
    words: [Word; KEPT],
    /// How many words there have been.
    count: usize,
    /// The candidates are judged up to this word.
    judged: usize,
    /// Whether candidates have been handed over since the last rest.
    running: bool,
    between: Between,
    /// Everything before this offset has been read.
    offset: usize,
    /// A claim reaches to this offset.
    claimed_to: usize,
    folded: Folded,
    mood: Mood,
    /// Names accepted so far.
    pub memory: Memory,
}

impl Front {
    /// A front half with a lexicon.
    pub fn new(lexicon: Lexicon) -> Self {
        Self {
            lexicon,
            words: [Word::default(); KEPT],
            count: 0,
            judged: 0,
            running: false,
            between: Between::default(),
            offset: 0,
            claimed_to: 0,
            folded: Folded::new(""),
            mood: Mood::default(),
            memory: Memory::new(),
        }
    }

    /// A new text begins; nothing is remembered.
    pub fn start(&mut self) {
        self.memory.clear();
        self.words = [Word::default(); KEPT];
        self.count = 0;
        self.judged = 0;
        self.running = false;
        self.between = Between::default();
        self.offset = 0;
        self.claimed_to = 0;
        self.mood = Mood::default();
    }

    /// The label that the text stands under: its last words become the text's left neighbours.
    pub fn key(&mut self, key: &str) {
        let mut rest = key;
        while !rest.is_empty() {
            let end = part_end(rest);
            let (part, after) = rest.split_at(end);
            if part.chars().all(char::is_alphanumeric) {
                self.folded.fill(part);
                let hash = self.folded.hash();
                let word = Word {
                    hash,
                    entry: self.lexicon.get(hash),
                    shape: Shape::Lower,
                    gap: if self.count == 0 { Gap::QuoteOpen } else { Gap::Underscore } as u8,
                    ..Word::default()
                };
                self.keep(word);
            }
            rest = after;
        }
        self.judged = self.count;
        self.between = Between::key_value();
    }

    /// How many words there have been.
    pub fn words(&self) -> usize {
        self.count
    }

    /// Reads on: `text` holds the bytes from offset `base` on, at most up to where the claims are
    /// final; with `end`, nothing follows. Bytes that are no UTF-8 separate words.
    pub fn read(
        &mut self,
        text: &[u8],
        base: usize,
        end: bool,
        claimed: impl Iterator<Item = Range<usize>>,
        judge: &mut impl Judge,
    ) {
        let limit = base + text.len();
        for claim in claimed {
            // What an earlier claim covers, or a word that has been read, is gone.
            let start = claim.start.max(self.offset).max(self.claimed_to);
            if claim.end <= start || start >= limit {
                continue;
            }
            self.stretch(&text[..start - base], base, true, judge);
            self.placeholder(start, claim.end, judge);
        }
        self.stretch(text, base, end, judge);
        if end {
            self.far(self.between, judge);
        }
    }

    /// Nothing follows, or nothing near: what waits is judged without it.
    fn far(&mut self, between: Between, judge: &mut impl Judge) {
        for _ in 0..LOOK_AHEAD {
            self.keep(Word { gap: between.class() as u8, apart: true, ..Word::default() });
            self.judge(judge);
        }
        self.rest(judge);
    }

    /// Nothing before this offset can become part of a name any more.
    pub fn settled(&self, judge: &impl Judge) -> usize {
        let waiting = (self.judged..self.count)
            .map(|index| &self.words[index % KEPT])
            .find(|word| word.candidate)
            .map(|word| word.start);
        judge.open().or(waiting).unwrap_or(self.offset)
    }

    /// Reads text without claims, from where the reading stands; with `last`, the last word in it
    /// ends there.
    fn stretch(&mut self, text: &[u8], base: usize, last: bool, judge: &mut impl Judge) {
        // What a claim covers is passed over, as far as it has arrived.
        self.offset = self.offset.max(self.claimed_to.min(base + text.len()));
        while let Some(rest) = text.get(self.offset - base..)
            && !rest.is_empty()
        {
            let (valid, broken) = match std::str::from_utf8(rest) {
                Ok(valid) => (valid, None),
                Err(error) => {
                    let (valid, _) = rest.split_at(error.valid_up_to());
                    let broken = error.error_len().or(last.then_some(rest.len() - valid.len()));
                    (std::str::from_utf8(valid).unwrap_or_default(), broken)
                }
            };
            let before = self.offset;
            let (mut between, at) = (self.between, self.offset);
            let done =
                words::walk(
                    valid,
                    last || broken.is_some(),
                    &mut between,
                    |found, gap| match found {
                        Some(found) => self.word(&found, at, gap, judge),
                        None => self.far(gap, judge),
                    },
                );
            self.between = between;
            self.offset += done;
            if let Some(broken) = broken {
                self.between.foreign();
                if self.between.becomes_far() {
                    self.far(self.between, judge);
                }
                self.offset += broken;
            } else if done == valid.len() || self.offset == before || !last {
                return;
            }
        }
    }

    fn rest(&mut self, judge: &mut impl Judge) {
        if self.running {
            self.running = false;
            judge.rest(&mut self.memory);
        }
    }

    fn word(&mut self, found: &Found<'_>, base: usize, between: Between, judge: &mut impl Judge) {
        let Found { text, at, letters, capitals, next } = *found;
        self.folded.fill(text);
        let hash = self.folded.hash();
        let mut word = Word {
            start: base + at,
            end: base + at + text.len(),
            hash,
            entry: self.lexicon.get(hash),
            shape: Shape::of(text, letters, capitals),
            gap: between.class() as u8,
            apart: apart(between),
            mood: self.mood.pack(),
            ..Word::default()
        };
        if word.entry == Entry::default() {
            word.entry = unlisted::entry(self.lexicon, self.folded.bytes(), hash, word.shape);
        }
        word.labelled = self.is_labelled(&word);
        word.remembered = u8::from(self.memory.knows(hash));
        word.candidate = self.may_be_name(&word, next);
        if word.candidate {
            word.affixes = affixes(self.folded.bytes());
            if word.shape.capital() && word.entry.unsure() {
                word.spelling = self.lexicon.spelling(self.folded.bytes());
            }
        }
        self.mood.pass(word.entry, word.shape, between.class(), features::fresh(word.gap));
        self.keep(word);
        self.judge(judge);
    }

    fn is_labelled(&self, word: &Word) -> bool {
        const BEHIND_LABELS: [Gap; 3] = [Gap::KeyValue, Gap::Equals, Gap::Colon];
        let before = self.words[(self.count + KEPT - 1) % KEPT];
        BEHIND_LABELS.iter().any(|gap| *gap as u8 == word.gap)
            && matches!(
                before.entry.cue(),
                cue::TITLE
                    | cue::GREETING
                    | cue::NAME_LABEL
                    | cue::ROLE_LABEL
                    | cue::OFFICE
                    | cue::KIN
                    | cue::SIGN_OFF
                    | cue::CONTACT
            )
    }

    fn placeholder(&mut self, start: usize, end: usize, judge: &mut impl Judge) {
        let word = Word {
            start,
            end,
            hash: CLAIMED,
            shape: Shape::Claimed,
            gap: self.between.class() as u8,
            apart: true,
            mood: self.mood.pack(),
            ..Word::default()
        };
        self.between.reset();
        self.claimed_to = end;
        self.keep(word);
        self.judge(judge);
    }

    fn keep(&mut self, word: Word) {
        self.words[self.count % KEPT] = word;
        self.count += 1;
    }

    /// Hands over the candidates whose right neighbours are known.
    fn judge(&mut self, judge: &mut impl Judge) {
        while self.judged + LOOK_AHEAD < self.count {
            let index = self.judged;
            self.judged += 1;
            let word = self.words[index % KEPT];
            if !word.candidate || word.apart {
                self.rest(judge);
            }
            if word.candidate {
                self.running = true;
                // The ring still holds two words before; before the first one, empty words.
                let near = |offset: usize| &self.words[(index + KEPT + offset - 2) % KEPT];
                let near = [near(0), near(1), near(2), near(3), near(4)];
                judge.candidate(near, &features::keys(near), &mut self.memory);
            }
        }
    }

    /// Whether a word may be part of a name. Only what stands before it, and the one character after
    /// it, may count here: it decides whether text is held back.
    fn may_be_name(&self, word: &Word, next: u8) -> bool {
        let entry = word.entry;
        if word.remembered != 0 {
            return true;
        }
        if word.shape == Shape::Initial {
            return !entry.never() || matches!(next, b'.' | b'\'' | 0xe2);
        }
        if word.shape.capital() {
            let code = self.mood.code() && identifier(word);
            return !(entry.never() || code);
        }
        if !word.shape.lower() {
            return false;
        }
        if entry.telling() && !self.mood.code() {
            return true;
        }
        let before = &self.words[(self.count + KEPT - 1) % KEPT];
        if self.count == 0 {
            return false;
        }
        if before.candidate && !word.apart {
            return matches!(entry.cue(), cue::PARTICLE | cue::LINKER | cue::STREET)
                || (before.shape.lower()
                    && !entry.ordinary()
                    && !entry.never()
                    && entry.common() < 4
                    && word.gap == Gap::Space as u8);
        }
        let near = [
            Gap::Space,
            Gap::Stop,
            Gap::Comma,
            Gap::Colon,
            Gap::Line,
            Gap::KeyValue,
            Gap::Equals,
            Gap::Possessive,
        ];
        let near = near.iter().any(|gap| *gap as u8 == word.gap);
        let expected = near
            && (word.gap == Gap::Possessive as u8
                || matches!(
                    before.entry.cue(),
                    cue::TITLE
                        | cue::GREETING
                        | cue::INTRODUCTION
                        | cue::COPULA
                        | cue::KIN
                        | cue::NAME_LABEL
                        | cue::ROLE_LABEL
                        | cue::OFFICE
                        | cue::SPEECH
                        | cue::SIGN_OFF
                ));
        expected && !entry.ordinary() && !entry.never()
    }
}

/// Whether a word inside code is a type, a constant or a member rather than a name.
fn identifier(word: &Word) -> bool {
    let listed = word.entry.first() > 0 || word.entry.last() > 0;
    let member = [Gap::StopGlued, Gap::ColonGlued, Gap::Underscore, Gap::Code];
    word.shape == Shape::UpperCamel
        || (word.shape == Shape::Upper && !listed)
        || (!listed && member.iter().any(|gap| *gap as u8 == word.gap))
}

/// The hash that stands for whatever the pattern layer claimed.
const CLAIMED: u64 = 0x636c_6169_6d65_6421;

/// Whether a name never runs on over a gap.
fn apart(between: Between) -> bool {
    const BORDERS: [Gap; 14] = [
        Gap::Start,
        Gap::Paragraph,
        Gap::Bullet,
        Gap::KeyValue,
        Gap::QuoteComma,
        Gap::Semicolon,
        Gap::Equals,
        Gap::Angle,
        Gap::Code,
        Gap::Pipe,
        Gap::Shout,
        Gap::Colon,
        Gap::Hash,
        Gap::At,
    ];
    between.length() > WIDEST_GAP || BORDERS.contains(&between.class())
}

/// Hashes of a folded word's first two and three bytes, last two, three and four, first four, last
/// five.
fn affixes(word: &[u8]) -> [u32; 7] {
    let start = |length: usize| hash(&word[..length.min(word.len())]) as u32;
    let end = |length: usize| hash(&word[word.len().saturating_sub(length)..]) as u32;
    [start(2), start(3), end(2), end(3), end(4), start(4), end(5)]
}

/// The end of the first part of a label: a word of `snake_case`, `kebab-case` or `camelCase`, or
/// what separates two.
fn part_end(label: &str) -> usize {
    let mut characters = label.char_indices();
    let Some((_, mut last)) = characters.next() else { return 0 };
    let word = last.is_alphanumeric();
    for (at, character) in characters {
        if character.is_alphanumeric() != word || (last.is_lowercase() && character.is_uppercase())
        {
            return at;
        }
        last = character;
    }
    label.len()
}
