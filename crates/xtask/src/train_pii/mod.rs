//! `cargo xtask train-pii`: trains the model of the name tagger, `crates/pii/data/names.bin`.
//!
//! 1. `corpus` reads the annotated sets, `generate` makes texts from our own templates (prompts,
//!    mails, forms, JSON, logs, code, in seven languages, with names and without), and `augment` puts
//!    other people's names into annotated sentences.
//! 2. Part 0 of five of all that is held back: see [`corpus::fold`]. Nothing is learned, listed or
//!    chosen from it; it is what reports measure on. So are the prompts of
//!    `crates/pii/fixtures/names/prompts.txt`, written by hand.
//! 3. `lexicon` makes tables of the lists of names, places and frequent words, and of how the texts
//!    write each word; `known` decides what a word is; `spelling` learns from them how names are
//!    spelled.
//! 4. `collect` sends each text through the tagger's own front half, with tables that have not seen
//!    the text (`unseen`), so that training sees what the tagger will see; `examples` numbers the
//!    features.
//! 5. `crf` learns a conditional random field; the features that find no place in the model are
//!    dropped and the rest learn again.
//! 6. Of each part of the data, a field that has learned from the other parts finds the persons, and
//!    `trees` learns where it is wrong. `pack` writes the file.
//!
//! The same data give the same file: fixed order, dice with fixed seeds. It takes three minutes of two
//! cores with an optimised build, and 2.5 GB of memory. The data are not part of the repository:
//! `licenses/name-model/README.md` lists them.

mod augment;
mod bank;
mod collect;
pub(crate) mod corpus;
mod crf;
mod dice;
mod examples;
mod generate;
mod known;
mod lexicon;
mod measure;
mod pack;
mod patterns;
pub(crate) mod prompts;
mod report;
mod spelling;
mod tables;
mod template;
mod threads;
mod trees;
mod unseen;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use corpus::Text;
use crf::Plan;
use dice::Dice;
use examples::Examples;
use lexicon::Lists;
use portcullis_pii::names::{NameKind, Tagger, model::Model, trees::Tree};
use unseen::Unseen;

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
    /// The part of the data, 0 to 4, that is measured on and never learned from; reports expect 0
    #[arg(long, value_name = "PART", default_value_t = 0)]
    fold: u64,
    /// Only measure this model, which must not have learned from the part measured on
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Show the errors in this set
    #[arg(long, value_name = "SET")]
    errors: Option<String>,
    /// Show the persons found in these texts, lines {"kind","text"}, which hold none
    #[arg(long, value_name = "FILE")]
    clean: Option<PathBuf>,
}

/// How a model is made.
struct Recipe {
    /// How many texts are made, in units of some 150.
    made: usize,
    /// How often each annotated text with names comes again with other names.
    copies: usize,
    /// How much an annotated text counts, and a made one without names; a made one with names
    /// counts 1.
    annotated: f32,
    /// Lines of the lexicon, 64 bytes and nine words each.
    lexicon: usize,
    /// Lines of the table of rare words, 64 bytes and 32 words each.
    rare: usize,
    /// Lines of the table of features, 64 bytes and ten features each.
    features: usize,
    plan: Plan,
    /// Trees for the second look.
    trees: usize,
}

/// The recipe of the model in the repository: 2.98 MB.
const RECIPE: Recipe = Recipe {
    made: 200,
    copies: 1,
    annotated: 4.0,
    lexicon: 9_500,
    rare: 12_500,
    features: 24_000,
    plan: Plan { epochs: 5, rate: 0.06, decay: 0.003, masked: 30, runs: [2, 6] },
    trees: 150,
};

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let mut texts = corpus::read(&arguments.data)?;
    let held = |text: &&Text| text.fold == arguments.fold;
    if let Some(path) = &arguments.model {
        let model = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let held: Vec<&Text> = texts.iter().filter(held).collect();
        return measure_model(model, &held, arguments);
    }
    let clock = Instant::now();
    let bank = bank::Bank::read(&arguments.data)?;
    let lists = Lists::read(&arguments.data)?;
    let generator = generate::Generator::new(&bank, &lists);
    texts.extend(generator.texts(RECIPE.made, &mut Dice::new("made texts")));
    let (held, learned): (Vec<&Text>, Vec<&Text>) = texts.iter().partition(held);
    println!("{} texts to learn from, {} held back", learned.len(), held.len());
    let model = train(&learned, &bank, &lists, &RECIPE);
    write(&arguments.out, &model)?;
    let seconds = clock.elapsed().as_secs();
    println!("{}: {} bytes, made in {seconds} s", arguments.out.display(), model.len());
    measure_model(model, &held, arguments)
}

/// The model that some texts and lists give.
fn train(texts: &[&Text], bank: &bank::Bank, lists: &Lists, recipe: &Recipe) -> Vec<u8> {
    let mut parts: Vec<u64> = texts.iter().map(|text| text.fold).collect();
    parts.sort_unstable();
    parts.dedup();
    let look = |part: &u64| {
        let (part, others): (Vec<&Text>, Vec<&Text>) =
            texts.iter().partition(|text| text.fold == *part);
        let field = field(&others, bank, lists, recipe, PART_RUNS, &[]);
        let model = Model::parse(field.leak()).expect("a model that was just written is whole");
        found(&mut Tagger::with(model), &part)
    };
    let all: Vec<trees::Found> = threads::each(&parts, look).into_iter().flatten().collect();
    println!("{} names to look at again", all.len());
    let trees = trees::learn(&all, recipe.trees);
    field(texts, bank, lists, recipe, recipe.plan.runs, &trees)
}

