//! Names of people, places and organisations: the statistical layer.

use crate::Entity;

/// What kind of thing a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A person.
    Person,
    /// A postal address, or a part of one.
    Address,
    /// A place.
    Location,
    /// A company, authority, club or other organisation.
    Organization,
}

/// A name found. Offsets are absolute, bytes, end exclusive, at character borders.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NameSpan {
    /// The first byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// What it names.
    pub kind: NameKind,
    /// The probability that it is right, 0 to 1.
    pub score: f32,
}

/// A span of the pattern layer: one placeholder token to the tagger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The first byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// What the pattern layer found.
    pub entity: Entity,
}

/// What has arrived of a text.
pub struct Input<'a> {
    /// The bytes from offset `from` on. They may end inside a character unless `end`.
    pub text: &'a [u8],
    /// What the last call returned; 0 at first.
    pub from: usize,
    /// Claims are final before this offset: nothing at or beyond it can be decided.
    pub ready: usize,
    /// Nothing follows.
    pub end: bool,
    /// Sorted, disjoint; those that end behind `from`.
    pub claimed: &'a [Claim],
}

/// Tags a text piece by piece.
#[derive(Default)]
pub struct Tagger {}

impl Tagger {
    /// A tagger that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new text begins. `key` names it from outside (a JSON key, a form field), if anything does.
    pub fn begin(&mut self, key: &str) {
        let _ = key;
    }

    /// Tags what can be decided and returns the offset before which everything is decided.
    pub fn advance(&mut self, input: &Input<'_>, out: &mut Vec<NameSpan>) -> usize {
        let _ = out;
        input.ready
    }
}
