//! `cargo xtask train-pii`: trains the name tagger's model.

mod augment;
mod bank;
mod collect;
pub(crate) mod corpus;
mod crf;
mod dice;
mod generate;
mod lexicon;
mod measure;
mod patterns;
mod template;

use std::{collections::HashMap, fs, path::PathBuf};

use corpus::Text;
use crf::{Plan, Sequence, Step};
use lexicon::Lists;
use portcullis_pii::names::{
    NameKind, Tagger,
    front::Front,
    lexicon::{LINE, Lexicon, place},
    model::{FEATURE_SLOTS, KINDS, LANES, MAGIC, Model, Parameters},
};

use crate::step::Outcome;

/// Where the data lie and where the model goes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of annotated sets and lists
    #[arg(long, value_name = "DIR", default_value = "../shared/data/pii")]
    data: PathBuf,
    /// Where to write the model
    #[arg(long, value_name = "FILE", default_value = "crates/pii/data/names.bin")]
    out: PathBuf,
    /// The part of the data that is measured on and never learned from
    #[arg(long, default_value_t = 0)]
    fold: u64,
    /// Measure false alarms on these files' texts, in pieces of some 2 KB
    #[arg(long, value_name = "LIST")]
    clean: Option<PathBuf>,
    /// Only measure this model
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Print errors
    #[arg(long)]
    errors: Option<String>,
    #[arg(long, default_value_t = 8)]
    epochs: usize,
    #[arg(long, default_value_t = 0.06)]
    rate: f32,
    #[arg(long, default_value_t = 0.0)]
    decay: f32,
    #[arg(long, default_value_t = 1.0)]
    real: f32,
    #[arg(long, default_value_t = 1.0)]
    clean_weight: f32,
    #[arg(long, default_value_t = 200)]
    made: usize,
    #[arg(long)]
    show: Option<String>,
    #[arg(long, default_value_t = 1)]
    copies: usize,
    #[arg(long, default_value_t = 0)]
    dropout: usize,
    #[arg(long, default_value_t = 20000)]
    lexicon: usize,
    #[arg(long, default_value_t = 18000)]
    lines: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if let Some(model) = &arguments.model {
        let bytes = fs::read(model).map_err(|error| format!("{}: {error}", model.display()))?;
        let mut texts = corpus::read(&arguments.data)?;
        texts.extend(fixture());
        let held: Vec<&Text> =
            texts.iter().filter(|it| it.fold == arguments.fold || it.fold > 9).collect();
        return show(arguments, bytes, &held);
    }
    let clock = std::time::Instant::now();
    let mut texts = corpus::read(&arguments.data)?;
    let bank = bank::Bank::read(&arguments.data)?;
    let mut lists = Lists::read(&arguments.data)?;
    let generator = generate::Generator::new(&bank, &lists);
    let made = generator.texts(arguments.made, &mut dice::Dice::new("made texts"));
    if let Some(set) = &arguments.show {
        for text in made.iter().filter(|text| text.set == set.as_str()).step_by(37).take(60) {
            let mut shown = String::new();
            let mut at = 0;
            for (range, kind) in &text.names {
                shown.push_str(&text.text[at..range.start]);
                shown.push_str(&format!(
                    "[{} {}]",
                    &format!("{kind:?}")[..1],
                    &text.text[range.clone()]
                ));
                at = range.end;
            }
            println!("{:?} {}{}", text.key, shown, &text.text[at..]);
        }
        return Ok(());
    }
    texts.extend(made);
    texts.extend(fixture());
    let (held, train): (Vec<&Text>, Vec<&Text>) =
        texts.iter().partition(|text| text.fold == arguments.fold || text.fold > 9);
    println!(
        "{} texts to learn from, {} held back; {:?}",
        train.len(),
        held.len(),
        clock.elapsed()
    );
    lists.observe(&train);
    lists.settle();
    let (lexicon_lines, lost) = lists.table(arguments.lexicon);
    println!(
        "lexicon: {} KiB, {lost} words without place; {:?}",
        lexicon_lines.len() * LINE / 1024,
        clock.elapsed()
    );
    let lexicon_static: &'static [[u8; LINE]] = Box::leak(lexicon_lines.clone().into_boxed_slice());
    let mut front = Front::new(Lexicon::new(lexicon_static));
    let mut numbers: HashMap<u64, u32> = HashMap::new();
    let mut counts: Vec<u32> = Vec::new();
    let mut keys_of: Vec<u64> = Vec::new();
    let mut sequences = Vec::new();
    let (mut missed, mut persons, mut candidates) = (0, 0, 0);
    let mut dice = dice::Dice::new("other names");
    let mut more = Vec::new();
    for _ in 0..arguments.copies {
        for text in &train {
            if !matches!(text.set, "pii-anon") && !text.set.starts_with("made") {
                more.extend(augment::renamed(text, &bank, &mut dice));
            }
        }
    }
    println!("{} texts with other names", more.len());
    for text in train.iter().copied().chain(&more) {
        let runs = collect::collect(&mut front, text);
        missed += runs.missed;
        persons += runs.persons;
        candidates += runs.candidates;
        for run in runs.runs {
            let steps = run
                .into_iter()
                .map(|(keys, label)| Step {
                    features: keys
                        .iter()
                        .filter(|key| **key != 0)
                        .map(|key| {
                            let number = *numbers.entry(*key).or_insert_with(|| {
                                counts.push(0);
                                keys_of.push(*key);
                                counts.len() as u32 - 1
                            });
                            counts[number as usize] += 1;
                            number
                        })
                        .collect(),
                    label,
                })
                .collect();
            let weight = match text.set {
                "made-clean" => arguments.clean_weight,
                set if set.starts_with("made") => 1.0,
                _ => arguments.real,
            };
            sequences.push(Sequence { steps, weight });
        }
    }
    // Rare features are noise.
    let keep: Vec<Option<u32>> = {
        let mut next = 0;
        counts
            .iter()
            .map(|count| {
                (*count >= 2).then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect()
    };
    let kept_keys: Vec<u64> =
        keys_of.iter().zip(&keep).filter(|(_, k)| k.is_some()).map(|(key, _)| *key).collect();
    let kept_counts: Vec<u32> =
        counts.iter().zip(&keep).filter(|(_, k)| k.is_some()).map(|(c, _)| *c).collect();
    for sequence in &mut sequences {
        for step in &mut sequence.steps {
            step.features = step.features.iter().filter_map(|f| keep[*f as usize]).collect();
        }
    }
    println!(
        "{} sequences, {candidates} candidates, {missed} of {persons} persons out of reach, {} features of {}; {:?}",
        sequences.len(),
        kept_keys.len(),
        counts.len(),
        clock.elapsed()
    );
    let plan = Plan {
        epochs: arguments.epochs,
        rate: arguments.rate,
        decay: arguments.decay,
        dropout: arguments.dropout,
    };
    let mut weights = crf::learn(&sequences, kept_keys.len(), &plan, |epoch, loss, _| {
        println!("epoch {epoch}: loss {loss:.0}; {:?}", clock.elapsed());
    });
    {
        // Only the features that find a place stay, and learn again.
        let mut order: Vec<(f32, usize)> = weights
            .features
            .iter()
            .enumerate()
            .map(|(index, row)| {
                let largest = row.iter().map(|w| w.abs()).fold(0.0, f32::max);
                (largest * (kept_counts[index] as f32).powf(0.35), index)
            })
            .collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut used = vec![0; arguments.lines];
        let mut stays = vec![false; kept_keys.len()];
        for (_, index) in order {
            let (line, _) = place(kept_keys[index], arguments.lines);
            if used[line] < FEATURE_SLOTS {
                used[line] += 1;
                stays[index] = true;
            }
        }
        for sequence in &mut sequences {
            for step in &mut sequence.steps {
                step.features.retain(|f| stays[*f as usize]);
            }
        }
        weights = crf::learn(&sequences, kept_keys.len(), &plan, |epoch, loss, _| {
            println!("refit {epoch}: loss {loss:.0}; {:?}", clock.elapsed());
        });
    }
    let mut weights = weights;
    let kept = 1.0 - arguments.dropout as f32 / 100.0;
    weights.features.as_flattened_mut().iter_mut().for_each(|weight| *weight *= kept);
    let bytes = pack(&lexicon_lines, &kept_keys, &kept_counts, &weights, arguments.lines);
    fs::create_dir_all(arguments.out.parent().unwrap_or(&arguments.out))
        .map_err(|e| e.to_string())?;
    fs::write(&arguments.out, &bytes)
        .map_err(|error| format!("{}: {error}", arguments.out.display()))?;
    println!("{}: {} bytes; {:?}", arguments.out.display(), bytes.len(), clock.elapsed());
    show(arguments, bytes, &held)
}

/// What a model makes of the texts that were held back.
fn show(arguments: &Arguments, model: Vec<u8>, held: &[&Text]) -> Outcome {
    let model = Model::parse(Box::leak(model.into_boxed_slice())).map_err(|e| e.to_string())?;
    let mut tagger = Tagger::with(model);
    report(&mut tagger, held, 0.5);
    if let Some(path) = &arguments.clean {
        clean(&mut tagger, path)?;
    }
    if let Some(set) = &arguments.errors {
        show_errors(&mut tagger, held, set);
    }
    Ok(())
}

fn pack(
    lexicon: &[[u8; LINE]],
    keys: &[u64],
    counts: &[u32],
    weights: &crf::Weights,
    lines: usize,
) -> Vec<u8> {
    let mut order: Vec<(f32, usize)> = weights
        .features
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let largest = row.iter().map(|w| w.abs()).fold(0.0, f32::max);
            (largest * (counts[index] as f32).powf(0.35), index)
        })
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let scale = 1.0 / 24.0_f32;
    let mut table = vec![[0_u8; LINE]; lines];
    let mut used = vec![0; lines];
    let (mut stored, mut lost, mut cut) = (0, 0, 0);
    for (importance, index) in order {
        let row = weights.features[index].map(|weight| {
            let units = (weight / scale).round();
            if units.abs() > 127.0 {
                cut += 1;
            }
            units.clamp(-127.0, 127.0) as i8
        });
        if row == [0; LANES] || importance == 0.0 {
            continue;
        }
        let (line, tag) = place(keys[index], lines);
        let slot: usize = used[line];
        if slot == FEATURE_SLOTS {
            lost += 1;
            continue;
        }
        used[line] += 1;
        stored += 1;
        table[line][2 * slot..2 * slot + 2].copy_from_slice(&tag.to_le_bytes());
        let at = 2 * FEATURE_SLOTS + LANES * slot;
        for (lane, weight) in row.iter().enumerate() {
            table[line][at + lane] = *weight as u8;
        }
    }
    println!("features: {stored} stored, {lost} without place, {cut} weights cut");
    let parameters =
        Parameters { transitions: weights.transitions, scale, calibration: [[1.0, 0.0]; KINDS] };
    let mut bytes = vec![0; LINE];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&(lexicon.len() as u32).to_le_bytes());
    bytes[12..16].copy_from_slice(&(lines as u32).to_le_bytes());
    bytes.extend(parameters.write());
    bytes.extend(lexicon.as_flattened());
    bytes.extend(table.as_flattened());
    bytes
}

