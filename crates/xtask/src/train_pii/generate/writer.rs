//! Fills a template's slots and keeps track of where the names are.

use std::ops::Range;

use portcullis_pii::names::{NameKind, fold::Folded};

use super::{
    Generator, Template,
    calendar::{days, months},
};
use crate::train_pii::{
    corpus::{Text, capitalised},
    dice::Dice,
    patterns,
    template::{self, Part},
};

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Case {
    Plain,
    Lower,
    Upper,
}

#[derive(Clone, Default)]
pub(super) struct Person {
    pub(super) first: String,
    pub(super) last: String,
}

pub(super) struct Writer<'a, 'b> {
    pub(super) generator: &'b Generator<'a>,
    pub(super) language: &'static str,
    pub(super) text: String,
    pub(super) names: Vec<(Range<usize>, NameKind)>,
    pub(super) claimed: Vec<Range<usize>>,
    pub(super) case: Case,
    pub(super) persons: [Option<Person>; 10],
    pub(super) depth: usize,
}

impl<'a, 'b> Writer<'a, 'b> {
    pub(super) fn new(
        generator: &'b Generator<'a>,
        language: &'static str,
        dice: &mut Dice,
    ) -> Self {
        let case = match dice.below(100) {
            0..14 => Case::Lower,
            14..16 => Case::Upper,
            _ => Case::Plain,
        };
        Self {
            generator,
            language,
            text: String::new(),
            names: Vec::new(),
            claimed: Vec::new(),
            case,
            persons: std::array::from_fn(|_| None),
            depth: 0,
        }
    }

    pub(super) fn write(&mut self, template: &Template, dice: &mut Dice) {
        if template.section != "chat" && !(template.section == "clean" && dice.percent(70)) {
            self.case = Case::Plain;
        }
        self.persons = std::array::from_fn(|_| None);
        self.parts(&template.parts, dice);
    }

    pub(super) fn parts(&mut self, parts: &[Part], dice: &mut Dice) {
        // Collected first, because filling a slot needs the dice too.
        let mut way: Vec<&Part> = Vec::new();
        template::walk(parts, dice, &mut way);
        for part in way {
            match part {
                Part::Text(text) => self.plain(text),
                Part::Slot(name) => self.slot(name, dice),
                Part::Choice(_) => {}
            }
        }
    }

    pub(super) fn plain(&mut self, text: &str) {
        // `l' avvocato` and `d' Anna` are written together.
        let text = match text.strip_prefix(' ') {
            Some(rest) if self.text.ends_with('\'') && matches!(self.language, "fr" | "it") => rest,
            _ => text,
        };
        match self.case {
            Case::Plain => self.text.push_str(text),
            Case::Lower => self.text.push_str(&text.to_lowercase()),
            Case::Upper => self.text.push_str(&text.to_uppercase()),
        }
    }

    pub(super) fn named(&mut self, text: &str, kind: NameKind) {
        let start = self.text.len();
        self.plain(text);
        self.names.push((start..self.text.len(), kind));
    }

    pub(super) fn claimed(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.claimed.push(start..self.text.len());
    }

    pub(super) fn finish(self, set: &'static str, fold: u64) -> Text {
        self.text_so_far(set, fold)
    }

    pub(super) fn text_so_far(&self, set: &'static str, fold: u64) -> Text {
        let mut claimed = self.claimed.clone();
        claimed.extend(patterns::claims(&self.text));
        claimed.sort_by_key(|range| range.start);
        claimed.dedup_by(|b, a| b.start < a.end);
        Text {
            set,
            language: self.language.to_owned(),
            text: self.text.clone(),
            key: None,
            names: self.names.clone(),
            claimed,
            fold,
        }
    }

    pub(super) fn person(&mut self, number: Option<usize>, dice: &mut Dice) -> Person {
        let place = number.filter(|number| *number < self.persons.len());
        if let Some(known) = place.and_then(|place| self.persons[place].clone()) {
            return known;
        }
        let person = Person { first: self.first(dice), last: self.last(dice) };
        if let Some(place) = place {
            self.persons[place] = Some(person.clone());
        }
        person
    }

    pub(super) fn first(&self, dice: &mut Dice) -> String {
        let bank = self.generator.bank;
        let name = bank.first(self.language, dice);
        if dice.percent(8) {
            return blend(&name, &bank.first(self.language, dice));
        }
        let double = if matches!(self.language, "fr" | "de") { 5 } else { 1 };
        if dice.percent(double) && !name.contains(['-', ' ']) {
            return format!("{name}-{}", bank.first(self.language, dice));
        }
        name
    }

