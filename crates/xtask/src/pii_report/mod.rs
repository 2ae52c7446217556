//! `cargo xtask pii-report`: how good the detection of personal data is, on data that nothing was
//! trained on.
//!
//! - Names: part 0 of the five that `train-pii` cuts the annotated sets into; the model never learns
//!   from it. Sentences of 20 in a row, and texts of one template, are never torn apart. And prompts
//!   that were written by hand in seven languages, `crates/pii/fixtures/names/prompts.txt`.
//! - Numbers and secrets: `crates/pii/eval/structured.jsonl`, made by `crates/pii/oracle` with
//!   libraries that share nothing with the engine, and the marked spans of part 0.
//! - Hidden values: `crates/pii/eval/obfuscated.jsonl`.
//! - Clean texts: marked texts of part 0 that hold nothing, and documents and sources of this
//!   repository.

mod calibration;
mod clean;
mod marked;
mod off;
mod speed;

use std::{fmt::Write as _, fs, path::PathBuf};

use portcullis_pii::{
    Detector, Entity, Scanner,
    eval::{Counts, Scores, Span},
    names::NameKind,
};

use self::speed::Speed;
use crate::{
    step::Outcome,
    train_pii::{
        corpus::{self, Text},
        prompts,
    },
};

/// Where the data lie and where the table goes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of annotated sets
    #[arg(long, value_name = "DIR", default_value = "../shared/data/pii")]
    data: PathBuf,
    /// Write the tables into docs/pii.md and docs/performance.md, between their marks
    #[arg(long)]
    write: bool,
    /// A threshold to measure with in the place of the default, as TYPE=SCORE
    #[arg(long, value_name = "TYPE=SCORE")]
    threshold: Vec<String>,
    /// Print the clean texts that are touched, and where
    #[arg(long)]
    touched: bool,
    /// Leave speed and memory out
    #[arg(long)]
    no_speed: bool,
}

/// The part of the annotated sets that is measured on.
const PART: u64 = 0;

/// Types that are names: everything else has a form, a check or a label.
const NAMES: [&str; 4] = ["PERSON", "LOCATION", "ORGANIZATION", "NRP"];

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let detector = detector(&arguments.threshold)?;
    let mut report = String::new();
    let spans = marked::spans(&arguments.data)?;
    let structured = marked::file("crates/pii/eval/structured.jsonl")?;
    let hidden = marked::file("crates/pii/eval/obfuscated.jsonl")?;
    let mut texts: Vec<Text> =
        corpus::read(&arguments.data)?.into_iter().filter(|text| text.fold == PART).collect();
    texts.extend(prompts::read());
    let made = score(&detector, structured.iter());
    let annotated = score(&detector, spans.iter());
    let obfuscated = score(&detector, hidden.iter());
    summary(&mut report, &detector, &made, &annotated, &obfuscated, &texts, &spans)?;
    let speed = if arguments.no_speed { None } else { Some(Speed::measure()?) };
    if let Some(speed) = &speed {
        for (what, figure, bar) in speed.rows()? {
            let _ = writeln!(report, "| {what} | {figure} | {bar} |");
        }
    }
    names(&mut report, &detector, &texts);
    let all: Vec<&marked::Marked> = structured.iter().chain(&spans).collect();
    calibration::table(&mut report, &detector, &all);
    per_type(&mut report, "Numbers and secrets that were made, and near misses", &made, false);
    per_type(&mut report, "Annotated sets, part 0", &annotated, true);
    off::table(&mut report, &texts, &spans)?;
    if arguments.touched {
        let clean = clean::texts(&texts, &spans)?;
        for clean in &clean {
            for (text, found) in clean::touched(&detector, clean) {
                println!("{}\n{}", clean.kind, clean::shown(text, &found));
            }
        }
    }
    println!("{report}");
    if let Some(speed) = &speed {
        println!("{}", speed.table);
    }
    if arguments.write {
        write("docs/pii.md", "report", &report)?;
        if let Some(speed) = &speed {
            write("docs/performance.md", "personal data", &speed.table)?;
        }
    }
    Ok(())
}

fn detector(thresholds: &[String]) -> Outcome<Detector> {
    let mut builder = Detector::builder();
    for given in thresholds {
        let wrong = || format!("--threshold {given}: not a type and a number from 0 to 1");
        let (id, score) = given.split_once('=').ok_or_else(wrong)?;
        let entity = Entity::parse(id).ok_or_else(wrong)?;
        let score = score.parse().map_err(|_| wrong())?;
        builder = builder.threshold(entity, score).map_err(|_| wrong())?;
    }
    builder.build().map_err(|error| error.to_string())
}

