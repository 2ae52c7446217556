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

/// Marked texts without a mark, sentences without a name, and pieces of this repository.
pub(crate) fn texts(texts: &[Text], spans: &[Marked]) -> Outcome<Vec<String>> {
    let mut clean: Vec<String> =
        spans.iter().filter(|it| it.spans.is_empty()).map(|it| it.text.clone()).collect();
    // Several sentences in a row, as long as a short prompt.
    let mut sentences =
        texts.iter().filter(|it| it.names.is_empty() && it.claimed.is_empty()).peekable();
    while sentences.peek().is_some() {
        let group: Vec<&str> = sentences.by_ref().take(4).map(|it| it.text.as_str()).collect();
        clean.push(group.join(" "));
    }
    for (folder, ending) in FOLDERS {
        let mut files = Vec::new();
        collect(Path::new(folder), ending, &mut files)?;
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
            // One piece of each file, from its middle.
            let start = text.floor_char_boundary(text.len() / 2);
            let end = text.floor_char_boundary((start + PIECE).min(text.len()));
            clean.push(text[start..end].to_owned());
        }
    }
    Ok(clean)
}

/// The texts in which something is found.
pub(crate) fn touched<'t>(
    detector: &Detector,
    clean: &'t [String],
) -> Vec<(&'t str, Vec<Finding>)> {
    let mut scanner = Scanner::new();
    clean
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