    pub(super) fn last(&self, dice: &mut Dice) -> String {
        let bank = self.generator.bank;
        let name = bank.last(self.language, dice);
        match dice.below(100) {
            0..10 => blend(&name, &bank.last(self.language, dice)),
            10..12 if !name.contains(['-', ' ']) => {
                format!("{name}-{}", bank.last(self.language, dice))
            }
            12..14 => {
                let particles: &[&str] = match self.language {
                    "de" => &["von", "von der", "zu", "van"],
                    "fr" => &["de", "de la", "du", "Le", "d'"],
                    "es" => &["de", "de la", "del", "de los"],
                    "nl" => &["van", "van der", "van den", "de", "ten", "ter", "van de"],
                    "pt" => &["da", "de", "dos", "do"],
                    "it" => &["De", "Di", "Della", "Lo", "La", "D'"],
                    _ => &["de", "van", "Mac", "O'", "al-", "St."],
                };
                let particle = *dice.pick(particles);
                let gap = if particle.ends_with(['\'', '-']) { "" } else { " " };
                format!("{particle}{gap}{name}")
            }
            14..40 if self.language == "es" => format!("{name} {}", bank.last("es", dice)),
            14..34 if self.language == "pt" => {
                let gap = *dice.pick(&[" ", " ", " da ", " de ", " dos "]);
                format!("{name}{gap}{}", bank.last("pt", dice))
            }
            _ => name,
        }
    }

    pub(super) fn full(&self, person: &Person, dice: &mut Dice) -> String {
        let Person { first, last } = person;
        let initial = |name: &str| name.chars().next().unwrap_or('X');
        match dice.below(100) {
            0..6 => format!("{first} {}. {last}", (b'A' + dice.below(26) as u8) as char),
            6..11 => format!("{first} {} {last}", self.generator.bank.first(self.language, dice)),
            11..14 => format!("{}. {last}", initial(first)),
            14 => format!("{}. {}. {last}", initial(first), (b'A' + dice.below(26) as u8) as char),
            15 => format!("{}.{}. {last}", initial(first), (b'A' + dice.below(26) as u8) as char),
            16 => format!("{first} {}.", initial(last)),
            17 if self.language == "en" => {
                format!("{first} {last} {}", dice.pick(&["Jr.", "Jr", "III", "II", "Sr."]))
            }
            _ => format!("{first} {last}"),
        }
    }