/// What the detector makes of marked texts, where values that pass a check do not count as wrong where
/// nobody marked anything: such a value is one, whatever the set says of it.
fn score_of_unmarked(detector: &Detector, texts: &[marked::Marked]) -> Scores {
    let mut scanner = Scanner::new();
    let mut scores = Scores::default();
    for text in texts {
        let marked = |start, end| text.spans.iter().any(|it| it.start < end && start < it.end);
        let findings = scanner.scan(detector, &text.text).iter();
        let found: Vec<Span> = findings
            .filter(|it| !it.evidence.checked || marked(it.start, it.end))
            .map(|it| Span { start: it.start, end: it.end, entity: it.entity.id().to_owned() })
            .collect();
        scores.add(&text.spans, &found);
    }
    scores
}

/// What the detector makes of marked texts.
fn score<'t>(detector: &Detector, texts: impl Iterator<Item = &'t marked::Marked>) -> Scores {
    let mut scanner = Scanner::new();
    let mut scores = Scores::default();
    for text in texts {
        let found = found(&mut scanner, detector, &text.text);
        scores.add(&text.spans, &found);
    }
    scores
}

fn found(scanner: &mut Scanner, detector: &Detector, text: &str) -> Vec<Span> {
    let findings = scanner.scan(detector, text).iter();
    findings
        .map(|it| Span { start: it.start, end: it.end, entity: it.entity.id().to_owned() })
        .collect()
}

fn is_name(id: &str) -> bool {
    NAMES.contains(&id) || id == "DATE"
}

fn summary(
    report: &mut String,
    detector: &Detector,
    made: &Scores,
    annotated: &Scores,
    obfuscated: &Scores,
    texts: &[Text],
    spans: &[marked::Marked],
) -> Outcome {
    let mut row = |what: &str, figure: String, bar: &str| {
        let _ = writeln!(report, "| {what} | {figure} | {bar} |");
    };
    row("What", "Figure".to_owned(), "Bar");
    row("---", "---:".to_owned(), "---:");
    // Also what is found of types that are marked nowhere there. Persons stand in its templates.
    let form = made.total(|id| !is_name(id));
    row("numbers and secrets, precision", three(form.precision()), "≥ .97");
    row("numbers and secrets, recall", three(form.recall()), "≥ .97");
    let counted = |id: &str| {
        !is_name(id) && annotated.entity(id).gold > 0 && !marked::UNCHECKED.contains(&id)
    };
    if let Some((id, f)) = weakest(made, |id| made.entity(id).gold > 0) {
        row(&format!("the weakest of their types ({id}), F2"), three(f), "≥ .85");
    }
    let sets = annotated.total(counted);
    row("the same in annotated sets, recall", three(sets.recall()), "≥ .97");
    row(
        "the same in annotated sets, precision (values that nobody marked count as wrong)",
        three(sets.precision()),
        "≥ .97",
    );
    let unmarked = score_of_unmarked(detector, spans).total(counted);
    row(
        "the same, but for unmarked values that pass a check",
        three(unmarked.precision()),
        "≥ .97",
    );
    let often = |id: &str| counted(id) && annotated.entity(id).gold >= 10;
    if let Some((id, f)) = weakest(annotated, often) {
        let what = format!("the weakest of their types that are marked ten times ({id}), F2");
        row(&what, three(f), "≥ .85");
    }
    let all = annotated.total(|id| {
        (id == "PERSON" || !is_name(id))
            && annotated.entity(id).gold > 0
            && !marked::UNCHECKED.contains(&id)
    });
    row("all types together, annotated sets, F2", three(all.f(2.0)), "≥ .93");
    for (what, sets, bar) in PERSONS {
        let counts = persons(detector, texts.iter().filter(|text| sets.contains(&text.set)));
        row(&format!("PERSON, {what}, F1"), three(counts.f(1.0)), bar);
    }
    for clean in clean::texts(texts, spans)? {
        let touched = clean::touched(detector, &clean).len();
        let share = touched as f64 / clean.texts.len() as f64;
        row(
            &format!("touched, of {} with nothing in them", clean.kind),
            format!("{touched} of {} ({share:.4}; {} left out)", clean.texts.len(), clean.left_out),
            "≤ .005",
        );
    }
    for id in ["EMAIL", "PHONE", "US_SSN"] {
        row(&format!("hidden {id}, recall"), three(obfuscated.entity(id).recall()), "≥ .98");
    }
    Ok(())
}

