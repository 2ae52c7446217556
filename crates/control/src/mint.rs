//! Ids and instants for what is new.

use portcullis_domain::{Clock, Dice, Id, Noun, Timestamp};

/// Where new ids and instants come from.
#[derive(Clone, Copy)]
pub(crate) struct Mint<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) dice: &'a dyn Dice,
}

impl Mint<'_> {
    /// A new id.
    pub(crate) fn id<N: Noun>(&self) -> Id<N> {
        Id::mint(self.clock, self.dice)
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Six hexadecimal digits, to tell two of a name apart.
    pub(crate) fn suffix(&self) -> String {
        let mut bytes = [0; 3];
        self.dice.fill(&mut bytes);
        bytes.map(|byte| format!("{byte:02x}")).concat()
    }
}
