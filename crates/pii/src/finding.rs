//! What was found.

use crate::{context::lexicon::lexicon, entity::Entity, names::NameSpan, scan::Candidate};

/// A span of a text that holds personal data or a secret. It does not hold the text itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// The first byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// What it is.
    pub entity: Entity,
    /// The probability that it is that, 0 to 1.
    pub score: f32,
    /// What speaks for it.
    pub evidence: Evidence,
}

/// What speaks for a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// A check digit, checksum or parser agreed; which one, says [`Entity::validator`].
    pub checked: bool,
    /// The phrase of the neighbourhood that spoke most for it, as it stands in the lexicon.
    pub context: Option<&'static str>,
}

impl Finding {
    pub(crate) fn of_name(span: NameSpan, entity: Entity) -> Self {
        let NameSpan { start, end, score, .. } = span;
        Self { start, end, entity, score, evidence: Evidence::default() }
    }
}

impl From<Candidate> for Finding {
    fn from(candidate: Candidate) -> Self {
        let Candidate { start, end, entity, checked, phrase, .. } = candidate;
        let context = phrase.map(|index| lexicon().phrase(index));
        let evidence = Evidence { checked, context };
        Self { start, end, entity, score: candidate.score(), evidence }
    }
}