fn report(tagger: &mut Tagger, held: &[&Text], threshold: f32) {
    let table = measure::measure(tagger, held, threshold);
    println!("threshold {threshold}");
    for ((set, kind), counts) in &table {
        if counts.true_names + counts.found == 0 {
            continue;
        }
        println!(
            "  {set:14} {:12} P {:.3} R {:.3} F1 {:.3} overlap {:.3} ({} true, touched {})",
            format!("{kind:?}"),
            counts.precision(),
            counts.recall(),
            counts.f1(),
            counts.overlap_f1(),
            counts.true_names,
            counts.touched
        );
    }
}

fn show_errors(tagger: &mut Tagger, held: &[&Text], set: &str) {
    for text in held.iter().filter(|text| text.set == set) {
        let found = measure::tag(tagger, text);
        let persons: Vec<_> =
            found.iter().filter(|span| span.kind == NameKind::Person && span.score > 0.5).collect();
        let truth: Vec<_> = text.names.iter().filter(|(_, k)| *k == NameKind::Person).collect();
        let wrong: Vec<_> = persons
            .iter()
            .filter(|f| !truth.iter().any(|(t, _)| t.start == f.start && t.end == f.end))
            .map(|f| format!("+[{} {:.2}]", &text.text[f.start..f.end], f.score))
            .collect();
        let lacking: Vec<_> = truth
            .iter()
            .filter(|(t, _)| !persons.iter().any(|f| t.start == f.start && t.end == f.end))
            .map(|(t, _)| format!("-[{}]", &text.text[t.clone()]))
            .collect();
        if !wrong.is_empty() || !lacking.is_empty() {
            println!(
                "{} {} :: {}",
                lacking.join(" "),
                wrong.join(" "),
                text.text.replace('\n', "⏎")
            );
        }
    }
}

