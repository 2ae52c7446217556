//! Types that a configuration defines: regular expressions that match in linear time, and word lists.

use std::{borrow::Cow, fmt};

use aho_corasick::{AhoCorasick, MatchKind};
use regex_automata::{Input, meta::Regex};
use regex_syntax::{
    ParserBuilder,
    hir::{Hir, Look},
};

use crate::{Entity, scan::Candidate};

/// The longest match of a custom expression and the longest custom word, bytes: what a stream may
/// have to be held back for one.
pub const LONGEST_CUSTOM: usize = 1024;

/// The most words of all lists together.
pub const MOST_WORDS: usize = 100_000;

/// How certain a custom match is.
const LOG_ODDS: f32 = 8.0;

/// A type of one's own.
#[derive(Clone, Default)]
pub struct CustomType {
    /// Its id: capitals, digits and `_`, such as `PROJECT_CODE`. It stands in findings and
    /// placeholders.
    pub id: String,
    /// Regular expressions, in the syntax of Rust's `regex` crate; any match is a finding.
    pub patterns: Vec<String>,
    /// Words and phrases; any occurrence as whole words is a finding, in either case of any alphabet
    /// (letters that are longer in the other case, such as `ẞ`, only as they are written).
    pub words: Vec<String>,
    /// Values that are not findings of this type, in either case.
    pub allow: Vec<String>,
}

/// Patterns and words are often the very values to be kept secret: only how many there are is shown.
impl fmt::Debug for CustomType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomType")
            .field("id", &self.id)
            .field("patterns", &self.patterns.len())
            .field("words", &self.words.len())
            .field("allow", &self.allow.len())
            .finish()
    }
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An id is not of the form that ids have.
    #[error(
        "custom type `{0}`: an id has 2 to 48 capitals, digits and `_`, and starts with a capital"
    )]
    Id(String),
    /// An id is taken.
    #[error("custom type `{0}`: the id is that of another type")]
    Taken(String),
    /// A type has nothing to find.
    #[error("custom type `{0}`: has neither patterns nor words")]
    Nothing(String),
    /// A pattern does not parse.
    #[error("custom type `{id}`: pattern {number} does not parse: {reason}")]
    Syntax {
        /// The type.
        id: String,
        /// The pattern, counted from 1.
        number: usize,
        /// What the parser says.
        reason: String,
    },
    /// A pattern matches nothing at all, or too much.
    #[error("custom type `{id}`: pattern {number} {reason}")]
    Pattern {
        /// The type.
        id: String,
        /// The pattern, counted from 1.
        number: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// All patterns together are too large.
    #[error("the custom patterns are too large together")]
    Size,
    /// A word is empty or too long.
    #[error("custom type `{id}`: word {number} is empty or longer than {LONGEST_CUSTOM} bytes")]
    Word {
        /// The type.
        id: String,
        /// The word, counted from 1.
        number: usize,
    },
    /// An allowed value is empty or too long.
    #[error("allowed value {number} is empty or longer than {LONGEST_CUSTOM} bytes")]
    Allowed {
        /// The value, counted from 1.
        number: usize,
    },
    /// There are too many words.
    #[error("the word lists have more than {MOST_WORDS} words together")]
    Words,
    /// A threshold is no probability.
    #[error("a threshold lies between 0 and 1")]
    Threshold,
    /// There is no such type.
    #[error("there is no type `{0}`")]
    Unknown(String),
}

/// How far a text has been looked through, by offset. Patterns and words do not wait for each other.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cursor {
    patterns: usize,
    words: usize,
}

impl Cursor {
    /// No further match starts before this.
    pub(crate) fn open(self) -> usize {
        self.patterns.min(self.words)
    }
}

/// Custom types, compiled into one expression and one automaton.
pub(crate) struct Custom {
    ids: Vec<String>,
    allow: Vec<Vec<String>>,
    expressions: Option<Regex>,
    /// The type of each pattern.
    of_pattern: Vec<usize>,
    words: Option<AhoCorasick>,
    of_word: Vec<usize>,
    longest: usize,
}

