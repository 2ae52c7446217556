//! Texts made from our own templates: prompts, mails, forms, logs, code and data in seven languages,
//! with names and without.

use std::ops::Range;

use portcullis_pii::names::NameKind;

use super::{
    bank::Bank,
    corpus::{Text, capitalised, fold},
    dice::Dice,
    lexicon::{Lists, rows},
    patterns,
    template::{self, Part},
};

const LANGUAGES: &[(&str, &str, usize)] = &[
    ("en", include_str!("data/templates/en.txt"), 40),
    ("de", include_str!("data/templates/de.txt"), 18),
    ("fr", include_str!("data/templates/fr.txt"), 18),
    ("es", include_str!("data/templates/es.txt"), 18),
    ("nl", include_str!("data/templates/nl.txt"), 18),
    ("pt", include_str!("data/templates/pt.txt"), 10),
    ("it", include_str!("data/templates/it.txt"), 10),
    ("en", include_str!("data/templates/code.txt"), 16),
];

/// Sets of generated texts by language, as in reports.
fn set(language: &str, clean: bool) -> &'static str {
    match (language, clean) {
        ("en", false) => "made-en",
        ("de", false) => "made-de",
        ("fr", false) => "made-fr",
        ("es", false) => "made-es",
        ("nl", false) => "made-nl",
        ("pt", false) => "made-pt",
        ("it", false) => "made-it",
        _ => "made-clean",
    }
}

struct Template {
    language: &'static str,
    section: &'static str,
    fold: u64,
    parts: Vec<Part>,
}

