//! What stands for what: the values of one request or conversation and what took their places.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use super::{Mode, Policy, replace, substitute::substitute};
use crate::{Detector, Entity};

/// The most values a ledger remembers. Values beyond get a placeholder that cannot be restored.
pub const MOST_VALUES: usize = 100_000;

/// The values of one request or conversation and what took their places. It is never shared between
/// two: what one caller said must not come back to another.
#[derive(Clone, Default)]
pub struct Ledger {
    /// By type and value: what takes its place.
    places: HashMap<(Entity, String), String>,
    /// By what took a value's place: the value and its type. Where a substitute would not be found
    /// again, a value has a hash besides.
    values: HashMap<String, (Entity, String)>,
    /// What is no substitute for anything: it stands in a text.
    refused: HashSet<String>,
    /// By type: how many values have a number.
    counts: HashMap<Entity, u32>,
}

impl Ledger {
    /// A ledger that remembers nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many values are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value that something took the place of.
    #[must_use]
    pub fn value(&self, place: &str) -> Option<&str> {
        self.values.get(place).map(|(_, value)| value.as_str())
    }

    /// All of it, in clear: what took a place, and the value. For sealing, so that a conversation goes
    /// on elsewhere.
    pub fn danger_entries(&self) -> impl Iterator<Item = (Entity, &str, &str)> {
        self.values.iter().map(|(place, (entity, value))| (*entity, place.as_str(), value.as_str()))
    }

    /// A ledger as it was when [`Self::danger_entries`] gave these.
    pub fn from_entries<'e>(entries: impl Iterator<Item = (Entity, &'e str, &'e str)>) -> Self {
        let mut ledger = Self::default();
        for (entity, place, value) in entries.take(MOST_VALUES) {
            // `{{EMAIL_3}}`: the next has the number four.
            let numbered = place.strip_prefix("{{").and_then(|it| it.strip_suffix("}}"));
            let number = numbered.and_then(|it| it.rsplit('_').next()?.parse().ok());
            let count = ledger.counts.entry(entity).or_default();
            *count = number.unwrap_or(0).max(*count);
            ledger.remember(entity, value, place.to_owned());
        }
        ledger
    }

    /// What takes the place of a value, which is remembered. A substitute has to fit there.
    pub(super) fn place(
        &mut self,
        detector: &Detector,
        policy: &Policy,
        entity: Entity,
        value: &str,
        fits: impl Fn(&str) -> bool,
    ) -> String {
        let mode = policy.mode(entity);
        if mode == Mode::Mask {
            return replace::mask(entity, value);
        }
        if matches!(mode, Mode::Drop | Mode::Block) {
            return String::new();
        }
        let id = detector.id(entity);
        if let Some(place) = self.places.get(&(entity, value.to_owned())) {
            if place.starts_with("{{") || fits(place) {
                return place.clone();
            }
            let hash = replace::hash(policy.secret(), id, value);
            self.values.insert(hash.clone(), (entity, value.to_owned()));
            return hash;
        }
        if self.values.len() >= MOST_VALUES {
            return format!("{{{{{id}}}}}");
        }
        let key = policy.secret();
        let place = match mode {
            Mode::Hash => replace::hash(key, id, value),
            Mode::Substitute => (0..64)
                .map_while(|attempt| substitute(key, entity, value, attempt))
                .find(|place| !self.values.contains_key(place) && !self.refused.contains(place))
                .filter(|place| fits(place))
                .unwrap_or_else(|| replace::hash(key, id, value)),
            _ => {
                let count = self.counts.entry(entity).or_default();
                *count += 1;
                format!("{{{{{id}_{count}}}}}")
            }
        };
        self.remember(entity, value, place.clone());
        place
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Hashes take the places of values whose substitutes, given out by `other`, stand in a text.
    pub(super) fn refuse(
        &mut self,
        detector: &Detector,
        policy: &Policy,
        other: &Self,
        substitutes: HashSet<String>,
    ) {
        for place in &substitutes {
            let Some((entity, value)) = other.values.get(place) else { continue };
            self.values.remove(place);
            self.places.remove(&(*entity, value.clone()));
            let hash = replace::hash(policy.secret(), detector.id(*entity), value);
            self.remember(*entity, value, hash);
        }
        self.refused.extend(substitutes);
    }

    fn remember(&mut self, entity: Entity, value: &str, place: String) {
        self.values.insert(place.clone(), (entity, value.to_owned()));
        let known = self.places.entry((entity, value.to_owned())).or_insert_with(|| place.clone());
        // Of two, the substitute.
        if known.starts_with("{{") {
            *known = place;
        }
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("values", &self.values.len()).finish_non_exhaustive()
    }
}