impl Custom {
    pub(crate) fn new(types: &[CustomType]) -> Result<Self, ConfigError> {
        let mut custom = Self {
            ids: Vec::new(),
            allow: Vec::new(),
            expressions: None,
            of_pattern: Vec::new(),
            words: None,
            of_word: Vec::new(),
            longest: 0,
        };
        let (mut hirs, mut words) = (Vec::new(), Vec::new());
        for (index, of) in types.iter().enumerate() {
            check_id(&of.id, &custom.ids)?;
            if of.patterns.is_empty() && of.words.is_empty() {
                return Err(ConfigError::Nothing(of.id.clone()));
            }
            for (number, pattern) in (1..).zip(&of.patterns) {
                let (hir, longest) = parse(&of.id, number, pattern)?;
                custom.longest = custom.longest.max(longest);
                custom.of_pattern.push(index);
                hirs.push(hir);
            }
            for (number, word) in (1..).zip(&of.words) {
                if word.trim().is_empty() || word.len() > LONGEST_CUSTOM {
                    return Err(ConfigError::Word { id: of.id.clone(), number });
                }
                custom.longest = custom.longest.max(word.len());
                custom.of_word.push(index);
                words.push(folded(word.as_bytes(), 0).into_owned());
            }
            custom.ids.push(of.id.clone());
            custom.allow.push(of.allow.iter().map(|value| value.to_lowercase()).collect());
        }
        if words.len() > MOST_WORDS {
            return Err(ConfigError::Words);
        }
        if !hirs.is_empty() {
            let config =
                Regex::config().nfa_size_limit(Some(8 << 20)).hybrid_cache_capacity(1 << 20);
            let built = Regex::builder().configure(config).build_many_from_hir(&hirs);
            custom.expressions = Some(built.map_err(|_| ConfigError::Size)?);
        }
        if !words.is_empty() {
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .ascii_case_insensitive(true)
                .build(&words);
            custom.words = Some(built.map_err(|_| ConfigError::Size)?);
        }
        Ok(custom)
    }

    pub(crate) fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Offers the matches that start in `text`, whose first byte is at `base`, from where `at` says on,
    /// as far as they cannot change any more.
    pub(crate) fn offer(
        &self,
        (text, base): (&[u8], usize),
        at: &mut Cursor,
        end: bool,
        found: &mut Vec<Candidate>,
    ) {
        // A match that starts here may be longer than what has arrived, or look at what follows.
        let certain = if end { text.len() } else { text.len().saturating_sub(self.longest + 4) };
        at.patterns = self.offer_patterns((text, base), at.patterns - base, certain, found) + base;
        at.words = self.offer_words((text, base), at.words - base, certain, found) + base;
    }

    fn offer_patterns(
        &self,
        (text, base): (&[u8], usize),
        mut at: usize,
        certain: usize,
        found: &mut Vec<Candidate>,
    ) -> usize {
        let Some(expressions) = &self.expressions else { return at.max(certain) };
        while at < certain {
            let next = expressions.find(Input::new(text).range(at..));
            let Some(next) = next.filter(|it| it.start() < certain) else { break };
            let index = self.of_pattern[next.pattern().as_usize()];
            self.push((text, base), next.range(), index, found);
            at = next.end();
        }
        at.max(certain)
    }

