//! What the neighbourhood of a span says about it, in log odds.
//!
//! Whole words within [`BEFORE`] bytes before and [`AFTER`] behind are looked up, phrases of several
//! words too. What stands directly before a value with nothing but `:`, `is` and the like between
//! counts most; distance, line ends, sentence ends and other values in between take from it. A label
//! of one type speaks against all others. A key that names the text from outside (a JSON key, a form
//! field) counts like a label directly before.

pub(crate) mod against;
pub(crate) mod lexicon;
mod weigh;
pub(crate) mod words;

use self::{
    lexicon::{LONGEST, Role, lexicon},
    weigh::{gap_between, weight_after, weight_before},
    words::Word,
};
use crate::{Entity, scan::Cx};

/// How far before a span its context reaches, bytes.
pub(crate) const BEFORE: usize = 96;

/// How far behind a span its context reaches, bytes.
pub(crate) const AFTER: usize = 32;

/// At most so many words before a span are considered.
const WORDS: usize = 16;

/// What names a text from outside, as the words it is made of.
#[derive(Clone, Default)]
pub(crate) struct Key {
    words: Vec<Word>,
}

impl Key {
    pub(crate) fn set(&mut self, key: &str) {
        self.words.clear();
        self.words.extend(words::words(key.as_bytes(), 0).take(WORDS));
    }
}

/// What the context says about one type.
#[derive(Clone, Copy, Default)]
pub(crate) struct Evidence {
    pub(crate) log_odds: f32,
    /// The phrase that spoke most for it.
    pub(crate) phrase: Option<u16>,
    /// A label of the type stands directly before, or the key is one.
    pub(crate) named: bool,
}

#[derive(Clone, Copy)]
struct Hit {
    entity: Option<Entity>,
    role: Role,
    weight: f32,
    /// How far away the phrase is, in words, with what else takes from it.
    distance: f32,
    phrase: u16,
}

/// The context of the last span looked at.
#[derive(Default)]
pub(crate) struct Context {
    span: Option<(usize, usize)>,
    hits: Vec<Hit>,
}

impl Context {
    pub(crate) fn clear(&mut self) {
        self.span = None;
    }

    /// Looks at the neighbourhood of a span.
    pub(crate) fn look(&mut self, cx: &Cx<'_>, key: &Key, start: usize, end: usize) {
        if self.span == Some((start, end)) {
            return;
        }
        self.span = Some((start, end));
        self.hits.clear();
        self.look_at_key(key);
        self.look_before(cx, start);
        self.look_after(cx, end);
    }

    /// What is known about the span last looked at being a value of `entity`.
    pub(crate) fn evidence(&self, entity: Entity) -> Evidence {
        let mut result = Evidence::default();
        let (mut best, mut worst) = (0.0_f32, 0.0_f32);
        let (mut own, mut others) = (f32::MAX, f32::MAX);
        for hit in &self.hits {
            match (hit.role, hit.entity) {
                (Role::Against, Some(of)) if of != entity => {}
                (Role::Against, _) => worst = worst.min(hit.weight),
                (role, Some(of)) if of == entity => {
                    if role == Role::Label {
                        own = own.min(hit.distance);
                    }
                    if hit.weight > best {
                        best = hit.weight;
                        result.phrase = Some(hit.phrase);
                    }
                }
                (Role::Label, _) => others = others.min(hit.distance),
                (Role::Cue, _) => {}
            }
        }
        result.named = own < 1.0;
        // Another type's label nearer than one of this type: the value is that one's.
        let claimed = if others + 0.5 < own { (4.5 - 1.5 * others).max(0.0) } else { 0.0 };
        result.log_odds = best + worst - claimed;
        result
    }

    fn look_at_key(&mut self, key: &Key) {
        let count = key.words.len();
        let mut covered = 0;
        for first in 0..count {
            covered = self.phrases(&key.words, first, covered, |length| {
                // `customer_ssn_hash`: what follows the label may be what the value is.
                0.8 * (count - first - length) as f32
            });
        }
    }