/// The prompts written by hand; never learned from.
fn fixture() -> Vec<Text> {
    include_str!("../../../pii/fixtures/names/prompts.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .map(|(language, marked)| {
            let marked = marked.replace("\\n", "\n");
            let (mut text, mut names) = (String::new(), Vec::new());
            let mut rest = marked.as_str();
            while let Some(at) = rest.find("{P:") {
                text.push_str(&rest[..at]);
                rest = &rest[at + 3..];
                let end = rest.find('}').expect("a closed mark");
                let start = text.len();
                text.push_str(&rest[..end]);
                names.push((start..text.len(), NameKind::Person));
                rest = &rest[end + 1..];
            }
            text.push_str(rest);
            let set = match (language, names.is_empty()) {
                (_, true) => "hand-clean",
                ("en", _) => "hand-en",
                ("de", _) => "hand-de",
                ("fr", _) => "hand-fr",
                ("es", _) => "hand-es",
                ("nl", _) => "hand-nl",
                _ => "hand-pt-it",
            };
            let claimed = patterns::claims(&text);
            Text { set, language: language.to_owned(), text, key: None, names, claimed, fold: 10 }
        })
        .collect()
}

/// Names of persons found in texts that hold none, by kind of text.
fn clean(tagger: &mut Tagger, path: &std::path::Path) -> Outcome {
    #[derive(serde::Deserialize)]
    struct Line {
        kind: String,
        text: String,
    }
    let body = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut kinds: std::collections::BTreeMap<String, (usize, usize)> =
        std::collections::BTreeMap::new();
    for (number, line) in body.lines().enumerate() {
        let line: Line = serde_json::from_str(line)
            .map_err(|error| format!("{}, line {}: {error}", path.display(), number + 1))?;
        let text = Text {
            set: "clean",
            language: "en".to_owned(),
            claimed: patterns::claims(&line.text),
            text: line.text,
            key: None,
            names: Vec::new(),
            fold: 0,
        };
        let found = measure::tag(tagger, &text);
        let found: Vec<_> =
            found.iter().filter(|it| it.kind == NameKind::Person && it.score >= 0.5).collect();
        for span in &found {
            let from = text.text.floor_char_boundary(span.start.saturating_sub(40));
            let to = text.text.ceil_char_boundary((span.end + 30).min(text.text.len()));
            println!(
                "CLEAN {} [{} {:.2}] {:?}",
                line.kind,
                &text.text[span.start..span.end],
                span.score,
                &text.text[from..to]
            );
        }
        let counts = kinds.entry(line.kind).or_default();
        counts.0 += usize::from(!found.is_empty());
        counts.1 += 1;
    }
    for (kind, (touched, all)) in &kinds {
        println!("clean {kind}: {touched} of {all} touched");
    }
    Ok(())
}