    fn offer_words(
        &self,
        (text, base): (&[u8], usize),
        from: usize,
        certain: usize,
        found: &mut Vec<Candidate>,
    ) -> usize {
        let Some(words) = &self.words else { return from.max(certain) };
        if from >= certain {
            return from;
        }
        let text = folded(text, from);
        // A word that goes on is none, but a shorter one may end before: it is looked for up to `to`.
        let (mut at, mut to) = (from, text.len());
        while at < certain {
            let next = words.find(aho_corasick::Input::new(&text).range(at..to));
            let Some(next) = next.filter(|it| it.start() < certain) else {
                if to == text.len() {
                    break;
                }
                (at, to) = (at + 1, text.len());
                continue;
            };
            if to < text.len() && next.start() > at {
                (at, to) = (at + 1, text.len());
            } else if is_whole(&text, next.start(), next.end()) {
                let index = self.of_word[next.pattern().as_usize()];
                self.push((&text, base), next.range(), index, found);
                (at, to) = (next.end(), text.len());
            } else {
                (at, to) = (next.start(), next.end() - 1);
            }
        }
        at.max(certain)
    }

    fn push(
        &self,
        (text, base): (&[u8], usize),
        range: std::ops::Range<usize>,
        index: usize,
        found: &mut Vec<Candidate>,
    ) {
        let value = String::from_utf8_lossy(&text[range.clone()]);
        if !self.allow[index].is_empty() && self.allow[index].contains(&value.to_lowercase()) {
            return;
        }
        let entity = Entity((Entity::BUILT_IN + index) as u16);
        let (start, end) = (range.start + base, range.end + base);
        found.push(Candidate {
            start,
            end,
            entity,
            log_odds: LOG_ODDS,
            checked: true,
            phrase: None,
        });
    }
}

/// The same text in small letters, from some byte on, as far as they are as long as the capitals. ASCII
/// is left to the search.
fn folded(text: &[u8], from: usize) -> Cow<'_, [u8]> {
    if text[from..].is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = text[..from].to_vec();
    for part in text[from..].utf8_chunks() {
        for c in part.valid().chars() {
            let mut small = c.to_lowercase();
            let small = match (small.next(), small.next()) {
                // The end of a Greek word.
                (Some('ς'), _) => 'σ',
                (Some(small), None) if !c.is_ascii() && small.len_utf8() == c.len_utf8() => small,
                _ => c,
            };
            out.extend_from_slice(small.encode_utf8(&mut [0; 4]).as_bytes());
        }
        out.extend_from_slice(part.invalid());
    }
    Cow::Owned(out)
}

fn check_id(id: &str, taken: &[String]) -> Result<(), ConfigError> {
    let formed = (2..=48).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_uppercase())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if !formed {
        return Err(ConfigError::Id(id.chars().take(64).collect()));
    }
    let known = Entity::parse(id).is_some() || id == "CUSTOM" || taken.iter().any(|it| it == id);
    if known { Err(ConfigError::Taken(id.to_owned())) } else { Ok(()) }
}

/// A pattern, and the length of its longest match.
fn parse(id: &str, number: usize, pattern: &str) -> Result<(Hir, usize), ConfigError> {
    let hir = ParserBuilder::new().nest_limit(100).build().parse(pattern).map_err(|error| {
        let reason = match &error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            _ => "it is not understood".to_owned(),
        };
        ConfigError::Syntax { id: id.to_owned(), number, reason }
    })?;
    let wrong = |reason| ConfigError::Pattern { id: id.to_owned(), number, reason };
    let properties = hir.properties();
    let looks = properties.look_set();
    if looks.contains(Look::Start) || looks.contains(Look::End) {
        return Err(wrong("has an anchor to the whole text: use `(?m)` or `\\b`"));
    }
    if properties.minimum_len().is_none_or(|least| least == 0) {
        return Err(wrong("matches the empty text"));
    }
    match properties.maximum_len() {
        Some(longest) if longest <= LONGEST_CUSTOM => Ok((hir, longest)),
        _ => Err(wrong("may match more than 1024 bytes: bound its repetitions")),
    }
}

/// Whether no letter or digit goes on on either side.
fn is_whole(text: &[u8], start: usize, end: usize) -> bool {
    let joins = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80;
    let before = start > 0 && joins(text[start - 1]) && joins(text[start]);
    let behind = end < text.len() && joins(text[end]) && joins(text[end - 1]);
    !before && !behind
}
