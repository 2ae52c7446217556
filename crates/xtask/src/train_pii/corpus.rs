//! The annotated data as texts with marked names.

use std::{collections::BTreeMap, ops::Range, path::Path};

use portcullis_pii::names::{NameKind, fold::hash};
use serde::Deserialize;

use super::{dice::Dice, patterns};
use crate::step::{Outcome, command, reply};

/// One text with its names.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// The set it belongs to, as in reports.
    pub(crate) set: &'static str,
    /// Its language as a two-letter code.
    pub(crate) language: String,
    pub(crate) text: String,
    /// The label it stands under.
    pub(crate) key: Option<String>,
    /// Sorted, disjoint byte ranges.
    pub(crate) names: Vec<(Range<usize>, NameKind)>,
    /// What the pattern layer would claim.
    pub(crate) claimed: Vec<Range<usize>>,
    /// Which of the [`FOLDS`] parts it is in; one part is for measuring only.
    pub(crate) fold: u64,
}

/// The data is cut in this many parts.
pub(crate) const FOLDS: u64 = 5;

/// Which part a group of texts is in. A group is what must not be torn apart: a stretch of 20
/// sentences in a row, or everything made from one template.
pub(crate) fn fold(group: &str) -> u64 {
    hash(group.as_bytes()) % FOLDS
}

/// A set whose words are cut and tagged one by one.
struct TokenSet {
    file: &'static str,
    set: &'static str,
    language: &'static str,
}

const TOKEN_SETS: &[TokenSet] = &[
    TokenSet { file: "wnut17.train", set: "wnut17", language: "en" },
    TokenSet { file: "wnut17.dev", set: "wnut17", language: "en" },
    TokenSet { file: "btc.abegh", set: "btc", language: "en" },
    TokenSet { file: "wikigold", set: "wikigold", language: "en" },
    TokenSet { file: "uner_ewt.dev", set: "ewt", language: "en" },
    TokenSet { file: "uner_bosque_pt.train", set: "bosque", language: "pt" },
    TokenSet { file: "germeval14.dev", set: "germeval", language: "de" },
    TokenSet { file: "europeana_fr", set: "europeana-fr", language: "fr" },
    TokenSet { file: "europeana_nl", set: "europeana-nl", language: "nl" },
    TokenSet { file: "europeana_de", set: "europeana-de", language: "de" },
];

