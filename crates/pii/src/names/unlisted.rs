//! What is known of a word that the lexicon lacks: by its kind, by its parts, by its end.

use super::{
    fold::hash,
    lexicon::{Entry, Lexicon},
    shape::Shape,
};

/// The last parts of compounds that are looked up, bytes.
const SHORTEST_TAIL: usize = 4;
const LONGEST_TAIL: usize = 10;

/// What is known of a folded word with its hash.
pub(super) fn entry(lexicon: Lexicon, word: &[u8], hash: u64, shape: Shape) -> Entry {
    let rare = if shape.capital() { lexicon.rare(hash) } else { Entry::default() };
    if rare != Entry::default() {
        return rare;
    }
    match shape {
        Shape::TitleHyphen | Shape::UpperHyphen | Shape::LowerHyphen => hyphenated(lexicon, word),
        Shape::Title => {
            let genitive = genitive(lexicon, word);
            if genitive == Entry::default() { compound(lexicon, word) } else { genitive }
        }
        _ => Entry::default(),
    }
}

/// What the lists say of a hyphenated word: first name by its first part, surname by its last.
fn hyphenated(lexicon: Lexicon, word: &[u8]) -> Entry {
    let mut parts = word.split(|byte| *byte == b'-');
    let first = parts.next().map(|part| lexicon.find(hash(part))).unwrap_or_default();
    let last = parts.next_back().map(|part| lexicon.find(hash(part))).unwrap_or_default();
    Entry::pack(
        first.first(),
        last.last(),
        first.common().min(last.common()),
        first.place().min(last.place()),
        first.ordinary() && last.ordinary(),
        false,
        false,
        0,
        0,
        first.product() || last.product(),
    )
}

/// What the lists say of a word without the `s` at its end: German, Dutch and hasty English write
/// the genitive so.
fn genitive(lexicon: Lexicon, word: &[u8]) -> Entry {
    match word {
        [stem @ .., b's'] if stem.len() > 3 => lexicon.find(hash(stem)),
        _ => Entry::default(),
    }
}

/// What the lists say of the noun that a word ends in: German and Dutch put words together.
fn compound(lexicon: Lexicon, word: &[u8]) -> Entry {
    let longest = word.len().saturating_sub(LONGEST_TAIL).max(3);
    let shortest = (word.len() + 1).saturating_sub(SHORTEST_TAIL);
    let mut ends = (longest..shortest).map(|start| lexicon.get(hash(&word[start..])));
    ends.find(|entry| entry.noun()).map(Entry::of_compound).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::lexicon::{LINE, SLOTS, place};

    /// A lexicon of one word.
    fn lexicon(word: &str, entry: Entry) -> Lexicon {
        let (_, tag) = place(hash(word.as_bytes()), 1);
        let mut line = [0; LINE];
        line[..2].copy_from_slice(&tag.to_le_bytes());
        line[2 * SLOTS..2 * SLOTS + 5].copy_from_slice(&entry.0.to_le_bytes()[..5]);
        Lexicon::new(Box::leak(Box::new([line])), Box::leak(Box::new([[0; LINE]])), &[])
    }

    fn known(lexicon: Lexicon, word: &str, shape: Shape) -> Entry {
        entry(lexicon, word.as_bytes(), hash(word.as_bytes()), shape)
    }

    #[test]
    fn a_compound_is_known_by_its_last_noun() {
        let lexicon = lexicon("haus", Entry::default().with_noun(true).with_class(7, 6));
        for (word, compound) in
            [("gartenhaus", true), ("haus", false), ("hausgarten", false), ("middelhoff", false)]
        {
            let entry = known(lexicon, word, Shape::Title);
            assert_eq!(entry.compound(), compound, "{word}");
            assert_eq!(entry.class(), if compound { 7 } else { 0 }, "{word}");
            assert!(!entry.noun() && entry.first() == 0 && entry.last() == 0, "{word}");
        }
    }

    #[test]
    fn a_genitive_is_known_by_its_name() {
        let lexicon = lexicon("luther", Entry::pack(0, 4, 0, 0, false, false, false, 0, 0, false));
        let entry = known(lexicon, "luthers", Shape::Title);
        assert_eq!(entry.last(), 4);
        assert!(known(lexicon, "luthern", Shape::Title) == Entry::default());
    }
}
