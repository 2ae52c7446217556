//! Putting something else in the place of what was found, and back.

mod border;
mod held;
mod ledger;
mod replace;
mod restore;
mod stream;
mod substitute;

use std::{collections::HashMap, fmt, sync::Arc};

pub use ledger::{Ledger, MOST_VALUES};
pub use restore::{Restorer, restore};
pub use stream::StreamRedactor;

use crate::{Detector, Entity, Finding, Format};

/// What takes the place of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `{{EMAIL_1}}`: a number for each value, the same wherever it occurs. It can be restored.
    #[default]
    Placeholder,
    /// `************1111`: the last four characters stay where that is usual.
    Mask,
    /// `{{EMAIL#8c6976e5b5410415}}`: the same for a value wherever the key is the same. It can be
    /// restored.
    Hash,
    /// An invented value of the same form, the same for a value wherever the key is the same; numbers
    /// with check digits pass their checks. It can be restored where it stands as a word of its own.
    /// Ages, and what would be shorter than six letters and digits or longer than 256 bytes, runs on
    /// into its neighbour or stands in the text already, gets a hash instead.
    Substitute,
    /// Nothing.
    Drop,
    /// The whole text is refused.
    Block,
}

/// Which mode for which type.
#[derive(Clone)]
pub struct Policy {
    mode: Mode,
    modes: HashMap<Entity, Mode>,
    key: Option<Key>,
}

/// What makes hashes and substitutes differ between organisations.
#[derive(Clone)]
struct Key(Arc<[u8]>);

/// A policy is incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Hashes and substitutes need a key.
    #[error("the modes hash and substitute need a key of at least 16 bytes")]
    Key,
}

/// A text holds a value that may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text holds a value of type {entity:?}, which is blocked")]
pub struct Blocked {
    /// The type of the value.
    pub entity: Entity,
}

/// A redacted text.
#[derive(Clone, PartialEq)]
pub struct Redacted {
    /// The text.
    pub text: String,
    /// What was found in the original, by its place there.
    pub findings: Vec<Finding>,
}

/// The fewest bytes of a key.
const LEAST_KEY: usize = 16;

impl Policy {
    /// One mode for all types.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self { mode, modes: HashMap::new(), key: None }
    }

    /// Another mode for one type.
    #[must_use]
    pub fn with(mut self, entity: Entity, mode: Mode) -> Self {
        self.modes.insert(entity, mode);
        self
    }

    /// The key of hashes and substitutes: an organisation's own, secret.
    #[must_use]
    pub fn key(mut self, key: &[u8]) -> Self {
        self.key = Some(Key(key.into()));
        self
    }

    /// Fails when a mode needs a key and there is none.
    pub fn check(&self) -> Result<(), PolicyError> {
        let mut modes = self.modes.values().chain([&self.mode]);
        let needs = modes.any(|mode| matches!(mode, Mode::Hash | Mode::Substitute));
        let has = self.key.as_ref().is_some_and(|key| key.0.len() >= LEAST_KEY);
        if needs && !has { Err(PolicyError::Key) } else { Ok(()) }
    }

    fn substitutes(&self) -> bool {
        self.modes.values().chain([&self.mode]).any(|mode| *mode == Mode::Substitute)
    }

    /// The key, or nothing.
    fn secret(&self) -> &[u8] {
        self.key.as_ref().map_or(&[], |key| &key.0)
    }

    fn mode(&self, entity: Entity) -> Mode {
        // A literal placeholder has to come back as it was.
        if entity == Entity::LITERAL {
            return Mode::Placeholder;
        }
        self.modes.get(&entity).copied().unwrap_or(self.mode)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("mode", &self.mode)
            .field("modes", &self.modes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redacted").field("findings", &self.findings).finish_non_exhaustive()
    }
}

/// Redacts a text that is there in full. What was replaced is remembered in the ledger, so that the
/// same value gets the same placeholder, and can be restored. In JSON, only strings and numbers that
/// hold something change, and what takes their place is written as JSON wants it.
pub fn redact(
    detector: &Arc<Detector>,
    policy: &Arc<Policy>,
    ledger: &mut Ledger,
    format: Format,
    text: &str,
) -> Result<Redacted, Blocked> {
    let whole = |ledger: Ledger| {
        let mut stream =
            StreamRedactor::new(Arc::clone(detector), Arc::clone(policy), ledger, format);
        let mut out = Vec::with_capacity(text.len());
        let done = stream.read(text.as_bytes(), true, &mut out);
        let findings = stream.take_findings();
        (done.map(|()| (out, findings)), stream.into_ledger())
    };
    let before = policy.substitutes().then(|| ledger.clone());
    let (mut done, mut after) = whole(std::mem::take(ledger));
    if let Some(mut before) = before {
        // A substitute that stands in the text itself would come back as what it is not.
        let clashing = restore::occurring(&after, format, text);
        if !clashing.is_empty() {
            before.refuse(detector, policy, &after, clashing);
            (done, after) = whole(before);
        }
    }
    *ledger = after;
    let (out, findings) = done?;
    let text = String::from_utf8(out)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok(Redacted { text, findings })
}
