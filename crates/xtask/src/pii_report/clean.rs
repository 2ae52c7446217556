//! Texts that hold nothing personal.

use std::{fmt::Write as _, fs, path::Path};

use portcullis_pii::{Detector, Finding, Scanner};

use super::marked::Marked;
use crate::{step::Outcome, train_pii::corpus::Text};

/// The length of a piece of a document, bytes.
const PIECE: usize = 1200;

/// Folders of this repository whose files are taken, and how those end. The engine's own files hold
/// examples of everything.
const FOLDERS: [(&str, &str); 3] = [("docs", ".md"), ("crates", ".rs"), ("acceptance", ".py")];

/// Sets of posts and of newspapers that a machine has read: their sentences hold many a name that
/// nobody marked.
const NOISY: [&str; 5] = ["wnut17", "btc", "europeana-fr", "europeana-nl", "europeana-de"];

/// Sets in which more than names is marked; their texts without any mark are with the prompts.
const MARKED: [&str; 2] = ["presidio", "pii-anon"];

/// Passages that were read and found to hold something personal, though nobody marked it: what holds
/// one of them is not clean.
const NOT_CLEAN: &str = include_str!("../../../pii/eval/not_clean.txt");

/// Texts of one kind that hold nothing.
pub(crate) struct Clean {
    pub(crate) kind: &'static str,
    pub(crate) texts: Vec<String>,
    /// How many were left out, because they do hold something.
    pub(crate) left_out: usize,
}

/// Marked texts without a mark, sentences without a name, and pieces of this repository.
pub(crate) fn texts(texts: &[Text], spans: &[Marked]) -> Outcome<Vec<Clean>> {
    let by_hand = |it: &&Text| it.set.starts_with("hand") && it.names.is_empty();
    let marked = spans.iter().filter(|it| it.spans.is_empty()).map(|it| it.text.clone());
    let prompts = marked.chain(texts.iter().filter(by_hand).map(|it| it.text.clone())).collect();
    let noisy = |it: &Text| NOISY.contains(&it.set);
    let mut clean = vec![
        Clean { kind: "prompts and records", left_out: 0, texts: prompts },
        Clean { kind: "documents and sources", left_out: 0, texts: pieces()? },
        Clean {
            kind: "sentences of web and news",
            left_out: 0,
            texts: sentences(texts, |it| !noisy(it)),
        },
        Clean { kind: "posts and old newspapers", left_out: 0, texts: sentences(texts, noisy) },
    ];
    for kind in &mut clean {
        let all = kind.texts.len();
        kind.texts.retain(|text| !not_clean(text));
        kind.left_out = all - kind.texts.len();
    }
    Ok(clean)
}

fn not_clean(text: &str) -> bool {
    let passages = NOT_CLEAN.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    passages.into_iter().any(|passage| text.contains(passage))
}

/// Sentences without a name, several in a row, as long as a short prompt.
fn sentences(texts: &[Text], of: impl Fn(&Text) -> bool) -> Vec<String> {
    let clean = |it: &&Text| it.names.is_empty() && it.claimed.is_empty();
    let sentence = |it: &&Text| !it.set.starts_with("hand") && !MARKED.contains(&it.set) && of(it);
    let all: Vec<&str> =
        texts.iter().filter(clean).filter(sentence).map(|it| it.text.as_str()).collect();
    all.chunks(4).map(|group| group.join(" ")).collect()
}

/// A piece of each document and source of this repository, from its middle.
fn pieces() -> Outcome<Vec<String>> {
    let mut clean = Vec::new();
    for (folder, ending) in FOLDERS {
        let mut files = Vec::new();
        collect(Path::new(folder), ending, &mut files)?;
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
            let start = text.floor_char_boundary(text.len() / 2);
            let end = text.floor_char_boundary((start + PIECE).min(text.len()));
            clean.push(text[start..end].to_owned());
        }
    }
    Ok(clean)
}

/// The texts in which something is found.
pub(crate) fn touched<'t>(detector: &Detector, clean: &'t Clean) -> Vec<(&'t str, Vec<Finding>)> {
    let mut scanner = Scanner::new();
    clean
        .texts
        .iter()
        .map(|text| (text.as_str(), scanner.scan(detector, text).to_vec()))
        .filter(|(_, found)| !found.is_empty())
        .collect()
}

/// What was found in a text, with a few words around each. These texts are public.
pub(crate) fn shown(text: &str, found: &[Finding]) -> String {
    let mut shown = String::new();
    for it in found {
        let from = text.floor_char_boundary(it.start.saturating_sub(40));
        let to = text.ceil_char_boundary((it.end + 20).min(text.len()));
        let (before, after) = (&text[from..it.start], &text[it.end..to]);
        let value = &text[it.start..it.end];
        let _ = writeln!(shown, "{:?} {:.2} {before:?} {value:?} {after:?}", it.entity, it.score);
    }
    shown
}

fn collect(folder: &Path, ending: &str, files: &mut Vec<String>) -> Outcome {
    let failed = |error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            let ours = ["crates/pii", "crates/xtask", "node_modules"];
            if !ours.iter().any(|it| name.contains(it)) {
                collect(&path, ending, files)?;
            }
        } else if name.ends_with(ending) && !name.contains("pii") {
            files.push(name);
        }
    }
    Ok(())
}
