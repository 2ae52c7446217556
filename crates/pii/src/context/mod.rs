//! What the neighbourhood of a span says about it, in log odds.
//!
//! Whole words within [`BEFORE`] bytes before and [`AFTER`] behind are looked up, phrases of several
//! words too. What stands directly before a value with nothing but `:`, `is` and the like between
//! counts most; distance, line ends, sentence ends and other values in between take from it. A label
//! of one type speaks against all others. A key that names the text from outside (a JSON key, a form
//! field) counts like a label directly before.

pub(crate) mod against;
pub(crate) mod lexicon;
mod near;
mod table;
mod weigh;
pub(crate) mod words;

pub(crate) use self::table::Table;
use self::{
    lexicon::{LONGEST, Role, lexicon},
    weigh::{gap_between, weight_after, weight_before},
    words::{Hash, Word},
};
use crate::{Entity, scan::Cx};

/// How far before a span its context reaches, bytes.
pub(crate) const BEFORE: usize = 96;

/// How far behind a span its context reaches, bytes.
pub(crate) const AFTER: usize = 48;

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

    /// Nothing names the text.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Its words, in order.
    pub(crate) fn hashes(&self) -> impl DoubleEndedIterator<Item = Hash> + '_ {
        self.words.iter().map(|word| word.hash)
    }
}

/// What the context says about one type.
#[derive(Clone, Copy, Default)]
pub(crate) struct Evidence {
    pub(crate) log_odds: f32,
    /// The phrase that spoke most for it.
    pub(crate) phrase: Option<u16>,
}

#[derive(Clone, Copy)]
struct Hit {
    entity: Option<Entity>,
    role: Role,
    weight: f32,
    /// How far away the phrase is, in words, with what else takes from it.
    distance: f32,
    phrase: u16,
    lengths: u64,
}

/// The context of the last span looked at: what stands before it and what behind.
#[derive(Default)]
pub(crate) struct Context {
    start: Option<usize>,
    before: Vec<Hit>,
    end: Option<usize>,
    behind: Vec<Hit>,
    /// The table that the text is in.
    pub(crate) table: Table,
    memory: near::Memory,
}

/// Log odds between which what stands behind a span is looked at: below, it cannot help any more,
/// above, it does no harm. A stream need not wait for it then.
const OPEN: std::ops::Range<f32> = -4.5..3.5;

impl Context {
    /// Turns to another trigger of the same window.
    pub(crate) fn clear(&mut self) {
        self.start = None;
        self.end = None;
    }

    /// Turns to another window.
    pub(crate) fn forget(&mut self) {
        self.clear();
        self.memory.clear();
    }

    /// What is known about a span's being a value of `entity`, for which its form and checks speak
    /// with `log_odds`.
    pub(crate) fn evidence(
        &mut self,
        cx: &Cx<'_>,
        key: &Key,
        (start, end): (usize, usize),
        entity: Entity,
        log_odds: f32,
    ) -> Evidence {
        self.look_before(cx, key, start);
        let length =
            cx.slice(start, end).iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
        let value = Value { entity, log_odds, length: length.min(63) };
        let evidence = sum(self.before.iter(), value);
        if !OPEN.contains(&(log_odds + evidence.log_odds)) {
            return evidence;
        }
        self.look_behind(cx, end);
        if self.behind.is_empty() {
            return evidence;
        }
        sum(self.before.iter().chain(&self.behind), value)
    }