/// What fills the slots.
pub(crate) struct Generator<'a> {
    bank: &'a Bank,
    words: Vec<(&'static str, Vec<String>)>,
    templates: Vec<Template>,
    things: Vec<(&'static str, Vec<&'static str>)>,
    streets: Vec<(&'static str, Vec<&'static str>)>,
    jobs: Vec<(&'static str, Vec<&'static str>)>,
    ambiguous: Vec<(&'static str, Vec<String>)>,
    code: Vec<&'static str>,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(bank: &'a Bank, lists: &Lists) -> Self {
        let mut templates = Vec::new();
        for (language, file, _) in LANGUAGES {
            let code = file.starts_with("# Code");
            for (section, lines) in template::sections(file) {
                for line in lines {
                    let parts = template::parse(line);
                    let section = match (code, template::names(&parts)) {
                        (true, _) => "code-clean",
                        (false, true) if section == "clean" => "news",
                        _ => section,
                    };
                    templates.push(Template { language, section, fold: fold(line), parts });
                }
            }
        }
        let split =
            |list: &'static str, mark: &'static str| -> Vec<(&'static str, Vec<&'static str>)> {
                rows(list)
                    .map(|(kind, items)| (kind, items.split(mark).map(str::trim).collect()))
                    .collect()
            };
        let words = ["en", "de", "fr", "es", "nl", "pt", "it"]
            .map(|language| (language, lists.ordinary_words(language)));
        let ambiguous = ["en", "de", "fr", "es", "nl", "pt", "it"]
            .map(|language| (language, lists.ambiguous(language)));
        Self {
            bank,
            words: words.into(),
            templates,
            things: split(include_str!("data/things.txt"), ";"),
            streets: split(include_str!("data/streets.txt"), ";"),
            jobs: split(include_str!("data/jobs.txt"), ";"),
            ambiguous: ambiguous.into(),
            code: include_str!("data/words.txt")
                .lines()
                .skip(1)
                .flat_map(str::split_whitespace)
                .collect(),
        }
    }

    /// Texts of all languages; `amount` scales their number.
    pub(crate) fn texts(&self, amount: usize, dice: &mut Dice) -> Vec<Text> {
        let mut texts = Vec::new();
        for (index, (language, file, share)) in LANGUAGES.iter().enumerate() {
            let code = file.starts_with("# Code");
            let pool: Vec<&Template> = self
                .templates
                .iter()
                .filter(|t| {
                    if code {
                        t.section == "code-clean"
                    } else {
                        t.language == *language && t.section != "code-clean"
                    }
                })
                .collect();
            let clean: Vec<&Template> =
                pool.iter().copied().filter(|t| t.section.ends_with("clean")).collect();
            let named: Vec<&Template> =
                pool.iter().copied().filter(|t| !t.section.ends_with("clean")).collect();
            for number in 0..share * amount {
                let pool = if named.is_empty() || number % 9 < 4 { &clean } else { &named };
                if !code && dice.percent(5) {
                    texts.extend(self.record(language, dice));
                    continue;
                }
                let template = dice.pick(pool);
                let mut writer = Writer::new(self, language, dice);
                writer.write(template, dice);
                // Some texts have several parts; all of the same fold.
                let same: Vec<&&Template> =
                    pool.iter().filter(|t| t.fold == template.fold).collect();
                while dice.percent(14) && !same.is_empty() {
                    let gap = *dice.pick(&["\n", "\n\n", " ", " ", "\n\n---\n\n"]);
                    writer.plain(gap);
                    let next = *dice.pick(&same);
                    writer.write(next, dice);
                }
                let mut text = writer
                    .finish(set(language, template.section.ends_with("clean")), template.fold);
                if code && dice.percent(60) {
                    // Code comes in several lines.
                    for _ in 0..dice.below(5) {
                        let mut writer = Writer::new(self, language, dice);
                        let next = *dice.pick(&same);
                        writer.write(next, dice);
                        let more = writer.finish("made-clean", next.fold);
                        text.append("\n", &more);
                    }
                }
                texts.push(text);
            }
            let _ = index;
        }
        texts
    }

    /// A record of data: as one JSON text, or each of its values under its key.
    fn record(&self, language: &'static str, dice: &mut Dice) -> Vec<Text> {
        const PERSON_KEYS: &[&str] = &[
            "name",
            "fullName",
            "full_name",
            "customer_name",
            "customerName",
            "customer",
            "client",
            "author",
            "owner",
            "contact",
            "patient",
            "patientName",
            "employee",
            "employee_name",
            "manager",
            "recipient",
            "sender",
            "user",
            "displayName",
            "cardholder",
            "cardholder_name",
            "account_holder",
            "assignee",
            "created_by",
            "createdBy",
            "updated_by",
            "reviewer",
            "signer",
            "contactPerson",
            "contact_name",
            "billing_name",
            "shipTo",
            "guest",
            "passenger_name",
            "student",
            "teacher",
            "doctor",
            "physician",
            "requested_by",
            "approver",
            "beneficiary",
            "emergency_contact",
            "Name",
            "Full Name",
            "Customer",
            "Employee Name",
            "kunde",
            "ansprechpartner",
            "mitarbeiter",
            "patient_name",
            "client_name",
            "titulaire",
            "auteur",
            "cliente",
            "titular",
            "paciente",
            "klant",
            "contactpersoon",
            "intestatario",
            "paziente",
            "from",
            "to",
            "speaker",
            "host",
            "participant",
        ];
        const FIRST_KEYS: &[&str] = &[
            "first_name",
            "firstName",
            "firstname",
            "given_name",
            "givenName",
            "First Name",
            "vorname",
            "prenom",
            "prénom",
            "nombre",
            "voornaam",
            "nickname",
            "preferred_name",
            "nome",
        ];
        const LAST_KEYS: &[&str] = &[
            "last_name",
            "lastName",
            "lastname",
            "surname",
            "family_name",
            "familyName",
            "Last Name",
            "nachname",
            "nom",
            "apellidos",
            "apellido",
            "achternaam",
            "cognome",
            "sobrenome",
            "maiden_name",
        ];
        const OTHER_KEYS: &[(&str, &str)] = &[
            ("id", "id"),
            ("type", "word"),
            ("status", "word"),
            ("title", "Words"),
            ("product_name", "product"),
            ("productName", "Words"),
            ("product", "product"),
            ("file_name", "snake"),
            ("filename", "snake"),
            ("hostname", "snake"),
            ("event_name", "snake"),
            ("service_name", "snake"),
            ("company", "firm"),
            ("company_name", "org"),
            ("employer", "org"),
            ("organization", "org"),
            ("vendor", "firm"),
            ("brand", "firm"),
            ("city", "city"),
            ("country", "place"),
            ("state", "place"),
            ("location", "city"),
            ("description", "words"),
            ("notes", "words"),
            ("message", "words"),
            ("error", "words"),
            ("tool", "tool"),
            ("framework", "tool"),
            ("language", "tool"),
            ("model", "product"),
            ("category", "Word"),
            ("department", "Word"),
            ("theme", "Word"),
            ("table_name", "snake"),
            ("class_name", "Type"),
            ("className", "Type"),
            ("function", "var"),
            ("method", "var"),
            ("column_name", "snake"),
            ("email", "email"),
            ("phone", "phone"),
            ("address", "addr"),
            ("street", "street"),
            ("date", "date"),
            ("created_at", "ts"),
            ("url", "url"),
            ("amount", "money"),
            ("job_title", "job"),
            ("role", "job"),
            ("topic", "eponym"),
            ("tag", "word"),
            ("label", "Word"),
            ("project", "Words"),
            ("project_name", "Word"),
            ("team_name", "Words"),
            ("app_name", "Word"),
            ("username", "user"),
            ("user_name", "user"),
            ("login", "user"),
            ("key", "snake"),
            ("branch", "snake"),
            ("version", "num"),
            ("display_name", "Words"),
            ("name_of_product", "product"),
            ("course", "Words"),
            ("subject", "Words"),
            ("ort", "city"),
            ("stadt", "city"),
            ("firma", "org"),
            ("ville", "city"),
            ("ciudad", "city"),
            ("empresa", "org"),
            ("plaats", "city"),
            ("bedrijf", "org"),
            ("azienda", "org"),
            ("citta", "city"),
            ("produkt", "product"),
        ];
        let mut fields: Vec<(&str, &str)> = Vec::new();
        match dice.below(10) {
            0..4 => fields.push((*dice.pick(PERSON_KEYS), "n")),
            4..6 => fields.extend([(*dice.pick(FIRST_KEYS), "f1"), (*dice.pick(LAST_KEYS), "l1")]),
            6 => fields.push((*dice.pick(FIRST_KEYS), "f")),
            7 => fields.push((*dice.pick(LAST_KEYS), "l")),
            _ => {}
        }
        for _ in 0..1 + dice.below(5) {
            fields.push(*dice.pick(OTHER_KEYS));
        }
        dice.shuffle(&mut fields);
        let fold = fold(fields[0].0);
        let clean = !fields.iter().any(|(_, slot)| matches!(*slot, "n" | "f" | "l" | "f1" | "l1"));
        if dice.percent(45) {
            let mut writer = Writer::new(self, language, dice);
            writer.case = Case::Plain;
            return fields
                .iter()
                .map(|(key, slot)| {
                    writer.text.clear();
                    writer.names.clear();
                    writer.claimed.clear();
                    writer.slot(slot, dice);
                    let mut text = writer.text_so_far(set(language, clean), fold);
                    text.key = Some((*key).to_owned());
                    text
                })
                .collect();
        }
        let mut writer = Writer::new(self, language, dice);
        writer.case = Case::Plain;
        let (open, quote, colon, comma, close) = match dice.below(5) {
            0 => ("{", "\"", ":", ",", "}"),
            1 => ("{\n  ", "\"", ": ", ",\n  ", "\n}"),
            2 => ("", "", ": ", "\n", ""),
            3 => ("", "", "=", "&", ""),
            _ => ("{", "\"", ": ", ", ", "}"),
        };
        writer.plain(open);
        for (index, (key, slot)) in fields.iter().enumerate() {
            if index > 0 {
                writer.plain(comma);
            }
            writer.plain(&format!("{quote}{key}{quote}{colon}{quote}"));
            writer.slot(slot, dice);
            writer.plain(quote);
        }
        writer.plain(close);
        vec![writer.finish(set(language, clean), fold)]
    }

    fn list<'b, T>(lists: &'b [(&'static str, Vec<T>)], name: &str) -> &'b [T] {
        lists.iter().find(|(kind, _)| *kind == name).map_or(&[], |(_, items)| items)
    }

    fn word(&self, language: &str, dice: &mut Dice) -> &str {
        let words = Self::list(&self.words, language);
        // Frequent words more often.
        let bound = if dice.percent(50) { words.len() / 12 } else { words.len() };
        &words[dice.below(bound.max(1))]
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Case {
    Plain,
    Lower,
    Upper,
}

#[derive(Clone, Default)]
struct Person {
    first: String,
    last: String,
}

struct Writer<'a, 'b> {
    generator: &'b Generator<'a>,
    language: &'static str,
    text: String,
    names: Vec<(Range<usize>, NameKind)>,
    claimed: Vec<Range<usize>>,
    case: Case,
    persons: [Option<Person>; 10],
    depth: usize,
}

impl<'a, 'b> Writer<'a, 'b> {
    fn new(generator: &'b Generator<'a>, language: &'static str, dice: &mut Dice) -> Self {
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

    fn write(&mut self, template: &Template, dice: &mut Dice) {
        if template.section != "chat" && !(template.section == "clean" && dice.percent(70)) {
            self.case = Case::Plain;
        }
        self.persons = std::array::from_fn(|_| None);
        self.parts(&template.parts, dice);
    }

    fn parts(&mut self, parts: &[Part], dice: &mut Dice) {
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

    fn plain(&mut self, text: &str) {
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

    fn named(&mut self, text: &str, kind: NameKind) {
        let start = self.text.len();
        self.plain(text);
        self.names.push((start..self.text.len(), kind));
    }

    fn claimed(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.claimed.push(start..self.text.len());
    }

    fn finish(self, set: &'static str, fold: u64) -> Text {
        self.text_so_far(set, fold)
    }

    fn text_so_far(&self, set: &'static str, fold: u64) -> Text {
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

    fn person(&mut self, number: Option<usize>, dice: &mut Dice) -> Person {
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

    fn first(&self, dice: &mut Dice) -> String {
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

    fn last(&self, dice: &mut Dice) -> String {
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

    fn full(&self, person: &Person, dice: &mut Dice) -> String {
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

    fn slot(&mut self, name: &str, dice: &mut Dice) {
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

    /// Dates, numbers and other things of digits.
    fn figure(&mut self, kind: &str, dice: &mut Dice) {
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

    fn company(&self, dice: &mut Dice) -> String {
        let bank = self.generator.bank;
        let language = self.language;
        let last = |dice: &mut Dice| bank.last(language, dice);
        let word = |dice: &mut Dice| capitalised(self.generator.word(language, dice));
        let ending = |dice: &mut Dice| -> &str {
            let endings: &[&str] = match language {
                "de" => &["GmbH", "AG", "KG", "GmbH & Co. KG", "e.V.", "OHG", "Stiftung"],
                "fr" => &["SA", "SARL", "SAS", "et Fils", "& Cie", "Groupe"],
                "es" => &["S.A.", "S.L.", "e Hijos", "Hermanos", "y Asociados", "Grupo"],
                "nl" => &["B.V.", "BV", "N.V.", "en Zonen", "Groep", "Beheer"],
                "pt" => &["Ltda.", "S.A.", "Lda.", "e Filhos", "Comércio"],
                "it" => &["S.p.A.", "S.r.l.", "e Figli", "& C.", "Gruppo"],
                _ => &[
                    "Inc",
                    "Inc.",
                    "LLC",
                    "Ltd",
                    "Ltd.",
                    "Corp",
                    "Corporation",
                    "Group",
                    "PLC",
                    "and Sons",
                    "& Sons",
                    "& Co",
                    "Holdings",
                    "Partners",
                    "Company",
                    "Industries",
                ],
            };
            *dice.pick(endings)
        };
        let trade = |dice: &mut Dice| -> &str {
            let trades: &[&str] = match language {
                "de" => &[
                    "Bau",
                    "Technik",
                    "Autohaus",
                    "Bäckerei",
                    "Logistik",
                    "Steuerberatung",
                    "Immobilien",
                    "Software",
                ],
                "fr" => &[
                    "Boulangerie",
                    "Garage",
                    "Cabinet",
                    "Conseil",
                    "Immobilier",
                    "Transports",
                    "Pharmacie",
                ],
                "es" => &[
                    "Construcciones",
                    "Talleres",
                    "Panadería",
                    "Consultores",
                    "Transportes",
                    "Inmobiliaria",
                    "Farmacia",
                ],
                "nl" => &[
                    "Bakkerij",
                    "Bouw",
                    "Autobedrijf",
                    "Advies",
                    "Transport",
                    "Makelaardij",
                    "Installatie",
                ],
                "pt" => &[
                    "Construções",
                    "Padaria",
                    "Transportes",
                    "Consultoria",
                    "Farmácia",
                    "Imobiliária",
                ],
                "it" => &[
                    "Costruzioni",
                    "Panificio",
                    "Trasporti",
                    "Studio",
                    "Farmacia",
                    "Immobiliare",
                    "Officina",
                ],
                _ => &[
                    "Technologies",
                    "Solutions",
                    "Systems",
                    "Labs",
                    "Bank",
                    "Consulting",
                    "Insurance",
                    "Airlines",
                    "Foods",
                    "Energy",
                    "Capital",
                    "Media",
                    "Software",
                    "Analytics",
                    "Health",
                    "Logistics",
                    "University",
                    "Hospital",
                    "Institute",
                    "Foundation",
                    "Motors",
                    "Bakery",
                ],
            };
            *dice.pick(trades)
        };
        let before =
            matches!(language, "de" | "fr" | "es" | "nl" | "pt" | "it") && dice.percent(60);
        match dice.below(12) {
            0 => format!("{}-{}", last(dice), last(dice)),
            1 => {
                let and = match language {
                    "de" => "und",
                    "fr" => "et",
                    "es" => "y",
                    "nl" => "en",
                    "pt" | "it" => "e",
                    _ => "and",
                };
                format!("{}, {} {and} {}", last(dice), last(dice), last(dice))
            }
            2 | 3 => format!("{} {}", last(dice), ending(dice)),
            4 => format!("{} {}", word(dice), ending(dice)),
            5 | 6 if before => format!("{} {}", trade(dice), last(dice)),
            5 | 6 => format!("{} {}", last(dice), trade(dice)),
            7 if before => format!("{} {}", trade(dice), word(dice)),
            7 => format!("{} {}", word(dice), trade(dice)),
            8 => format!("{} {} {}", word(dice), trade(dice), ending(dice)),
            9 if language == "en" => format!("{} {}", bank.city(dice), trade(dice)),
            10 if language == "en" => format!("University of {}", bank.city(dice)),
            10 => format!("{}{} {}", word(dice), trade(dice).to_lowercase(), ending(dice)),
            _ => format!("{} {} {}", word(dice), word(dice), ending(dice)),
        }
    }

    fn street(&self, dice: &mut Dice) -> String {
        let bank = self.generator.bank;
        let pattern = *dice.pick(Generator::list(&self.generator.streets, self.language));
        let word = capitalised(self.generator.word(self.language, dice));
        let (first, last) = (bank.first(self.language, dice), bank.last(self.language, dice));
        let full = if self.language == "de" {
            format!("{first}-{last}")
        } else {
            format!("{first} {last}")
        };
        let full = if self.language == "nl" { full.replace(' ', "-") } else { full };
        pattern
            .replace("{w}", &word)
            .replace("{n}", &full)
            .replace("{l}", &last)
            .replace("{f}", &first)
    }

    fn address(&self, dice: &mut Dice) -> String {
        let street = self.street(dice);
        let number = 1 + dice.below(*dice.clone().pick(&[30, 200, 9000]));
        let city = self.generator.bank.city(dice);
        let gap = *dice.pick(&[", ", ", ", "\n"]);
        match self.language {
            "en" => {
                const STATES: &[&str] = &[
                    "CA", "NY", "TX", "FL", "OH", "WA", "IL", "PA", "MA", "GA", "CO", "OR", "AZ",
                    "NC", "MI", "NJ", "VA", "MN",
                ];
                let unit = if dice.percent(25) {
                    format!(
                        "{}{} {}",
                        *dice.pick(&[", ", " "]),
                        dice.pick(&["Apt", "Apt.", "Suite", "Unit", "#"]),
                        1 + dice.below(400)
                    )
                } else {
                    String::new()
                };
                match dice.below(4) {
                    0 => format!("{number} {street}{unit}"),
                    1 => format!("{number} {street}{unit}{gap}{city}"),
                    _ => format!(
                        "{number} {street}{unit}{gap}{city}, {} {:05}",
                        dice.pick(STATES),
                        1000 + dice.below(90_000)
                    ),
                }
            }
            "fr" => match dice.below(3) {
                0 => format!("{number} {street}"),
                _ => format!(
                    "{number}{} {street}{gap}{:05} {city}",
                    *dice.pick(&["", ",", " bis"]),
                    1000 + dice.below(90_000)
                ),
            },
            "nl" => match dice.below(3) {
                0 => format!("{street} {number}"),
                _ => format!(
                    "{street} {number}{gap}{} {}{} {city}",
                    1000 + dice.below(8999),
                    (b'A' + dice.below(26) as u8) as char,
                    (b'A' + dice.below(26) as u8) as char
                ),
            },
            "de" => match dice.below(3) {
                0 => format!("{street} {number}"),
                _ => format!("{street} {number}{gap}{:05} {city}", 1000 + dice.below(90_000)),
            },
            _ => match dice.below(3) {
                0 => format!("{street}, {number}"),
                _ => format!(
                    "{street}{} {number}{gap}{:05} {city}",
                    *dice.pick(&[",", "", " nº"]),
                    1000 + dice.below(90_000)
                ),
            },
        }
    }
}

/// A name that is on no list: the front of one and the end of another.
fn blend(one: &str, other: &str) -> String {
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
    let folded = portcullis_pii::names::fold::Folded::new(name);
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

fn days(language: &str) -> &'static [&'static str] {
    match language {
        "de" => &["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
        "fr" => &["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
        "es" => &["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
        "nl" => &["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
        "pt" => &[
            "segunda-feira",
            "terça-feira",
            "quarta-feira",
            "quinta-feira",
            "sexta-feira",
            "sábado",
            "domingo",
        ],
        "it" => &["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"],
        _ => &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    }
}

fn months(language: &str) -> &'static [&'static str; 12] {
    match language {
        "de" => &[
            "Januar",
            "Februar",
            "März",
            "April",
            "Mai",
            "Juni",
            "Juli",
            "August",
            "September",
            "Oktober",
            "November",
            "Dezember",
        ],
        "fr" => &[
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
        "es" => &[
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
        "nl" => &[
            "januari",
            "februari",
            "maart",
            "april",
            "mei",
            "juni",
            "juli",
            "augustus",
            "september",
            "oktober",
            "november",
            "december",
        ],
        "pt" => &[
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ],
        "it" => &[
            "gennaio",
            "febbraio",
            "marzo",
            "aprile",
            "maggio",
            "giugno",
            "luglio",
            "agosto",
            "settembre",
            "ottobre",
            "novembre",
            "dicembre",
        ],
        _ => &[
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
    }
}

impl Text {
    /// Another text after this one.
    fn append(&mut self, gap: &str, other: &Self) {
        self.text.push_str(gap);
        let by = self.text.len();
        self.text.push_str(&other.text);
        self.names.extend(
            other.names.iter().map(|(range, kind)| (range.start + by..range.end + by, *kind)),
        );
        self.claimed.extend(other.claimed.iter().map(|range| range.start + by..range.end + by));
    }
}
