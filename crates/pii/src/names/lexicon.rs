//! What the lists say about a word: a compact table from a folded word's hash to its properties.

use super::spelling;

/// Properties of a word, packed in 40 bits.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry(pub u64);

impl Entry {
    /// What is known of a rare word, by its kind: a surname, a first name, both, a place, a word
    /// written in lower case, a German noun, a surname that is such a word, one that is a place.
    pub const RARE: [Self; 8] = [
        Self::pack(0, 1, 0, 0, false, false, false, 0, 0, false),
        Self::pack(1, 0, 0, 0, false, false, false, 0, 0, false),
        Self::pack(1, 1, 0, 0, false, false, false, 0, 0, false),
        Self::pack(0, 0, 0, 1, false, false, false, 0, 0, false),
        Self::pack(0, 0, 1, 0, true, false, false, 0, 0, false),
        Self::pack(0, 0, 0, 0, false, false, false, 0, 0, false).with_noun(true),
        Self::pack(0, 1, 1, 0, true, false, false, 0, 0, false),
        Self::pack(0, 1, 0, 1, false, false, false, 0, 0, false),
    ];

    /// How common as a first name, 0 (unlisted) to 7.
    pub const fn first(self) -> u32 {
        (self.0 & 7) as u32
    }
    /// How common as a surname, 0 (unlisted) to 7.
    pub const fn last(self) -> u32 {
        (self.0 >> 3 & 7) as u32
    }
    /// How common in running text, 0 (unlisted) to 7.
    pub const fn common(self) -> u32 {
        (self.0 >> 6 & 7) as u32
    }
    /// How well known as a place, 0 to 3.
    pub const fn place(self) -> u32 {
        (self.0 >> 9 & 3) as u32
    }
    /// Also an ordinary word that is written in lower case.
    pub const fn ordinary(self) -> bool {
        self.0 >> 11 & 1 == 1
    }
    /// Never part of a name, even capitalised.
    pub const fn never(self) -> bool {
        self.0 >> 12 & 1 == 1
    }
    /// So much a name that it is looked at even in lower case.
    pub const fn telling(self) -> bool {
        self.0 >> 13 & 1 == 1
    }
    /// The cue it is, as in [`cue`]; 0 for none.
    pub const fn cue(self) -> u32 {
        (self.0 >> 14 & 31) as u32
    }
    /// The language it is a function word of, 1 to 7; 0 for none or several.
    pub const fn language(self) -> u32 {
        (self.0 >> 19 & 7) as u32
    }
    /// A product, library, brand or technical term.
    pub const fn product(self) -> bool {
        self.0 >> 22 & 1 == 1
    }

    /// The distributional class it belongs to, 0 (unknown) to 4095.
    pub const fn class(self) -> u32 {
        (self.0 >> 24 & 0xfff) as u32
    }
    /// How often it is capitalised, 1 (never) to 7 (always); 0 is unknown.
    pub const fn capitals(self) -> u32 {
        (self.0 >> 36 & 7) as u32
    }

    /// A German noun that is no name.
    pub const fn noun(self) -> bool {
        self.0 >> 39 & 1 == 1
    }

    /// Not listed, but it ends in a listed noun, as compounds do.
    pub const fn compound(self) -> bool {
        self.0 >> 40 & 1 == 1
    }

    /// Whether the lists say little: the word is on none, or only among rare names.
    pub(super) const fn unsure(self) -> bool {
        self.common() == 0 && self.cue() == 0 && self.first() < 2 && self.last() < 2
    }

    /// The entry, marked as a noun.
    #[must_use]
    pub const fn with_noun(self, noun: bool) -> Self {
        Self(self.0 | (noun as u64) << 39)
    }

    /// What is known of an unlisted word that ends in this noun.
    pub(super) const fn of_compound(self) -> Self {
        Self(1 << 40 | 1 << 11 | self.0 & 0x7f_ff80_0000)
    }

    /// A word of technical texts.
    pub const fn technical(self) -> bool {
        self.0 >> 23 & 1 == 1
    }

    /// The entry, marked as a word of technical texts.
    #[must_use]
    pub const fn with_technical(self, technical: bool) -> Self {
        Self(self.0 | (technical as u64) << 23)
    }

    /// The entry with its class and its share of capitals.
    #[must_use]
    pub const fn with_class(self, class: u32, capitals: u32) -> Self {
        Self(self.0 | ((class & 0xfff) as u64) << 24 | ((capitals & 7) as u64) << 36)
    }

    /// Packs the properties; each is cut to its width.
    #[allow(clippy::too_many_arguments, reason = "one per property")]
    pub const fn pack(
        first: u32,
        last: u32,
        common: u32,
        place: u32,
        ordinary: bool,
        never: bool,
        telling: bool,
        cue: u32,
        language: u32,
        product: bool,
    ) -> Self {
        Self(
            (first & 7
                | (last & 7) << 3
                | (common & 7) << 6
                | (place & 3) << 9
                | (ordinary as u32) << 11
                | (never as u32) << 12
                | (telling as u32) << 13
                | (cue & 31) << 14
                | (language & 7) << 19
                | (product as u32) << 22) as u64,
        )
    }
}