    pub(super) fn slot(&mut self, name: &str, dice: &mut Dice) {
        let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        let kind = &name[..name.len() - digits.len()];
        let number = digits.parse().ok();
        let generator = self.generator;
        let language = self.language;
        match kind {
            "n" | "N" | "f" | "l" | "L" | "lf" | "ll" | "rf" | "Rf" | "m" => {
                let person = self.person(number, dice);
                let text = match kind {
                    "f" => person.first.clone(),
                    "l" => person.last.clone(),
                    "L" => person.last.to_uppercase(),
                    "ll" => format!("{} {}", person.last, self.last(dice)),
                    "rf" => format!("{} {}", person.last, person.first),
                    "Rf" => format!("{} {}", person.last.to_uppercase(), person.first),
                    "lf" => format!("{}, {}", person.last, person.first),
                    "N" => self.full(&person, dice).to_uppercase(),
                    "m" => match dice.below(100) {
                        0..52 => self.full(&person, dice),
                        52..92 => person.first.clone(),
                        _ => person.last.clone(),
                    },
                    _ => self.full(&person, dice),
                };
                // A closing stop belongs to the sentence as much as to the initial.
                let bare = text.trim_end_matches('.');
                self.named(bare, NameKind::Person);
                self.plain(&text[bare.len()..]);
            }
            "amb" => {
                let names = Generator::list(&generator.ambiguous, language);
                let name = dice.pick(names).clone();
                self.named(&name, NameKind::Person);
            }
            "e" | "email" => {
                let person = self.person(number, dice);
                let address = address(&person, dice);
                self.claimed(&address);
            }
            "u" | "user" => {
                let person = self.person(number, dice);
                let user = match dice.below(4) {
                    0 => format!("{}{}", plain_letters(&person.first), dice.below(100)),
                    1 => {
                        format!("{}_{}", plain_letters(&person.first), plain_letters(&person.last))
                    }
                    2 => format!("{}{}", generator.word(language, dice), dice.below(1000)),
                    _ => format!(
                        "{}{}",
                        generator.code[dice.below(generator.code.len())],
                        generator.code[dice.below(generator.code.len())]
                    ),
                };
                self.text.push_str(&user);
            }
            "initial" => {
                let letter = (b'A' + dice.below(26) as u8) as char;
                self.plain(&letter.to_string());
            }
            "city" | "place" => {
                let place = if kind == "place" || dice.percent(55) {
                    (*dice.pick(Generator::list(&generator.things, "place"))).to_owned()
                } else {
                    generator.bank.city(dice)
                };
                self.named(&place, NameKind::Location);
            }
            "firm" => {
                let firm = *dice.pick(Generator::list(&generator.things, "firm"));
                self.named(firm, NameKind::Organization);
            }
            "org" => {
                let org = if dice.percent(25) {
                    (*dice.pick(Generator::list(&generator.things, "firm"))).to_owned()
                } else {
                    self.company(dice)
                };
                self.named(&org, NameKind::Organization);
            }
            "street" => {
                let street = self.street(dice);
                self.named(&street, NameKind::Address);
            }
            "addr" => {
                let address = self.address(dice);
                self.named(&address, NameKind::Address);
            }
            "tool" | "product" | "eponym" | "holiday" | "work" => {
                let thing = *dice.pick(Generator::list(&generator.things, kind));
                self.plain(thing);
            }
            "job" => {
                let job = *dice.pick(Generator::list(&generator.jobs, &format!("{language} job")));
                self.plain(job);
            }
            "kin" => {
                let kin = *dice.pick(Generator::list(&generator.jobs, "en kin"));
                self.plain(kin);
            }
            "clean" => {
                self.depth += 1;
                if self.depth < 3 {
                    let pool: Vec<&Template> = generator
                        .templates
                        .iter()
                        .filter(|t| t.language == language && t.section == "clean")
                        .collect();
                    let template = *dice.pick(&pool);
                    self.parts(&template.parts, dice);
                }
                self.depth -= 1;
            }
            "words" => {
                let count = 1 + dice.below(4);
                let words: Vec<&str> = (0..count).map(|_| generator.word(language, dice)).collect();
                self.plain(&words.join(" "));
            }
            "word" => {
                let word = generator.word(language, dice).to_owned();
                self.plain(&word);
            }
            "Word" => {
                let word = capitalised(generator.word(language, dice));
                self.plain(&word);
            }
            "Words" => {
                let words = [generator.word(language, dice), generator.word(language, dice)]
                    .map(capitalised);
                self.plain(&words.join(" "));
            }
            "WORD" => {
                let word = generator.word(language, dice).to_uppercase();
                self.plain(&word);
            }
            "brand" => {
                let brand = self.brand(dice);
                self.plain(&brand);
            }
            "var" | "Type" | "snake" | "CONST" => {
                let count = 1 + dice.below(3);
                let words: Vec<&str> = (0..count).map(|_| *dice.pick(&generator.code)).collect();
                let text = match kind {
                    "snake" => words.join(if dice.percent(85) { "_" } else { "-" }),
                    "CONST" => words.join("_").to_uppercase(),
                    _ => {
                        let joined: String = words.iter().map(|word| capitalised(word)).collect();
                        if kind == "Type" {
                            joined
                        } else {
                            format!("{}{}", words[0], &joined[words[0].len()..])
                        }
                    }
                };
                self.text.push_str(&text);
            }
            _ => self.figure(kind, dice),
        }
    }

    /// A product that is on no list, and may sound like a name.
    fn brand(&self, dice: &mut Dice) -> String {
        let generator = self.generator;
        let (one, other) = match dice.below(10) {
            0..4 => {
                let word = |dice: &mut Dice| generator.word(self.language, dice).to_owned();
                (word(dice), word(dice))
            }
            4..6 => (generator.bank.last(self.language, dice), generator.bank.first("en", dice)),
            _ => {
                let code = |dice: &mut Dice| (*dice.pick(&generator.code)).to_owned();
                (code(dice), generator.word(self.language, dice).to_owned())
            }
        };
        capitalised(&blend(&one, &other))
    }