#[derive(Deserialize)]
struct TokenLine {
    id: String,
    tokens: Vec<String>,
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct SpanLine {
    lang: String,
    text: String,
    #[serde(default)]
    template_id: Option<u64>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    start: usize,
    end: usize,
    #[serde(rename = "type")]
    kind: String,
}

/// The Dutch newspapers' lines before this one were marked by nobody: a hundred people with initials
/// stand in them, of whom one is marked. They are neither learned from nor measured on.
const FIRST_MARKED_DUTCH: u64 = 164;

/// Every text of the folder, in a fixed order.
pub(crate) fn read(folder: &Path) -> Outcome<Vec<Text>> {
    let mut texts = Vec::new();
    for set in TOKEN_SETS {
        for (number, line) in lines(folder, set.file)?.lines().enumerate() {
            let line: TokenLine = parse(set.file, number, line)?;
            if line.tokens.len() != line.tags.len() {
                return Err(format!(
                    "{}, line {}: as many tags as tokens expected",
                    set.file,
                    number + 1
                ));
            }
            if set.file != "europeana_nl" || number_of(&line.id) >= FIRST_MARKED_DUTCH {
                texts.push(tokens(set, &line));
            }
        }
    }
    let mut seen = BTreeMap::new();
    for (file, set) in [("presidio_synth_v2.dev", "presidio"), ("pii_anon_eval.dev", "pii-anon")] {
        for (number, line) in lines(folder, file)?.lines().enumerate() {
            let line: SpanLine = parse(file, number, line)?;
            texts.extend(spans(set, &line, &mut seen));
        }
    }
    Ok(texts)
}

fn parse<'a, T: Deserialize<'a>>(file: &str, number: usize, line: &'a str) -> Outcome<T> {
    serde_json::from_str(line).map_err(|error| format!("{file}, line {}: {error}", number + 1))
}

/// A packed file's text.
pub(crate) fn lines(folder: &Path, name: &str) -> Outcome<String> {
    unpack(&folder.join(format!("{name}.jsonl.gz")))
}

/// The text of a gzip file.
pub(crate) fn unpack(path: &Path) -> Outcome<String> {
    if !path.is_file() {
        return Err(format!(
            "{}: no such file; the training data is not part of the repository (see docs/pii.md), \
             say where it lies with --data",
            path.display()
        ));
    }
    reply(command("gzip", &["--decompress", "--stdout"]).arg(path))
}

/// The number at the end of a line's id.
fn number_of(id: &str) -> u64 {
    id.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
}

fn tokens(set: &TokenSet, line: &TokenLine) -> Text {
    let stem = line.id.rsplit_once('-').map_or(line.id.as_str(), |(stem, _)| stem);
    let block = number_of(&line.id) / 20;
    let mut dice = Dice::new(&line.id);
    let spaced = dice.below(2) == 0;
    let mut text = String::new();
    let mut names: Vec<(Range<usize>, NameKind)> = Vec::new();
    let mut quoted = false;
    let mut open = false;
    // The Dutch set marks each word of a name as a name of its own, unless a comma parts them.
    let joins = set.set == "europeana-nl";
    let mut parted = true;
    let mut tokens = line.tokens.clone();
    let mut tags = line.tags.clone();
    if set.language == "pt" && !spaced {
        contract(&mut tokens, &mut tags);
    }
    for (index, (token, tag)) in tokens.iter().zip(&tags).enumerate() {
        if token.is_empty() {
            continue;
        }
        let before = index.checked_sub(1).map(|index| tokens[index].as_str());
        if !text.is_empty() && (spaced || apart(before, token, &mut quoted)) {
            text.push(' ');
        }
        let start = text.len();
        text.push_str(token);
        let (position, kind) = tag.split_at(tag.len().min(2));
        match kind_of_tag(kind) {
            Some(kind) => {
                match names.last_mut() {
                    Some((range, last))
                        if open && *last == kind && (position == "I-" || joins && !parted) =>
                    {
                        range.end = text.len();
                    }
                    _ => names.push((start..text.len(), kind)),
                }
                open = true;
                parted = token.ends_with([',', ';', ':']);
            }
            None => open = false,
        }
    }
    let mut text = Text {
        set: set.set,
        language: set.language.to_owned(),
        claimed: Vec::new(),
        text,
        key: None,
        names,
        fold: fold(&format!("{stem} {block}")),
    };
    text.names.retain_mut(|(range, kind)| {
        trim_marks(&text.text, range)
            && (*kind != NameKind::Person || trim_title(&text.text, range))
    });
    text.claimed = patterns::claims(&text.text);
    text
}

fn kind_of_tag(tag: &str) -> Option<NameKind> {
    match tag {
        "PERSON" | "BER" | "ER" => Some(NameKind::Person),
        "LOCATION" | "LOCER" | "OLOC" => Some(NameKind::Location),
        "ORGANIZATION" | "GROUP" => Some(NameKind::Organization),
        _ => None,
    }
}

/// Portuguese text as it is written: preposition and article become one word.
fn contract(tokens: &mut Vec<String>, tags: &mut Vec<String>) {
    const PAIRS: &[(&str, &str, &str)] = &[
        ("de", "a", "da"),
        ("de", "o", "do"),
        ("de", "as", "das"),
        ("de", "os", "dos"),
        ("em", "a", "na"),
        ("em", "o", "no"),
        ("em", "as", "nas"),
        ("em", "os", "nos"),
        ("por", "a", "pela"),
        ("por", "o", "pelo"),
        ("por", "as", "pelas"),
        ("por", "os", "pelos"),
        ("a", "a", "à"),
        ("a", "o", "ao"),
        ("a", "as", "às"),
        ("a", "os", "aos"),
        ("de", "este", "deste"),
        ("de", "esta", "desta"),
        ("em", "um", "num"),
        ("em", "uma", "numa"),
        ("de", "ele", "dele"),
        ("de", "ela", "dela"),
        ("em", "este", "neste"),
        ("em", "esta", "nesta"),
    ];
    let mut at = 0;
    while at + 1 < tokens.len() {
        let pair = PAIRS.iter().find(|(first, second, _)| {
            tokens[at].eq_ignore_ascii_case(first) && tokens[at + 1] == *second
        });
        if let Some((_, _, joined)) = pair
            && tags[at + 1] == tags[at].replace("B-", "I-")
        {
            let capital = tokens[at].starts_with(char::is_uppercase);
            tokens[at] = if capital { capitalised(joined) } else { (*joined).to_owned() };
            tokens.remove(at + 1);
            tags.remove(at + 1);
        }
        at += 1;
    }
}

/// A word with its first letter as a capital.
pub(crate) fn capitalised(word: &str) -> String {
    let mut rest = word.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

/// Whether a space stands between two tokens in ordinary spelling.
fn apart(before: Option<&str>, token: &str, quoted: &mut bool) -> bool {
    let Some(before) = before else { return false };
    if before == "\"" && *quoted {
        // The quote just opened.
        return false;
    }
    if token == "\"" {
        *quoted = !*quoted;
        return *quoted;
    }
    let closes = matches!(
        token,
        "," | "."
            | ";"
            | ":"
            | "!"
            | "?"
            | ")"
            | "]"
            | "}"
            | "%"
            | "..."
            | "…"
            | "”"
            | "“"
            | "!!"
            | "??"
            | "!!!"
    );
    let suffix = matches!(
        token.to_ascii_lowercase().as_str(),
        "'s" | "n't"
            | "'m"
            | "'re"
            | "'ve"
            | "'ll"
            | "'d"
            | "’s"
            | "n’t"
            | "’m"
            | "’re"
            | "’ve"
            | "’ll"
            | "’d"
    );
    let opens = matches!(before, "(" | "[" | "{" | "„" | "#" | "$" | "@" | "«" | "‘");
    let elided =
        before.len() > 1 && before.len() <= 6 && (before.ends_with('\'') || before.ends_with('’'));
    if token == "“" && !before.ends_with(char::is_alphanumeric) {
        return true;
    }
    !(closes || suffix || opens || elided)
}

/// Cuts marks off a name's ends, which some sets count to it; false when nothing is left.
fn trim_marks(text: &str, range: &mut Range<usize>) -> bool {
    let name = &text[range.clone()];
    let kept = name.trim_start_matches(|c: char| !c.is_alphanumeric()).len();
    range.start += name.len() - kept;
    let name = &text[range.clone()];
    range.end = range.start + name.trim_end_matches(|c: char| !c.is_alphanumeric()).len();
    range.start < range.end
}

/// Cuts a title off the front of a person's name; false when nothing is left.
fn trim_title(text: &str, range: &mut Range<usize>) -> bool {
    const TITLES: &[&str] = &[
        "mr",
        "mrs",
        "ms",
        "miss",
        "dr",
        "prof",
        "professor",
        "president",
        "pres",
        "sen",
        "senator",
        "gov",
        "governor",
        "sir",
        "rep",
        "capt",
        "captain",
        "gen",
        "general",
        "col",
        "colonel",
        "lt",
        "sgt",
        "rev",
        "minister",
        "chancellor",
        "coach",
        "pm",
        "ceo",
        "mayor",
        "judge",
        "justice",
        "detective",
        "officer",
        "congressman",
        "herr",
        "herrn",
        "frau",
        "fräulein",
        "monsieur",
        "madame",
        "mme",
        "mlle",
        "señor",
        "sr",
        "sra",
        "señora",
        "don",
        "doña",
        "heer",
        "mevrouw",
        "dhr",
        "mevr",
        "signor",
        "signora",
        "sig",
        "dott",
        "senhor",
        "senhora",
        "dom",
        "doutor",
        "presidente",
        "ministro",
        "lord",
        "lady",
        "m",
    ];
    loop {
        let name = &text[range.clone()];
        let Some((first, rest)) = name.split_once(' ') else {
            let alone = name.trim_end_matches('.').to_lowercase();
            return !(TITLES.contains(&alone.as_str()) && alone.len() > 1);
        };
        let (bare, stopped) = match first.strip_suffix('.') {
            Some(bare) => (bare, true),
            None => (first, rest.starts_with(". ")),
        };
        // `M.` is a title in French only with its stop; `Lady` and `Lord` are parts of names too.
        let bare = bare.to_lowercase();
        if !TITLES.contains(&bare.as_str())
            || matches!(bare.as_str(), "m" | "lady" | "lord" | "don" | "dom")
        {
            return true;
        }
        let mut from = first.len() + 1;
        if stopped && !first.ends_with('.') {
            from += 2;
        }
        range.start += from;
    }
}

fn spans(set: &'static str, line: &SpanLine, seen: &mut BTreeMap<u64, u32>) -> Option<Text> {
    let mut offsets: Vec<usize> = line.text.char_indices().map(|(at, _)| at).collect();
    offsets.push(line.text.len());
    let (mut names, mut claimed) = (Vec::new(), Vec::new());
    let mut marks: Vec<(Range<usize>, &str)> = Vec::new();
    for span in &line.spans {
        let (Some(start), Some(end)) = (offsets.get(span.start), offsets.get(span.end)) else {
            continue;
        };
        marks.push((*start..*end, span.kind.as_str()));
    }
    marks.sort_by_key(|(range, _)| range.start);
    marks.dedup_by(|b, a| b.0.start < a.0.end);
    let mut template = String::new();
    let mut at = 0;
    for (range, kind) in &marks {
        template.push_str(&line.text[at..range.start]);
        template.push_str(kind);
        at = range.end;
        match *kind {
            "PERSON" | "PERSON_NAME" => {
                let mut range = range.clone();
                if trim_title(&line.text, &mut range) {
                    names.push((range, NameKind::Person));
                }
            }
            "STREET_ADDRESS" => names.push((range.clone(), NameKind::Address)),
            "GPE" | "LOCATION_NAME" => names.push((range.clone(), NameKind::Location)),
            "ORGANIZATION" | "ORGANIZATION_NAME" => {
                names.push((range.clone(), NameKind::Organization));
            }
            "TITLE" | "AGE" | "NRP" | "JOB_TITLE" | "MEDICATION_NAME" | "HEALTH_CONDITION"
            | "PROCEDURE_NAME" | "RELIGIOUS_BELIEF" | "POLITICAL_OPINION" | "ETHNICITY"
            | "GENDER" | "MARITAL_STATUS" | "NATIONALITY" | "EDUCATION_LEVEL" | "VEHICLE_MODEL"
            | "DATE_TIME" | "HOUSEHOLD_SIZE" => {}
            _ => claimed.push(range.clone()),
        }
    }
    template.push_str(&line.text[at..]);
    let bare: String = template.chars().filter(|c| c.is_alphabetic()).collect();
    let group = line.template_id.map_or_else(|| bare, |id| format!("{set} {id}"));
    if set == "pii-anon" {
        // Few templates, many texts: some of each are enough.
        let count = seen.entry(hash(group.as_bytes())).or_default();
        *count += 1;
        if *count > 4 {
            return None;
        }
        complete(&line.text, &mut names);
    }
    if claimed.is_empty() {
        claimed = patterns::claims(&line.text);
    }
    claimed.retain(|claim| {
        !names.iter().any(|(name, _)| name.start < claim.end && claim.start < name.end)
    });
    Some(Text {
        set,
        language: line.lang.clone(),
        text: line.text.clone(),
        key: None,
        names,
        claimed,
        fold: fold(&group),
    })
}

/// Marks the later mentions of a person by one part of the name, which that set leaves out.
fn complete(text: &str, names: &mut Vec<(Range<usize>, NameKind)>) {
    let parts: Vec<String> = names
        .iter()
        .filter(|(_, kind)| *kind == NameKind::Person)
        .flat_map(|(range, _)| text[range.clone()].split_whitespace().map(str::to_owned))
        .filter(|part| {
            part.len() > 2 && part.starts_with(char::is_uppercase) && !part.ends_with('.')
        })
        .collect();
    let mut more = Vec::new();
    for part in parts {
        for (at, _) in text.match_indices(part.as_str()) {
            let range = at..at + part.len();
            let word = |c: char| c.is_alphanumeric() || c == '@' || c == '.' || c == '_';
            let free = !text[..at].ends_with(word)
                && !text[range.end..].starts_with(|c: char| c.is_alphanumeric() || c == '@');
            let taken = names
                .iter()
                .chain(&more)
                .any(|(name, _)| name.start < range.end && range.start < name.end);
            if free && !taken {
                more.push((range, NameKind::Person));
            }
        }
    }
    names.extend(more);
    names.sort_by_key(|(range, _)| range.start);
}