/// Kinds of words that say something about their neighbours.
#[allow(
    missing_docs,
    reason = "the names in order of their numbers; the list says what each holds"
)]
pub mod cue {
    pub const TITLE: u32 = 1;
    pub const GREETING: u32 = 2;
    pub const NAME_LABEL: u32 = 3;
    pub const ROLE_LABEL: u32 = 4;
    pub const OFFICE: u32 = 5;
    pub const KIN: u32 = 6;
    pub const SIGN_OFF: u32 = 7;
    pub const SPEECH: u32 = 8;
    pub const STREET: u32 = 9;
    pub const FIRM: u32 = 10;
    pub const PARTICLE: u32 = 11;
    pub const LINKER: u32 = 12;
    pub const CALENDAR: u32 = 13;
    pub const WHERE: u32 = 14;
    pub const INTRODUCTION: u32 = 15;
    pub const COPULA: u32 = 16;
    pub const SUFFIX: u32 = 17;
    pub const CODE: u32 = 18;
    pub const LANDFORM: u32 = 19;
    pub const ADDRESS_LABEL: u32 = 20;
    pub const FIRM_LABEL: u32 = 21;
    pub const THING_LABEL: u32 = 22;
    pub const NATIONALITY: u32 = 23;
    pub const INSTITUTION: u32 = 24;
    pub const CONTACT: u32 = 25;
    /// The list's words for each number, from 1 on.
    pub const NAMES: [&str; 25] = [
        "title",
        "greeting",
        "name_label",
        "role_label",
        "office",
        "kin",
        "sign_off",
        "speech",
        "street",
        "firm",
        "particle",
        "linker",
        "calendar",
        "where",
        "introduction",
        "copula",
        "suffix",
        "code",
        "landform",
        "address_label",
        "firm_label",
        "thing_label",
        "nationality",
        "institution",
        "contact",
    ];
}

/// Bytes of one line of the table.
pub const LINE: usize = 64;
/// Entries in a line: a tag of two bytes and properties of five each.
pub const SLOTS: usize = 9;

/// The line and the tag of a hash in a table of `lines` lines.
pub const fn place(hash: u64, lines: usize) -> (usize, u16) {
    let line = ((hash >> 32) * lines as u64) >> 32;
    // Zero marks an empty slot.
    (line as usize, (hash as u16) | 1)
}

/// Tags in a line of the table of rare words.
pub const RARE_SLOTS: usize = LINE / 2;

/// The line of a rare word's hash in a table of `lines` lines, and its tag, which holds the number of
/// its kind among [`Entry::RARE`] in the low three bits.
pub const fn place_rare(hash: u64, kind: u16, lines: usize) -> (usize, u16) {
    let (line, tag) = place(hash, lines);
    // Zero marks an empty slot.
    (line, tag & !7 | if tag < 8 { 8 } else { 0 } | kind)
}

/// The tables inside a model.
#[derive(Clone, Copy)]
pub struct Lexicon {
    lines: &'static [[u8; LINE]],
    rare: &'static [[u8; LINE]],
    spelling: &'static [[u8; LINE]],
}

impl Lexicon {
    /// The tables, as the trainer builds them: words with their properties, and rare words, of
    /// which only the kind is known.
    pub const fn new(
        lines: &'static [[u8; LINE]],
        rare: &'static [[u8; LINE]],
        spelling: &'static [[u8; LINE]],
    ) -> Self {
        Self { lines, rare, spelling }
    }

    /// What the spelling of a folded word suggests, as [`spelling::levels`] says.
    pub(super) fn spelling(self, word: &[u8]) -> (u8, u8) {
        spelling::levels(self.spelling, word)
    }

    /// What is known of a folded word's hash. One in some five thousand unlisted words is taken
    /// for a listed one.
    pub(super) fn get(self, hash: u64) -> Entry {
        let (line, tag) = place(hash, self.lines.len());
        let Some(line) = self.lines.get(line) else { return Entry::default() };
        let (tags, entries) = line.split_at(2 * SLOTS);
        let (tags, _) = tags.as_chunks::<2>();
        let (entries, _) = entries.as_chunks::<5>();
        for (found, entry) in tags.iter().zip(entries) {
            if u16::from_le_bytes(*found) == tag {
                let [a, b, c, d, e] = *entry;
                return Entry(u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]));
            }
        }
        Entry::default()
    }

    /// The same for a word with a capital, which may be a rare one. One in some three hundred that are
    /// on no list is taken for one.
    pub(super) fn find(self, hash: u64) -> Entry {
        let entry = self.get(hash);
        if entry == Entry::default() { self.rare(hash) } else { entry }
    }

    /// What is known of a word by its kind alone.
    pub(super) fn rare(self, hash: u64) -> Entry {
        let (line, wanted) = place_rare(hash, 0, self.rare.len());
        let tags = self.rare.get(line).map_or(&[][..], |line| line.as_chunks::<2>().0);
        let tags = tags.iter().map(|tag| u16::from_le_bytes(*tag));
        let kind = tags.map(|tag| tag ^ wanted).find(|kind| *kind < 8);
        kind.map_or(Entry::default(), |kind| Entry::RARE[usize::from(kind)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::fold::hash;

    #[test]
    fn a_rare_word_is_known_by_its_kind() {
        for (kind, entry) in (0..).zip(Entry::RARE) {
            let word = hash(b"quintgens");
            let (_, tag) = place_rare(word, kind, 1);
            let mut line = [0; LINE];
            line[6..8].copy_from_slice(&tag.to_le_bytes());
            let rare: &'static [[u8; LINE]] = Box::leak(Box::new([line]));
            let lexicon = Lexicon::new(&[], rare, &[]);
            assert!(lexicon.rare(word) == entry && lexicon.find(word) == entry, "{kind}");
            assert!(lexicon.get(word) == Entry::default(), "the other table has more to say");
            assert!(lexicon.rare(hash(b"quint")) == Entry::default());
        }
    }

    #[test]
    fn no_tag_is_that_of_an_empty_slot() {
        assert!((0..1 << 16).all(|hash| place_rare(hash, 0, 1).1 != 0));
    }
}
