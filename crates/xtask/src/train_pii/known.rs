//! What the lists and the texts say of one word, and what the model keeps of it.

use portcullis_pii::names::lexicon::{Entry, cue};

/// What is known of one word, before packing.
#[derive(Default, Clone)]
pub(super) struct Facts {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) place: u32,
    /// Rank in a frequency list, the best of all languages; 0 is none.
    pub(super) rank: u32,
    /// Languages whose most frequent words it is among, as bits.
    pub(super) function: u32,
    pub(super) ordinary: bool,
    /// A French or Dutch word that a spelling dictionary knows in lower case.
    pub(super) spelled: bool,
    pub(super) never: bool,
    pub(super) cue: u32,
    pub(super) product: bool,
    pub(super) technical: bool,
    /// A German noun that may be the last part of others.
    pub(super) noun: bool,
    /// Distributional class and share of capitals.
    pub(super) class: u32,
    pub(super) share: f32,
    /// In texts: lower-case and outside names; capitalised outside names; inside names of persons,
    /// inside names of other kinds.
    pub(super) seen_lower: u32,
    pub(super) seen_capital: u32,
    pub(super) seen_person: u32,
    pub(super) seen_name: u32,
    /// In texts that people have marked: inside names of persons, of other kinds, capitalised outside.
    pub(super) marked_person: u32,
    pub(super) marked_name: u32,
    pub(super) marked_capital: u32,
}

impl Facts {
    /// Decides, from lists and texts together, what the word is.
    pub(super) fn settle(&mut self, word: &[u8]) {
        if word.len() > 2 {
            self.list_marked();
        }
        let named = self.first.max(self.last);
        let names = self.seen_person + self.seen_name;
        // A noun that is a name as well is one only if it is frequent.
        self.noun &= names == 0 && self.first < 3 && (named < 2 || (1..6_000).contains(&self.rank));
        if self.seen_lower > self.seen_person && (self.seen_lower >= 2 || named == 0) {
            self.ordinary = true;
        }
        // Running text writes it in lower case: a common word, whatever else it is.
        if self.class != 0 && self.share < 0.3 && (1..=20_000).contains(&self.rank) {
            self.ordinary = true;
        }
        if self.spelled && self.first < 3 {
            self.ordinary = true;
        }
        if self.rank > 0 && self.rank <= 20_000 && named == 0 && self.place == 0 {
            self.ordinary = true;
        }
        if matches!(self.cue, 1..=9 | 11..=17 | 19..=25) && self.first < 5 && self.last < 5 {
            self.ordinary = true;
        }
        self.never = self.ordinary
            && names == 0
            && self.seen_lower + self.seen_capital >= 8
            && self.seen_lower >= 3
            && self.cue != cue::PARTICLE
            && word.len() > 1;
    }

    /// The entry of a word.
    pub(super) fn entry(&self, word: &[u8]) -> Entry {
        let common = match self.rank {
            0 => 0,
            1..=200 => 7,
            201..=1_000 => 6,
            1_001..=3_000 => 5,
            3_001..=8_000 => 4,
            8_001..=20_000 => 3,
            20_001..=35_000 => 2,
            _ => 1,
        };
        let language =
            if self.function.count_ones() == 1 { self.function.trailing_zeros() } else { 0 };
        let telling = !self.ordinary
            && word.len() >= 4
            && self.cue == 0
            && self.place < 2
            && (self.first >= 4 || self.last >= 5 && self.first + self.last >= 5)
            && self.seen_lower == 0;
        Entry::pack(
            self.first,
            self.last,
            common,
            self.place,
            self.ordinary,
            self.never,
            telling,
            self.cue,
            language,
            self.product,
        )
        .with_technical(self.technical)
        .with_noun(self.noun)
        .with_class(
            self.class,
            if self.class == 0 { 0 } else { 1 + (self.share * 6.0).round() as u32 },
        )
    }

    /// What the table of rare words says of it: a number among `Entry::RARE`.
    pub(super) fn rare_kind(&self) -> Option<u16> {
        let facts = (self.first > 0, self.last > 0, self.ordinary, self.noun);
        Some(match facts {
            (false, true, false, _) if self.place > 0 => 7,
            (false, true, false, _) => 0,
            (true, false, ..) => 1,
            (true, true, ..) => 2,
            (false, false, false, false) if self.place > 0 => 3,
            (false, false, true, false) => 4,
            (false, false, _, true) => 5,
            (false, true, true, false) => 6,
            _ => return None,
        })
    }

    /// How much a word matters when room is short.
    pub(super) fn weight(&self) -> u32 {
        // A surname that is on one long list only says less than a word of running text.
        let rare = self.first == 0 && self.place == 0 && self.last == 1;
        let names = if rare { 1 } else { self.first * 3 + self.last * 2 + self.place };
        let rank = if self.rank > 0 { 2 + 60_000 / (self.rank + 2_000) } else { 0 };
        let nothing = self.first == 0
            && self.last == 0
            && self.place == 0
            && self.rank == 0
            && self.cue == 0
            && self.class == 0
            && !self.noun
            && !self.spelled;
        if nothing {
            return 0;
        }
        1 + names + rank + self.cue * 100 + u32::from(self.noun) * 3
    }

    /// What people have marked more often than not is as good as listed.
    fn list_marked(&mut self) {
        let (person, name) = (self.marked_person, self.marked_name);
        let neither = self.marked_capital + self.seen_lower;
        if person > name + neither {
            self.last = self.last.max(if person > 2 { 3 } else { 2 });
        }
        if name > person + neither {
            self.place = self.place.max(if name > 2 { 2 } else { 1 });
        }
    }
}