    fn look_before(&mut self, cx: &Cx<'_>, start: usize) {
        let text = cx.behind(start, BEFORE);
        let base = start - text.len();
        let mut ring = [Word::default(); WORDS];
        let mut count = 0;
        for word in words::words(text, base) {
            ring[count % WORDS] = word;
            count += 1;
        }
        let mut near = [Word::default(); WORDS];
        let kept = count.min(WORDS);
        for (slot, index) in near.iter_mut().zip(count - kept..count) {
            *slot = ring[index % WORDS];
        }
        let near = &near[..kept];
        let mut covered = 0;
        for first in 0..kept {
            // A word that was cut by the window's edge is not that word.
            if near[first].start == base && text.len() == BEFORE {
                continue;
            }
            covered = self.phrases(near, first, covered, |length| {
                let last = first + length - 1;
                gap_between(cx, &near[last + 1..], near[last].end, start).distance
            });
        }
        for (entry, distance) in lexicon().unspaced_before(text) {
            self.hit(entry, distance);
        }
    }

    fn look_after(&mut self, cx: &Cx<'_>, end: usize) {
        let text = cx.ahead(end, AFTER);
        let mut near = [Word::default(); 6];
        let mut count = 0;
        for word in words::words(text, end).take(near.len()) {
            // A word that the window's edge may have cut.
            if word.end == end + AFTER {
                break;
            }
            near[count] = word;
            count += 1;
        }
        let near = &near[..count];
        for first in 0..count {
            let gap = gap_between(cx, &near[..first], end, near[first].start);
            if gap.line || gap.sentence {
                break;
            }
            let mut hash = words::NOTHING;
            let mut found = None;
            for (length, word) in near[first..].iter().take(LONGEST).enumerate() {
                hash = words::join(hash, word.hash);
                match lexicon().look_up(hash) {
                    None => break,
                    Some([]) => {}
                    Some(entries) => found = Some((entries, first + length)),
                }
            }
            let Some((entries, last)) = found else { continue };
            // `123-45-6789, phone: ...`: a label that introduces what comes next.
            let behind = cx.slice(near[last].end, end + text.len());
            let introduces = behind
                .iter()
                .find(|byte| !matches!(byte, b' ' | b'"' | b'\'' | b'*' | b')'))
                .is_some_and(|byte| matches!(byte, b':' | b'=' | b'#' | b'0'..=b'9' | b'+' | b'('));
            for entry in entries {
                let weight = weight_after(entry.role, gap.distance, introduces);
                self.hits.push(Hit {
                    entity: entry.entity,
                    role: entry.role,
                    weight,
                    // A label behind never takes a value from one before.
                    distance: if weight > 0.0 { gap.distance + 1.0 } else { f32::MAX },
                    phrase: entry.phrase,
                });
            }
        }
    }

    /// The longest phrase that starts with the word `first`, unless a phrase that ends at `covered`
    /// holds it; returns how far the words are covered.
    fn phrases(
        &mut self,
        words: &[Word],
        first: usize,
        covered: usize,
        distance: impl Fn(usize) -> f32,
    ) -> usize {
        let mut hash = words::NOTHING;
        let mut found = None;
        for (length, word) in words[first..].iter().take(LONGEST).enumerate() {
            hash = words::join(hash, word.hash);
            match lexicon().look_up(hash) {
                None => break,
                Some([]) => {}
                Some(entries) => found = Some((entries, length + 1)),
            }
        }
        let Some((entries, length)) = found else { return covered };
        if first + length <= covered {
            return covered;
        }
        let distance = distance(length);
        for entry in entries {
            self.hit(*entry, distance);
        }
        first + length
    }

    fn hit(&mut self, entry: lexicon::Entry, distance: f32) {
        let lexicon::Entry { entity, role, phrase } = entry;
        let weight = weight_before(role, distance);
        self.hits.push(Hit { entity, role, weight, distance, phrase });
    }
}
