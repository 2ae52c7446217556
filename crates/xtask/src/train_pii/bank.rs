//! Names to put into texts: by language, common ones more often than rare ones.

use std::{collections::BTreeMap, path::Path};

use super::{corpus::unpack, dice::Dice, lexicon::rows};
use crate::step::Outcome;

/// First names and surnames of one language.
#[derive(Default)]
struct Shelf {
    first: Vec<String>,
    last: Vec<String>,
}

/// All names by language.
pub(crate) struct Bank {
    shelves: BTreeMap<String, Shelf>,
    languages: Vec<String>,
    cities: Vec<String>,
}

const NAMES: &str = include_str!("data/names.txt");
const NAMES_FR: &str = include_str!("data/names_fr.txt");
const NAMES_NL: &str = include_str!("data/names_nl.txt");
const ROMANISED: &str = include_str!("data/romanised.txt");

impl Bank {
    pub(crate) fn read(data: &Path) -> Outcome<Self> {
        let mut shelves = Self::shelves();
        Self::add_levels(&mut shelves);
        let lexicon = data.join("lexicon");
        let english = shelves.entry("en".to_owned()).or_default();
        // Names of many bearers go in several times: as often as the root of their number says.
        for line in unpack(&lexicon.join("ssa_first_names_1940_2023.tsv.gz"))?.lines() {
            let mut columns = line.split('\t');
            let (Some(name), _, Some(count)) = (columns.next(), columns.next(), columns.next())
            else {
                continue;
            };
            let count: f64 = count.trim().parse().unwrap_or(0.0);
            for _ in 0..((count / 500.0).sqrt() as usize).min(60) {
                english.first.push(name.to_owned());
            }
        }
        for (rank, name) in
            unpack(&lexicon.join("us_surnames_1990census.txt.gz"))?.lines().enumerate()
        {
            let copies = match rank {
                0..500 => 20,
                500..3_000 => 6,
                3_000..20_000 => 2,
                _ => usize::from(rank % 3 == 0),
            };
            for _ in 0..copies {
                english.last.push(name.to_owned());
            }
        }
        let spanish = shelves.entry("es".to_owned()).or_default();
        for (file, first) in [("es_first_names_ine", true), ("es_surnames_ine", false)] {
            let names = unpack(&lexicon.join(format!("{file}.txt.gz")))?;
            let list = if first { &mut spanish.first } else { &mut spanish.last };
            list.extend(
                names
                    .lines()
                    .enumerate()
                    .filter(|(index, _)| index % 8 == 0)
                    .map(|(_, name)| name.to_owned()),
            );
        }
        let cities = unpack(&lexicon.join("world_cities_geonames.csv.gz"))?;
        let cities = cities
            .lines()
            .skip(1)
            .filter_map(|line| line.split(',').next())
            .map(|city| city.trim_matches('"').to_owned());
        Ok(Self::of(shelves, cities.collect()))
    }

    /// The names that are part of this program; no cities.
    #[cfg(test)]
    pub(crate) fn embedded() -> Self {
        Self::of(Self::shelves(), Vec::new())
    }

    fn shelves() -> BTreeMap<String, Shelf> {
        let mut shelves: BTreeMap<String, Shelf> = BTreeMap::new();
        for (kind, names) in rows(NAMES).chain(rows(ROMANISED)) {
            let Some((language, part)) = kind.split_once(' ') else { continue };
            let shelf = shelves.entry(language.to_owned()).or_default();
            let list = if part == "f" { &mut shelf.first } else { &mut shelf.last };
            list.extend(names.split(", ").map(str::to_owned));
        }
        shelves
    }

    /// Names of France and the Netherlands, frequent ones several times.
    fn add_levels(shelves: &mut BTreeMap<String, Shelf>) {
        const COPIES: [usize; 7] = [0, 1, 1, 1, 2, 6, 20];
        for (language, list) in [("fr", NAMES_FR), ("nl", NAMES_NL)] {
            let shelf = shelves.entry(language.to_owned()).or_default();
            for (kind, names) in rows(list) {
                let (part, level) = kind.split_at(1);
                let copies = level.parse().ok().and_then(|level: usize| COPIES.get(level));
                for name in names.split(", ") {
                    let list = if part == "f" { &mut shelf.first } else { &mut shelf.last };
                    list.extend(std::iter::repeat_n(name.to_owned(), *copies.unwrap_or(&1)));
                }
            }
        }
    }

    fn of(mut shelves: BTreeMap<String, Shelf>, cities: Vec<String>) -> Self {
        for shelf in shelves.values_mut() {
            shelf.first.retain(|name| !name.contains('\u{fffd}'));
            shelf.last.retain(|name| !name.contains('\u{fffd}'));
        }
        let languages =
            shelves.iter().filter(|(_, shelf)| !shelf.first.is_empty() && !shelf.last.is_empty());
        let languages = languages.map(|(language, _)| language.clone()).collect();
        Self { shelves, languages, cities }
    }

    /// A language to take a name from for a text in `language`: mostly the same.
    fn origin<'a>(&'a self, language: &'a str, dice: &mut Dice) -> &'a str {
        let own = self.languages.iter().any(|known| known == language);
        let chance = if language == "en" { 60 } else { 75 };
        if own && dice.percent(chance) { language } else { dice.pick(&self.languages).as_str() }
    }

    pub(crate) fn first(&self, language: &str, dice: &mut Dice) -> String {
        let origin = self.origin(language, dice).to_owned();
        dice.pick(&self.shelves[&origin].first).clone()
    }

    pub(crate) fn city(&self, dice: &mut Dice) -> String {
        dice.pick(&self.cities).clone()
    }

    pub(crate) fn last(&self, language: &str, dice: &mut Dice) -> String {
        let origin = self.origin(language, dice).to_owned();
        dice.pick(&self.shelves[&origin].last).clone()
    }
}