/// Runs of a field whose only use is to be wrong on the part that it has not seen.
const PART_RUNS: [usize; 2] = [1, 2];

/// The persons that a tagger finds in annotated texts, and whether they are marked.
fn found(tagger: &mut Tagger, texts: &[&Text]) -> Vec<trees::Found> {
    tagger.record();
    let mut all = Vec::new();
    for text in texts.iter().filter(|text| annotated(text) && text.set != "pii-anon") {
        measure::tag(tagger, text);
        for (name, row) in tagger.recorded() {
            let right = text.names.iter().any(|(at, kind)| {
                *kind == NameKind::Person && name.start < at.end && at.start < name.end
            });
            let score = name.score.clamp(1e-6, 1.0 - 1e-6);
            all.push(trees::Found { row, log_odds: (score / (1.0 - score)).ln(), right });
        }
    }
    all
}

/// The field that some texts and lists give, as a model with these trees.
fn field(
    texts: &[&Text],
    bank: &bank::Bank,
    lists: &Lists,
    recipe: &Recipe,
    runs: [usize; 2],
    trees: &[Tree],
) -> Vec<u8> {
    let mut unseen = Unseen::new(lists, texts, recipe);
    let mut dice = Dice::new("other names");
    let mut copies = Vec::new();
    for _ in 0..recipe.copies {
        for text in texts.iter().filter(|text| annotated(text) && text.set != "pii-anon") {
            copies.extend(augment::renamed(text, bank, &mut dice));
        }
    }
    let all = texts.iter().copied().chain(&copies);
    let made = |text: &Text| !annotated(text) && text.set != "made-clean";
    let weight = |text: &Text| if made(text) { 1.0 } else { recipe.annotated };
    let mut examples = Examples::new(&mut unseen, all, weight);
    println!(
        "{} sequences, {} candidates, {} of {} persons out of reach, {} features",
        examples.sequences.len(),
        examples.candidates,
        examples.missed,
        examples.persons,
        examples.keys.len()
    );
    let learn = |examples: &Examples, runs| {
        let Examples { sequences, keys, .. } = examples;
        crf::learn(sequences, keys.len(), &recipe.plan, runs, |epoch, loss| {
            println!("epoch {epoch}: loss {loss:.0}");
        })
    };
    let [first, second] = runs;
    let weights = learn(&examples, first);
    examples.keep_placed(&weights, recipe.features);
    let weights = learn(&examples, second);
    let tables = lists.clone().tables(texts, recipe);
    pack::pack(&tables, &examples, &weights, recipe.features, trees)
}

/// A recipe for tests.
#[cfg(test)]
const SMALL: Recipe = Recipe {
    made: 0,
    copies: 1,
    annotated: 1.0,
    lexicon: 64,
    rare: 64,
    features: 256,
    plan: Plan { epochs: 6, rate: 0.06, decay: 0.0, masked: 0, runs: [1, 2] },
    trees: 2,
};

/// Whether people marked the names, rather than a template.
fn annotated(text: &Text) -> bool {
    !text.set.starts_with("made")
}

fn write(path: &Path, model: &[u8]) -> Outcome {
    let failed = |error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, model).map_err(failed)
}

/// Reports what a model makes of the texts that were held back, and of the prompts.
fn measure_model(model: Vec<u8>, held: &[&Text], arguments: &Arguments) -> Outcome {
    let model = Model::parse(model.leak()).map_err(|error| error.to_string())?;
    let mut tagger = Tagger::with(model);
    let prompts = prompts::read();
    let held: Vec<&Text> = held.iter().copied().chain(&prompts).collect();
    report::sets(&mut tagger, &held);
    if let Some(path) = &arguments.clean {
        report::clean(&mut tagger, path)?;
    }
    if let Some(set) = &arguments.errors {
        report::errors(&mut tagger, &held, set);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use portcullis_pii::names::NameKind;

    use super::*;

    fn small(texts: &[&Text]) -> Vec<u8> {
        train(texts, &bank::Bank::embedded(), &Lists::embedded().unwrap(), &SMALL)
    }

    #[test]
    fn the_same_texts_give_the_same_model() {
        let prompts = prompts::read();
        let texts: Vec<&Text> = prompts.iter().collect();
        let (model, again) = (small(&texts), small(&texts));
        assert_eq!(model, again);
        let other = small(&texts[..texts.len() / 2]);
        assert_ne!(model, other, "other texts give another model");
    }

    #[test]
    fn what_was_learned_is_found() {
        let prompts = prompts::read();
        let texts: Vec<&Text> = prompts.iter().collect();
        let model = Model::parse(small(&texts).leak()).unwrap();
        let table = measure::measure(&mut Tagger::with(model), &texts, 0.5);
        let mut right = 0;
        let mut marked = 0;
        for counts in table.iter().filter(|(row, _)| row.1 == NameKind::Person).map(|it| it.1) {
            right += counts.right;
            marked += counts.true_names;
        }
        assert!(right * 10 > marked * 8, "{right} of {marked}");
    }

    #[test]
    fn texts_of_one_template_stay_together() {
        let texts: Vec<u64> = ["a", "b", "c", "d", "e", "f", "g"].map(corpus::fold).to_vec();
        assert!(texts.iter().all(|fold| *fold < corpus::FOLDS));
        assert_eq!(corpus::fold("presidio 7"), corpus::fold("presidio 7"));
        assert!(texts.iter().any(|fold| *fold != texts[0]));
    }
}
