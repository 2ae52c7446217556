//! Builds the lexicon from the lists: one entry per folded word.

use std::{collections::BTreeMap, path::Path};

use portcullis_pii::names::{
    fold::Folded,
    lexicon::{LINE, RARE_SLOTS, SLOTS, cue, place, place_rare},
};

use super::{
    Recipe,
    corpus::{Text, unpack},
    known::Facts,
    spelling,
    tables::{Table, Tables},
};
use crate::step::Outcome;

/// The name lists by folded word, for the generator as well.
#[derive(Default, Clone)]
pub(crate) struct Lists {
    facts: BTreeMap<Vec<u8>, Facts>,
    /// The words of each language, most frequent first.
    frequent: Vec<Vec<String>>,
}

const LANGUAGES: [&str; 7] = ["en", "de", "fr", "es", "nl", "pt", "it"];

/// Cues of which every word counts as ordinary.
const CUES: &str = include_str!("data/cues.txt");
const ORDINARY: &str = include_str!("data/ordinary.txt");
const NAMES: &str = include_str!("data/names.txt");
const ROMANISED: &str = include_str!("data/romanised.txt");
const NAMES_FR: &str = include_str!("data/names_fr.txt");
const NAMES_NL: &str = include_str!("data/names_nl.txt");
const CLASSES: &str = include_str!("data/classes.txt");
const NOUNS_DE: &str = include_str!("data/nouns_de.txt");
const THINGS: &str = include_str!("data/things.txt");
const PLACES: &str = include_str!("data/places.txt");
const WORDS_FR: &str = include_str!("data/words_fr.txt");
const WORDS_NL: &str = include_str!("data/words_nl.txt");
const WORDS_IT: &str = include_str!("data/words_it.txt");
const WORDS_PT: &str = include_str!("data/words_pt.txt");

impl Lists {
    /// Reads all lists.
    pub(crate) fn read(data: &Path) -> Outcome<Self> {
        let mut lists = Self::embedded()?;
        lists.read_names(data)?;
        lists.read_levels();
        lists.read_places(data)?;
        lists.read_frequencies(data)?;
        Ok(lists)
    }