/// Of the types that satisfy `wanted`, the one of the least F2.
fn weakest(scores: &Scores, wanted: impl Fn(&str) -> bool) -> Option<(&str, f64)> {
    scores
        .entities()
        .filter(|(id, _)| wanted(id))
        .map(|(id, counts)| (id, counts.f(2.0)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
}

/// What is measured of persons: a name, the sets, and the bar.
const PERSONS: [(&str, &[&str], &str); 13] = [
    ("English prompts of templates", &["presidio", "pii-anon"], "≥ .92"),
    ("English prompts written by hand", &["hand-en"], "≥ .92"),
    ("German prompts", &["hand-de"], "≥ .85"),
    ("French prompts", &["hand-fr"], "≥ .85"),
    ("Spanish prompts", &["hand-es"], "≥ .85"),
    ("Dutch prompts", &["hand-nl"], "≥ .85"),
    ("Portuguese and Italian prompts", &["hand-pt-it"], "–"),
    ("German news", &["germeval"], "≥ .85"),
    ("French newspapers of 1900, as machines read them", &["europeana-fr"], "≥ .85"),
    ("Dutch newspapers of 1900, as machines read them", &["europeana-nl"], "≥ .85"),
    ("Portuguese news", &["bosque"], "–"),
    ("noisy social text", &["wnut17"], "≥ .55"),
    ("web text", &["ewt"], "≥ .82"),
];

fn persons<'t>(detector: &Detector, texts: impl Iterator<Item = &'t Text>) -> Counts {
    named(detector, texts, "PERSON", NameKind::Person)
}

/// What the detector makes of names of one kind.
fn named<'t>(
    detector: &Detector,
    texts: impl Iterator<Item = &'t Text>,
    id: &str,
    kind: NameKind,
) -> Counts {
    let mut scanner = Scanner::new();
    let mut scores = Scores::default();
    for text in texts {
        let names = text.names.iter().filter(|it| it.1 == kind);
        let gold: Vec<Span> = names
            .map(|(range, _)| Span { start: range.start, end: range.end, entity: id.to_owned() })
            .collect();
        let mut found = found(&mut scanner, detector, &text.text);
        found.retain(|it| it.entity == id);
        scores.add(&gold, &found);
    }
    scores.entity(id)
}

fn names(report: &mut String, detector: &Detector, texts: &[Text]) {
    let _ = writeln!(
        report,
        "\n### Persons, by set\n\n| Set | Marked | Precision | Recall | F1 | F1, exact spans |\n| --- | ---: | ---: | ---: | ---: | ---: |"
    );
    let mut sets: Vec<&str> = texts.iter().map(|text| text.set).collect();
    sets.sort_unstable();
    sets.dedup();
    for set in sets {
        let counts = persons(detector, texts.iter().filter(|text| text.set == set));
        let (p, r) = (three(counts.precision()), three(counts.recall()));
        let _ = writeln!(
            report,
            "| {set} | {} | {p} | {r} | {} | {} |",
            counts.gold,
            three(counts.f(1.0)),
            three(counts.exact_f(1.0))
        );
    }
}

fn per_type(report: &mut String, title: &str, scores: &Scores, only_marked: bool) {
    let _ = writeln!(
        report,
        "\n### {title}\n\n| Type | Marked | Found | Precision | Recall | F1 | F2 |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    );
    for (id, counts) in scores.entities().filter(|(_, counts)| counts.gold > 0 || !only_marked) {
        let figures =
            [counts.precision(), counts.recall(), counts.f(1.0), counts.f(2.0)].map(three);
        let _ = writeln!(
            report,
            "| {id} | {} | {} | {} |",
            counts.gold,
            counts.found,
            figures.join(" | ")
        );
    }
}

/// Puts a text between its marks in a document.
fn write(file: &str, name: &str, text: &str) -> Outcome {
    let marks = [format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->")];
    let old = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let cut = old
        .split_once(&marks[0])
        .and_then(|(head, rest)| Some((head, rest.split_once(&marks[1])?.1)));
    let (head, tail) = cut.ok_or_else(|| format!("{file}: has no marks for the {name}"))?;
    let new = format!("{head}{}\n{}\n{}{tail}", marks[0], text.trim(), marks[1]);
    fs::write(file, new).map_err(|error| format!("{file}: {error}"))
}

fn three(figure: f64) -> String {
    format!("{figure:.3}")
}
