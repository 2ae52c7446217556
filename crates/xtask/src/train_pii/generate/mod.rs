//! Texts made from our own templates: prompts, mails, forms, logs, code and data in seven languages,
//! with names and without.

mod calendar;
mod places;
mod record;
mod writer;

use writer::Writer;
pub(crate) use writer::blend;

use super::{
    bank::Bank,
    corpus::{Text, fold},
    dice::Dice,
    lexicon::{Lists, rows},
    template::{self, Part},
};

const LANGUAGES: &[(&str, &str, usize)] = &[
    ("en", include_str!("../data/templates/en.txt"), 40),
    ("de", include_str!("../data/templates/de.txt"), 18),
    ("fr", include_str!("../data/templates/fr.txt"), 18),
    ("es", include_str!("../data/templates/es.txt"), 18),
    ("nl", include_str!("../data/templates/nl.txt"), 18),
    ("pt", include_str!("../data/templates/pt.txt"), 10),
    ("it", include_str!("../data/templates/it.txt"), 10),
    ("en", include_str!("../data/templates/code.txt"), 16),
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
            things: split(include_str!("../data/things.txt"), ";"),
            streets: split(include_str!("../data/streets.txt"), ";"),
            jobs: split(include_str!("../data/jobs.txt"), ";"),
            ambiguous: ambiguous.into(),
            code: include_str!("../data/words.txt")
                .lines()
                .skip(1)
                .flat_map(str::split_whitespace)
                .collect(),
        }
    }

    /// Texts of all languages; `amount` scales their number.
    pub(crate) fn texts(&self, amount: usize, dice: &mut Dice) -> Vec<Text> {
        let mut texts = Vec::new();
        for (language, file, share) in LANGUAGES {
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
        }
        texts
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
