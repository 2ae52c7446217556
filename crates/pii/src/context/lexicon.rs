//! The phrases that say what a value near them is: from every recognizer's lists, and those that
//! speak against any number's being personal.

use std::{collections::HashMap, hash, sync::LazyLock};

use super::words::{self, Hash};
use crate::{
    Entity,
    context::against::AGAINST,
    recognizer::{self, Recognizer},
};

/// The longest phrase, words.
pub(crate) const LONGEST: usize = 6;

/// What a phrase does.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Role {
    /// It names the value: `SSN`, `Steuernummer`.
    Label,
    /// It makes the value more likely: `call`, `patient`.
    Cue,
    /// It makes the value less likely: `order`, `version`.
    Against,
}

/// What a phrase says about a type; no type means every number.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) entity: Option<Entity>,
    pub(crate) role: Role,
    /// The phrase: an index into [`Lexicon::phrases`].
    pub(crate) phrase: u16,
    /// How many letters and digits values of the type may have, a bit each.
    pub(crate) lengths: u64,
}

pub(crate) struct Lexicon {
    /// By the hash of a phrase: its entries. The empty list marks the beginning of a longer one.
    entries: HashMap<Hash, Vec<Entry>, hash::BuildHasherDefault<Hashed>>,
    /// A bit for each of the hashes, for a quick no.
    filter: Vec<u64>,
    /// Phrases of scripts that put no spaces between words.
    unspaced: Vec<(&'static str, Entry)>,
    phrases: Vec<&'static str>,
}

/// The lexicon of all recognizers, switched on or not: a label claims its value either way.
pub(crate) fn lexicon() -> &'static Lexicon {
    static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::build);
    &LEXICON
}

const FILTER_BITS: u64 = 1 << 17;

impl Lexicon {
    fn build() -> Self {
        let mut lexicon = Self {
            entries: HashMap::default(),
            filter: vec![0; (FILTER_BITS / 64) as usize],
            unspaced: Vec::new(),
            phrases: Vec::new(),
        };
        for (index, recognizer) in recognizer::ALL.iter().enumerate() {
            let Recognizer { labels, cues, against, .. } = recognizer;
            let entity = Some(Entity(index as u16));
            let lengths = recognizer.lengths();
            for (list, role) in [(labels, Role::Label), (cues, Role::Cue), (against, Role::Against)]
            {
                lexicon.add(list, entity, role, lengths);
            }
        }
        lexicon.add(AGAINST, None, Role::Against, u64::MAX);
        lexicon
    }

    fn add(&mut self, list: &'static str, entity: Option<Entity>, role: Role, lengths: u64) {
        for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let phrase = self.phrases.len() as u16;
            self.phrases.push(text);
            if text.chars().any(is_unspaced) {
                self.unspaced.push((text, Entry { entity, role, phrase, lengths }));
                continue;
            }
            let mut hash = words::NOTHING;
            let mut all = words::words(text.as_bytes(), 0).peekable();
            while let Some(word) = all.next() {
                hash = words::join(hash, word.hash);
                let entries = self.entries.entry(hash).or_default();
                if all.peek().is_none() {
                    entries.push(Entry { entity, role, phrase, lengths });
                }
                let bit = hash % FILTER_BITS;
                self.filter[(bit / 64) as usize] |= 1 << (bit % 64);
            }
        }
    }

    /// What a phrase says; an empty list if it only begins a longer one, `None` if it does not even
    /// do that.
    pub(crate) fn look_up(&self, hash: Hash) -> Option<&[Entry]> {
        let bit = hash % FILTER_BITS;
        if self.filter[(bit / 64) as usize] >> (bit % 64) & 1 == 0 {
            return None;
        }
        self.entries.get(&hash).map(Vec::as_slice)
    }

    /// Phrases of unspaced scripts in a text that ends where the value starts, with their distance.
    pub(crate) fn unspaced_before<'t>(
        &'t self,
        text: &'t [u8],
    ) -> impl Iterator<Item = (Entry, f32)> + 't {
        let text = &text[text.len().saturating_sub(UNSPACED_REACH)..];
        let any = text.iter().any(|byte| *byte >= 0xe0);
        self.unspaced.iter().filter(move |_| any).filter_map(move |(phrase, entry)| {
            let at = text.windows(phrase.len()).rposition(|found| found == phrase.as_bytes())?;
            Some((*entry, (text.len() - at - phrase.len()) as f32 / UNSPACED_WORD))
        })
    }

    /// The same in a text that starts where the value ends.
    pub(crate) fn unspaced_behind<'t>(
        &'t self,
        text: &'t [u8],
    ) -> impl Iterator<Item = (Entry, f32)> + 't {
        let any = text.iter().any(|byte| *byte >= 0xe0);
        self.unspaced.iter().filter(move |_| any).filter_map(move |(phrase, entry)| {
            let at = text.windows(phrase.len()).position(|found| found == phrase.as_bytes())?;
            Some((*entry, at as f32 / UNSPACED_WORD))
        })
    }

    /// A phrase in words.
    pub(crate) fn phrase(&self, index: u16) -> &'static str {
        self.phrases.get(usize::from(index)).copied().unwrap_or_default()
    }
}

/// Bytes that count as a word of distance from a phrase of an unspaced script.
const UNSPACED_WORD: f32 = 12.0;

/// How far before a value a phrase of an unspaced script may end, bytes.
const UNSPACED_REACH: usize = 96;

/// Thai, kana, Chinese characters and Hangul, whose words take endings without a space.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}')
}

/// The keys are hashes already.
#[derive(Default)]
pub(crate) struct Hashed(u64);

impl hash::Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_phrase_is_longer_than_the_search() {
        for text in lexicon().phrases.iter().filter(|text| !text.chars().any(is_unspaced)) {
            let (_, count) = words::phrase(text);
            assert!((1..=LONGEST).contains(&count), "{text}: {count} words");
        }
    }
}