    /// The lists that are part of this program.
    pub(crate) fn embedded() -> Outcome<Self> {
        let mut lists = Self::default();
        lists.read_cues()?;
        for (list, level) in [(NAMES, 3), (ROMANISED, 4)] {
            for (kind, names) in rows(list) {
                for name in names.split(", ") {
                    lists.name(name, kind.ends_with('f'), level);
                }
            }
        }
        lists.read_classes()?;
        for word in include_str!("data/tech.txt").lines().skip(1).flat_map(str::split_whitespace) {
            lists.at(word).technical = true;
        }
        for (kind, things) in rows(THINGS) {
            if matches!(kind, "tool" | "product" | "firm" | "eponym") {
                for part in things
                    .split(|c: char| !c.is_alphanumeric())
                    .filter(|part| part.len() > 1 && part.starts_with(char::is_uppercase))
                {
                    lists.at(part).product = true;
                }
            }
        }
        for word in [WORDS_FR, WORDS_NL].iter().flat_map(|list| list.lines().skip(1)) {
            for word in word.split(' ') {
                lists.at(word).spelled = true;
            }
        }
        for word in
            NOUNS_DE.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace)
        {
            lists.at(word).noun = true;
        }
        for (_, words) in rows(ORDINARY) {
            for word in words.split_whitespace() {
                lists.at(word).ordinary = true;
            }
        }
        Ok(lists)
    }

    fn at(&mut self, word: &str) -> &mut Facts {
        self.facts.entry(Folded::new(word).bytes().to_owned()).or_default()
    }

    fn read_cues(&mut self) -> Outcome {
        for (kind, words) in rows(CUES) {
            let number = cue::NAMES.iter().position(|name| *name == kind);
            let number =
                number.ok_or_else(|| format!("cues.txt: no cue is called `{kind}`"))? as u32 + 1;
            for word in words.split_whitespace() {
                let facts = self.at(word);
                // The first kind a word is listed under stays.
                if facts.cue == 0 {
                    facts.cue = number;
                }
            }
        }
        Ok(())
    }

    fn read_names(&mut self, data: &Path) -> Outcome {
        let lexicon = data.join("lexicon");
        let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for line in unpack(&lexicon.join("ssa_first_names_1940_2023.tsv.gz"))?.lines() {
            let mut columns = line.split('\t');
            if let (Some(name), _, Some(count)) = (columns.next(), columns.next(), columns.next()) {
                *counts.entry(Folded::new(name).bytes().to_owned()).or_default() +=
                    count.trim().parse::<u64>().unwrap_or(0);
            }
        }
        for (name, count) in counts {
            let level = match count {
                0..50 => continue,
                50..400 => 1,
                400..3_000 => 2,
                3_000..20_000 => 3,
                20_000..100_000 => 4,
                100_000..500_000 => 5,
                _ => 6,
            };
            let facts = self.facts.entry(name).or_default();
            facts.first = facts.first.max(level);
        }
        for (rank, name) in
            unpack(&lexicon.join("us_surnames_1990census.txt.gz"))?.lines().enumerate()
        {
            let level = match rank {
                0..300 => 6,
                300..1_500 => 5,
                1_500..6_000 => 4,
                6_000..20_000 => 3,
                20_000..45_000 => 2,
                _ => 1,
            };
            let facts = self.at(name);
            facts.last = facts.last.max(level);
        }
        for line in unpack(&lexicon.join("us_census2010_surnames_top.csv.gz"))?.lines().skip(1) {
            if let Some(name) = line.split(',').next() {
                let facts = self.at(name);
                facts.last = facts.last.max(5);
            }
        }
        for (file, first, level) in [
            ("us_first_names_1990census", true, 2),
            ("es_first_names_ine", true, 2),
            ("es_surnames_ine", false, 2),
            ("random_name_first", true, 2),
            ("random_name_last", false, 1),
        ] {
            for name in unpack(&lexicon.join(format!("{file}.txt.gz")))?.lines() {
                self.name(name, first, level);
            }
        }
        Ok(())
    }

    /// Names of French and Dutch people with a level.
    fn read_levels(&mut self) {
        for (kind, names) in rows(NAMES_FR).chain(rows(NAMES_NL)) {
            let (part, level) = kind.split_at(1);
            let level = level.parse().unwrap_or(1);
            for name in names.split(", ") {
                let known = part == "n" && self.at(name).first > 0;
                if !known {
                    self.name(name, part == "f", level);
                }
            }
        }
        for name in rows(PLACES).flat_map(|(_, names)| names.split(", ")) {
            let facts = self.at(name);
            facts.place = facts.place.max(1);
        }
    }

    /// A name of one or more words, of which the particles do not count.
    fn name(&mut self, name: &str, first: bool, level: u32) {
        for part in name.trim().split([' ', '\'', '’']) {
            if part.chars().count() < 2 || !part.starts_with(char::is_uppercase) {
                continue;
            }
            let facts = self.at(part);
            let place = if first { &mut facts.first } else { &mut facts.last };
            // Being on a second list makes a rare name a little less rare.
            *place = if *place == 0 { level } else { (*place).max(level).max((*place + 1).min(4)) };
        }
    }

    fn read_places(&mut self, data: &Path) -> Outcome {
        let lexicon = data.join("lexicon");
        for line in unpack(&lexicon.join("world_cities_geonames.csv.gz"))?.lines().skip(1) {
            let columns = fields(line);
            for (column, name) in columns.iter().take(3).enumerate() {
                let parts = name.split([' ', '-']).filter(|part| part.chars().count() > 2);
                for part in parts {
                    let whole = part.len() == name.len();
                    let level = if column == 1 {
                        3
                    } else if whole {
                        2
                    } else {
                        1
                    };
                    let facts = self.at(part);
                    facts.place = facts.place.max(level);
                }
            }
        }
        for name in unpack(&lexicon.join("random_name_places.txt.gz"))?.lines() {
            if !name.contains(' ') && name.len() > 2 {
                let facts = self.at(name);
                facts.place = facts.place.max(1);
            }
        }
        Ok(())
    }

    fn read_frequencies(&mut self, data: &Path) -> Outcome {
        for (number, language) in LANGUAGES.iter().enumerate() {
            let words: Vec<String> = match *language {
                "it" | "pt" => {
                    let list = if *language == "it" { WORDS_IT } else { WORDS_PT };
                    list.lines()
                        .skip(1)
                        .flat_map(str::split_whitespace)
                        .map(str::to_owned)
                        .collect()
                }
                _ => {
                    let path = data.join("lexicon").join(format!("freq_{language}_50k.txt.gz"));
                    unpack(&path)?
                        .lines()
                        .filter_map(|line| line.split(' ').next())
                        .map(str::to_owned)
                        .collect()
                }
            };
            self.frequent.push(words.clone());
            for (rank, word) in words.iter().enumerate() {
                let rank = rank as u32 + 1;
                let facts = self.at(word);
                facts.rank = if facts.rank == 0 { rank } else { facts.rank.min(rank) };
                if rank <= 150 {
                    facts.function |= 1 << (number + 1);
                }
            }
        }
        Ok(())
    }

    fn read_classes(&mut self) -> Outcome {
        for (class, words) in rows(CLASSES) {
            let class =
                class.parse().map_err(|_| format!("classes.txt: `{class}` is no number"))?;
            for entry in words.split(' ') {
                let Some((word, share)) = entry.split_at_checked(entry.len() - 1) else { continue };
                let facts = self.at(word);
                // The most frequent of the words that fold to the same comes first.
                if facts.class == 0 {
                    facts.class = class;
                    facts.share = share.parse::<f32>().unwrap_or(0.0) / 6.0;
                }
            }
        }
        Ok(())
    }

    /// Ordinary words of a language in their usual case, most frequent first.
    pub(crate) fn ordinary_words(&self, language: &str) -> Vec<String> {
        let number = LANGUAGES.iter().position(|known| *known == language).unwrap_or(0);
        let list = &self.frequent[number];
        list.iter()
            .filter_map(|word| {
                let facts = self.facts.get(Folded::new(word).bytes())?;
                let named = facts.first.max(facts.last) >= 2 || facts.place >= 2;
                if (named && !facts.ordinary)
                    || word.chars().count() < 2
                    || !word.chars().all(char::is_alphabetic)
                {
                    return None;
                }
                let noun = language == "de" && facts.share > 0.6;
                // A word mostly written with a capital is a name of some kind in other languages.
                if language != "de" && facts.class != 0 && facts.share > 0.6 {
                    return None;
                }
                Some(if noun { super::corpus::capitalised(word) } else { word.clone() })
            })
            .take(14_000)
            .collect()
    }

    /// First names of a language that are ordinary words too.
    pub(crate) fn ambiguous(&self, language: &str) -> Vec<String> {
        let listed = rows(ORDINARY)
            .filter(|(kind, _)| *kind == language)
            .flat_map(|(_, words)| words.split_whitespace());
        listed
            .filter(|word| {
                self.facts.get(Folded::new(word).bytes()).is_some_and(|facts| facts.first >= 3)
            })
            .map(super::corpus::capitalised)
            .collect()
    }

    /// Weights of groups of letters, learned from the words of one kind only.
    fn spelling(&self) -> Vec<[u8; LINE]> {
        let words: Vec<(&[u8], spelling::Kind)> = self
            .facts
            .iter()
            .filter(|(word, _)| word.len() > 3)
            .filter_map(|(word, facts)| {
                let named = facts.first > 0 || facts.last > 0;
                let lower = facts.ordinary
                    || facts.noun
                    || facts.spelled
                    || facts.class != 0 && facts.share < 0.3;
                let kind = match (named, lower, facts.place > 0) {
                    (true, false, false) => spelling::Kind::Name,
                    (false, true, false) => spelling::Kind::Word,
                    (false, false, true) => spelling::Kind::Place,
                    _ => return None,
                };
                Some((word.as_slice(), kind))
            })
            .collect();
        spelling::learn(&words)
    }

    /// Counts how the texts write each word.
    fn observe(&mut self, texts: &[&Text]) {
        use portcullis_pii::names::NameKind;
        for text in texts {
            let body = &text.text;
            let mut at = 0;
            for piece in body.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’')) {
                let start = piece.as_ptr() as usize - body.as_ptr() as usize;
                at = at.max(start);
                let word = piece.trim_matches(['\'', '’']);
                if word.is_empty() {
                    continue;
                }
                let inside = text.names.iter().find(|(range, _)| range.contains(&start));
                let facts = self.at(word);
                match inside {
                    Some((_, NameKind::Person)) => facts.seen_person += 1,
                    Some(_) => facts.seen_name += 1,
                    None if word.starts_with(char::is_lowercase) => facts.seen_lower += 1,
                    None if word.starts_with(char::is_uppercase) => facts.seen_capital += 1,
                    None => {}
                }
                if !super::annotated(text) || text.set == "pii-anon" {
                    continue;
                }
                match inside {
                    Some((_, NameKind::Person)) => facts.marked_person += 1,
                    Some(_) => facts.marked_name += 1,
                    None if word.starts_with(char::is_uppercase) => facts.marked_capital += 1,
                    None => {}
                }
            }
        }
    }

    /// Decides, from lists and texts together, what each word is.
    fn settle(&mut self) {
        for (word, facts) in &mut self.facts {
            facts.settle(word);
        }
    }

    /// The tables that these lists give when such texts have been counted.
    pub(crate) fn tables(mut self, texts: &[&Text], recipe: &Recipe) -> Tables {
        self.observe(texts);
        self.settle();
        let (words, rare) = self.words(recipe.lexicon, recipe.rare);
        Tables { words, rare, spelling: self.spelling() }
    }

    /// The tables of words and of rare words, of so many lines. The most important words find a place
    /// in the first; of the others the second holds the kind.
    fn words(&self, words: usize, rare: usize) -> (Vec<[u8; LINE]>, Vec<[u8; LINE]>) {
        let mut entries = Vec::new();
        for (word, facts) in &self.facts {
            let (entry, weight) = (facts.entry(word), facts.weight());
            if entry.0 != 0 && weight > 0 {
                let hash = portcullis_pii::names::fold::hash(word);
                entries.push((hash, entry, weight, facts.rare_kind()));
            }
        }
        entries.sort_by_key(|(hash, _, weight, _)| (std::cmp::Reverse(*weight), *hash));
        let (mut table, mut others) = (Table::new("words", words), Table::new("rare words", rare));
        for (hash, entry, _, kind) in &entries {
            let (line, tag) = place(*hash, words);
            if !table.put::<SLOTS>(line, tag, &entry.0.to_le_bytes()[..5])
                && let Some(kind) = kind
            {
                let (line, tag) = place_rare(*hash, *kind, rare);
                others.put::<RARE_SLOTS>(line, tag, &[]);
            }
        }
        (table.finish(), others.finish())
    }
}

/// The `kind: words` lines of a list, without its remarks.
pub(crate) fn rows(list: &str) -> impl Iterator<Item = (&str, &str)> {
    list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "))
}

/// The fields of a line of comma-separated values.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(character),
        }
    }
    fields.push(field);
    fields
}
