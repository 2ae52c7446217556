//! The recognizers: one file each, one line each in the list below.
//!
//! # Adding a recognizer
//!
//! 1. `src/recognizer/<name>.rs` with a `RECOGNIZER`: its id and help, the forms of its values with
//!    their prior log odds, a check, and the phrases that name such a value. Most need no more; one
//!    whose values have no fixed form adds a matcher for a [`Site`].
//! 2. A line in the list below, in the order of the reference table.
//! 3. `fixtures/<name>.jsonl` with at least 12 hits and 12 near misses (`oracle/` generates them).

use crate::{
    entity::{Country, Entity, Group},
    scan::{Cx, Form, Run, Sink},
};

/// A type and how its values are recognized.
pub(crate) struct Recognizer {
    /// The stable id.
    pub(crate) id: &'static str,
    pub(crate) group: Group,
    /// What it is, in words.
    pub(crate) title: &'static str,
    /// What is checked, in words.
    pub(crate) validator: &'static str,
    /// An invented value.
    pub(crate) example: &'static str,
    /// Looked for by default.
    pub(crate) on: bool,
    /// The most a stream is held back for a value, bytes.
    pub(crate) hold: usize,
    /// Forms of numbers, and what must be true of their letters and digits: `None` if a value is
    /// impossible, else log odds.
    pub(crate) forms: &'static [Form],
    pub(crate) check: fn(&[u8]) -> Option<f32>,
    /// What passing the check is worth, log odds: the logarithm of one over the share of random
    /// values that pass.
    pub(crate) proof: f32,
    /// Phrases that name a value, separated by commas, in any language.
    pub(crate) labels: &'static str,
    /// Phrases that make a value more likely.
    pub(crate) cues: &'static str,
    /// Phrases that make it less likely, beyond those that speak against any number.
    pub(crate) against: &'static str,
    /// Where other matchers look.
    pub(crate) sites: &'static [Site],
}

/// Where a matcher is asked.
pub(crate) enum Site {
    /// At a number.
    Number(NumberMatcher),
    /// At a word that holds a digit.
    Word(WordMatcher),
    /// At `@`.
    At(Matcher),
    /// At `:`.
    Colon(Matcher),
    /// Where one of these stands. They hold no white space and start with no digit, `@` or `:`.
    Literal(&'static [&'static str], Matcher),
}

/// Looks at the trigger at an offset.
pub(crate) type Matcher = fn(&Cx<'_>, usize, &mut Sink);
/// Looks at a word.
pub(crate) type WordMatcher = fn(&Cx<'_>, (usize, usize), &mut Sink);
/// Looks at the number that starts with a group of a run.
pub(crate) type NumberMatcher = fn(&Cx<'_>, &Run, usize, &mut Sink);

impl Recognizer {
    const BLANK: Self = Self {
        id: "",
        group: Group::Custom,
        title: "",
        validator: "",
        example: "",
        on: true,
        hold: 64,
        forms: &[],
        check: |_| Some(0.0),
        proof: 0.0,
        labels: "",
        cues: "",
        against: "",
        sites: &[],
    };
}

/// The log odds that a check with one chance in `n` to pass by accident is worth.
const ONE_IN_7: f32 = 1.9;
const ONE_IN_10: f32 = 2.3;
const ONE_IN_11: f32 = 2.4;
const ONE_IN_23: f32 = 3.1;
const ONE_IN_97: f32 = 4.6;
const ONE_IN_100: f32 = 4.6;

const fn state(country: &'static str) -> Group {
    Group::Government(Country(country))
}

/// Passing is all there is to know.
fn pass(valid: bool) -> Option<f32> {
    valid.then_some(0.0)
}

macro_rules! recognizers {
    ($($entity:ident = $module:ident;)*) => {
        $(mod $module;)*

        /// All of them; an entity is an index into this.
        pub(crate) static ALL: [&Recognizer; [$(stringify!($module)),*].len()] =
            [$(&$module::RECOGNIZER),*];

        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "ids as they are")]
        enum Index { $($entity),* }

        impl Entity {
            $(
                #[doc = concat!("The type `", stringify!($entity), "`.")]
                pub const $entity: Self = Self(Index::$entity as u16);
            )*
        }
    };
}

recognizers! {
    EMAIL = email;
    CREDIT_CARD = credit_card;
    US_SSN = us_ssn;
}
