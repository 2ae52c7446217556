//! Texts as a tagger sees them that has not learned from them.
//!
//! The lists count how the texts write each word. A text that was counted would find its own words
//! better known than those of a new text are, so each is read with lists that counted the other parts
//! of the data only.

use std::collections::BTreeMap;

use portcullis_pii::names::{front::Front, lexicon::Lexicon};

use super::{Recipe, collect, corpus::Text, lexicon::Lists};

/// Front halves of the tagger, one for each part of the data.
pub(crate) struct Unseen {
    fronts: BTreeMap<u64, Front>,
}

impl Unseen {
    /// From lists that have counted nothing yet, and the texts.
    pub(crate) fn new(lists: &Lists, texts: &[&Text], recipe: &Recipe) -> Self {
        let mut fronts = BTreeMap::new();
        for text in texts {
            fronts.entry(text.fold).or_insert_with(|| {
                let others: Vec<&Text> =
                    texts.iter().copied().filter(|other| other.fold != text.fold).collect();
                let tables = lists.clone().tables(&others, recipe);
                Front::new(Lexicon::new(
                    tables.words.leak(),
                    tables.rare.leak(),
                    tables.spelling.leak(),
                ))
            });
        }
        Self { fronts }
    }

    /// The sequences of a text of one of the parts.
    pub(crate) fn collect(&mut self, text: &Text) -> collect::Runs {
        self.fronts
            .get_mut(&text.fold)
            .map_or_else(Default::default, |front| collect::collect(front, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train_pii::{SMALL, prompts};

    #[test]
    fn a_text_is_read_with_what_the_others_say() {
        let text = |text: &str, fold| Text {
            text: text.to_owned(),
            names: Vec::new(),
            claimed: Vec::new(),
            fold,
            ..prompts::read().remove(0)
        };
        // Only the first says, and not of itself, that this word is an ordinary one.
        let (first, second) =
            (text("Schnurps. Ein schnurps, noch ein schnurps.", 1), text("Schnurps.", 2));
        let texts = [&first, &second];
        let mut unseen = Unseen::new(&Lists::default(), &texts, &SMALL);
        let key = |runs: &collect::Runs| runs.runs[0][0].0;
        let lone = unseen.collect(&Text { fold: 1, ..second.clone() });
        let told = unseen.collect(&second);
        assert_ne!(key(&lone), key(&told));
    }
}
