//! Prompts written by hand, for measuring only.

use portcullis_pii::names::NameKind;

use super::{corpus::Text, patterns};

/// The prompts written by hand; never learned from.
pub(crate) fn read() -> Vec<Text> {
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