    /// Dates, numbers and other things of digits.
    pub(super) fn figure(&mut self, kind: &str, dice: &mut Dice) {
        let language = self.language;
        let year = 1950 + dice.below(76);
        let (month, day) = (1 + dice.below(12), 1 + dice.below(28));
        match kind {
            "day" => {
                let day = *dice.pick(days(language));
                self.plain(day);
            }
            "month" => {
                let month = months(language)[month - 1];
                self.plain(month);
            }
            "year" => self.plain(&year.to_string()),
            "date" => {
                let text = match dice.below(5) {
                    0 => format!("{year}-{month:02}-{day:02}"),
                    1 => format!("{day:02}/{month:02}/{year}"),
                    2 => format!("{day}.{month}.{year}"),
                    3 => format!("{day} {} {year}", months(language)[month - 1]),
                    _ => format!("{} {day}, {year}", months(language)[month - 1]),
                };
                self.plain(&text);
            }
            "time" => self.plain(&format!("{}:{:02}", 6 + dice.below(17), dice.below(12) * 5)),
            "ts" => {
                let (hour, minute, second) = (dice.below(24), dice.below(60), dice.below(60));
                let gap = *dice.pick(&["T", " "]);
                self.plain(&format!(
                    "{year}-{month:02}-{day:02}{gap}{hour:02}:{minute:02}:{second:02}"
                ));
            }
            "num" => {
                let bound = *dice.pick(&[10, 100, 100, 1000]);
                self.plain(&(1 + dice.below(bound)).to_string());
            }
            "money" => {
                let sign = *dice.pick(&["$", "€", "£", "USD ", "EUR "]);
                self.plain(&format!("{sign}{}.{:02}", dice.below(5000), dice.below(100)));
            }
            "phone" => {
                let text = match dice.below(4) {
                    0 => format!(
                        "+1 ({}) {}-{:04}",
                        200 + dice.below(700),
                        200 + dice.below(700),
                        dice.below(10_000)
                    ),
                    1 => format!("0{} {:07}", 20 + dice.below(70), dice.below(10_000_000)),
                    2 => format!("+49 {} {:06}", 151 + dice.below(30), dice.below(1_000_000)),
                    _ => format!(
                        "{}-{}-{:04}",
                        200 + dice.below(700),
                        200 + dice.below(700),
                        dice.below(10_000)
                    ),
                };
                self.claimed(&text);
            }
            "url" => {
                let code = &self.generator.code;
                let text = format!(
                    "https://{}.{}/{}",
                    dice.pick(code),
                    dice.pick(&["com", "org", "io", "net"]),
                    dice.pick(code)
                );
                self.claimed(&text);
            }
            "ip" => {
                let text = format!(
                    "{}.{}.{}.{}",
                    1 + dice.below(220),
                    dice.below(256),
                    dice.below(256),
                    1 + dice.below(254)
                );
                self.claimed(&text);
            }
            "hash" => {
                let length = *dice.pick(&[7, 16, 32]);
                let text: String =
                    (0..length).map(|_| *dice.pick(&b"0123456789abcdef".map(char::from))).collect();
                self.claimed(&text);
            }
            _ => {
                let text = match dice.below(3) {
                    0 => format!(
                        "{}{:06}",
                        (b'A' + dice.below(26) as u8) as char,
                        dice.below(1_000_000)
                    ),
                    1 => format!(
                        "{}-{:05}",
                        dice.pick(&["ORD", "INV", "TCK", "CAS", "POL", "MRN"]),
                        dice.below(100_000)
                    ),
                    _ => format!("{:08}", dice.below(100_000_000)),
                };
                self.plain(&text);
            }
        }
    }
}

/// A name that is on no list: the front of one and the end of another.
pub(crate) fn blend(one: &str, other: &str) -> String {
    let front: String = one.chars().take(one.chars().count().div_ceil(2).max(2)).collect();
    let count = other.chars().count();
    let end: String = other.chars().skip(count - (count / 2).max(2).min(count)).collect();
    let blend = format!(
        "{}{}",
        front.trim_end_matches([' ', '-', '\'']),
        end.trim_start_matches([' ', '-', '\'']).to_lowercase()
    );
    blend
}

fn plain_letters(name: &str) -> String {
    let folded = Folded::new(name);
    String::from_utf8_lossy(folded.bytes()).chars().filter(char::is_ascii_alphanumeric).collect()
}

fn address(person: &Person, dice: &mut Dice) -> String {
    const HOSTS: &[&str] = &[
        "gmail.com",
        "yahoo.com",
        "outlook.com",
        "example.com",
        "web.de",
        "orange.fr",
        "hotmail.es",
        "ziggo.nl",
        "libero.it",
        "company.org",
    ];
    let (first, last) = (plain_letters(&person.first), plain_letters(&person.last));
    let initial = first.chars().next().unwrap_or('x');
    let local = match dice.below(5) {
        0 => format!("{first}.{last}"),
        1 => format!("{initial}{last}"),
        2 => format!("{first}{}", dice.below(100)),
        3 => format!("{first}_{last}{}", dice.below(100)),
        _ => format!("{last}{}", dice.below(1000)),
    };
    format!("{local}@{}", dice.pick(HOSTS))
}
