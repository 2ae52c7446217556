//! More texts from annotated ones: the same sentences with other people's names in them, or in
//! another case. The tagger should know a name by its surroundings, not only from a list.

use portcullis_pii::names::NameKind;

use super::{bank::Bank, corpus::Text, dice::Dice, generate::blend, patterns};

/// The text with its persons' names replaced; nothing when it has none.
pub(crate) fn renamed(text: &Text, bank: &Bank, dice: &mut Dice) -> Option<Text> {
    if !text.names.iter().any(|(_, kind)| *kind == NameKind::Person) {
        return None;
    }
    let mut body = String::new();
    let mut names = Vec::new();
    let mut at = 0;
    for (range, kind) in &text.names {
        body.push_str(&text.text[at..range.start]);
        let start = body.len();
        let name = &text.text[range.clone()];
        if *kind == NameKind::Person && dice.percent(85) {
            body.push_str(&other(name, &text.language, bank, dice));
        } else {
            body.push_str(name);
        }
        names.push((start..body.len(), *kind));
        at = range.end;
    }
    body.push_str(&text.text[at..]);
    let claimed = patterns::claims(&body);
    Some(Text { text: body, names, claimed, ..text.clone() })
}

/// Another name of the same build.
fn other(name: &str, language: &str, bank: &Bank, dice: &mut Dice) -> String {
    let words: Vec<&str> = name.split(' ').collect();
    let last = words.len() - 1;
    let mut parts: Vec<String> = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let bare = word.trim_end_matches('.');
        let initial = bare.chars().count() == 1;
        let small = word.starts_with(char::is_lowercase) && words.len() > 1;
        if initial || small || !word.starts_with(char::is_alphabetic) {
            parts.push((*word).to_owned());
            continue;
        }
        let first = if last == 0 { dice.percent(50) } else { index < last };
        let draw = |dice: &mut Dice| {
            if first { bank.first(language, dice) } else { bank.last(language, dice) }
        };
        let new = draw(dice);
        // Some names are on no list.
        parts.push(if dice.percent(15) { blend(&new, &draw(dice)) } else { new });
    }
    let new = parts.join(" ");
    if name.chars().all(|c| !c.is_uppercase()) {
        new.to_lowercase()
    } else if name.len() > 3 && name.chars().all(|c| !c.is_lowercase()) {
        new.to_uppercase()
    } else {
        new
    }
}