    /// The types that labels before a span name, each once.
    pub(crate) fn labelled(&mut self, cx: &Cx<'_>, key: &Key, start: usize) -> [Option<Entity>; 8] {
        self.look_before(cx, key, start);
        let mut found = [None; 8];
        let mut count = 0;
        for hit in &self.before {
            let named = hit.role == Role::Label && hit.weight > 2.0;
            if named && count < found.len() && !found[..count].contains(&hit.entity) {
                found[count] = hit.entity;
                count += 1;
            }
        }
        found
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

    fn look_at_column(&mut self, cx: &Cx<'_>, start: usize) {
        let mut near = [Word::default(); WORDS];
        let mut count = 0;
        for (slot, (_, word)) in near.iter_mut().zip(self.table.names(cx, start)) {
            *slot = *word;
            count += 1;
        }
        let mut covered = 0;
        for first in 0..count {
            covered = self.phrases(&near[..count], first, covered, |length| {
                0.2 + 0.8 * (count - first - length) as f32
            });
        }
    }

    fn look_before(&mut self, cx: &Cx<'_>, key: &Key, start: usize) {
        if self.start == Some(start) {
            return;
        }
        self.start = Some(start);
        self.before.clear();
        self.look_at_key(key);
        self.look_at_column(cx, start);
        let Self { memory, before, .. } = self;
        let mut near = memory.near(cx, start);
        let mut covered = 0;
        for first in 0..near.len() {
            if !near.word(first).opens {
                continue;
            }
            let words = (first..near.len()).map(|index| near.word(index));
            let Some((entries, length)) = longest(words) else { continue };
            if first + length > covered {
                covered = first + length;
                let distance = near.distance(cx, covered - 1);
                before.extend(entries.iter().map(|entry| Hit::before(*entry, distance)));
            }
        }
        for (entry, distance) in lexicon().unspaced_before(cx.behind(start, BEFORE)) {
            self.hit(entry, distance);
        }
    }

    fn look_behind(&mut self, cx: &Cx<'_>, end: usize) {
        if self.end == Some(end) {
            return;
        }
        self.end = Some(end);
        self.behind.clear();
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
        for (entry, distance) in lexicon().unspaced_behind(text) {
            let weight = weight_after(entry.role, distance, false);
            let lexicon::Entry { entity, role, phrase, lengths } = entry;
            self.behind.push(Hit {
                entity,
                role,
                weight,
                distance: distance + 1.0,
                phrase,
                lengths,
            });
        }
        let near = &near[..count];
        for first in 0..count {
            let gap = gap_between(cx, &near[..first], end, near[first].start);
            if gap.line || gap.sentence {
                break;
            }
            let Some((entries, length)) = longest(near[first..].iter().copied()) else { continue };
            let last = first + length - 1;
            // `123-45-6789, phone: ...`: a label that introduces what comes next.
            let behind = cx.slice(near[last].end, end + text.len());
            let introduces = behind
                .iter()
                .find(|byte| !matches!(byte, b' ' | b'"' | b'\'' | b'*' | b')'))
                .is_some_and(|byte| matches!(byte, b':' | b'=' | b'#' | b'0'..=b'9' | b'+' | b'('));
            for entry in entries {
                let weight = weight_after(entry.role, gap.distance, introduces);
                self.behind.push(Hit {
                    entity: entry.entity,
                    role: entry.role,
                    weight,
                    // A label behind never takes a value from one before.
                    distance: if weight > 0.0 { gap.distance + 1.0 } else { f32::MAX },
                    phrase: entry.phrase,
                    lengths: entry.lengths,
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
        let Some((entries, length)) = longest(words[first..].iter().copied()) else {
            return covered;
        };
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
        self.before.push(Hit::before(entry, distance));
    }
}

impl Hit {
    /// What a phrase at some distance before a span says.
    fn before(entry: lexicon::Entry, distance: f32) -> Self {
        let lexicon::Entry { entity, role, phrase, lengths } = entry;
        let weight = weight_before(role, distance);
        Self { entity, role, weight, distance, phrase, lengths }
    }
}

/// The longest phrase at the head of some words, and how many it has.
fn longest(words: impl Iterator<Item = Word>) -> Option<(&'static [lexicon::Entry], usize)> {
    let mut hash = words::NOTHING;
    let mut found = None;
    for (length, word) in (1..).zip(words.take(LONGEST)) {
        hash = words::join(hash, word.hash);
        match lexicon().look_up(hash) {
            None => break,
            Some([]) => {}
            Some(entries) => found = Some((entries, length)),
        }
    }
    found
}

/// What is asked about.
#[derive(Clone, Copy)]
struct Value {
    entity: Entity,
    /// What speaks for it beside the context.
    log_odds: f32,
    /// How many letters and digits it has.
    length: usize,
}

/// Log odds from which on a value is what it is whatever the label before it says.
const SELF_EVIDENT: f32 = 2.5;

/// The share of a cue's weight that counts beside a label.
const CUE_BESIDE_LABEL: f32 = 0.3;

/// Adds up what some phrases say about one type.
fn sum<'h>(hits: impl Iterator<Item = &'h Hit>, value: Value) -> Evidence {
    let Value { entity, log_odds, length } = value;
    let mut result = Evidence::default();
    let (mut best, mut cue, mut worst) = (0.0_f32, 0.0_f32, 0.0_f32);
    let (mut own, mut others) = (f32::MAX, f32::MAX);
    for hit in hits {
        match (hit.role, hit.entity) {
            (Role::Against, Some(of)) if of != entity => {}
            (Role::Against, _) => worst = worst.min(hit.weight),
            (role, Some(of)) if of == entity => {
                if role == Role::Label {
                    own = own.min(hit.distance);
                } else {
                    cue = cue.max(hit.weight);
                }
                if hit.weight > best {
                    best = hit.weight;
                    result.phrase = Some(hit.phrase);
                }
            }
            // Only a type that may have such a value claims it.
            (Role::Label, _) if hit.lengths >> length & 1 == 1 => others = others.min(hit.distance),
            (Role::Label, _) => {}
            (Role::Cue, _) => {}
        }
    }
    // Another type's label nearer than one of this type: the value is that one's.
    let claimed = if others + 0.5 < own { (4.5 - 1.5 * others).max(0.0) } else { 0.0 };
    let claimed = claimed * ((SELF_EVIDENT - log_odds) / SELF_EVIDENT).clamp(0.0, 1.0);
    // A cue beside a label adds a little.
    let more = if best > cue { CUE_BESIDE_LABEL * cue } else { 0.0 };
    result.log_odds = best + more + worst - claimed;
    result
}
