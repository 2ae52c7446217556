//! Names of people, places and organisations in running text, without a download: a conditional
//! random field over hashed features, with a lexicon of names, embedded in the binary.
//!
//! A [`Tagger`] takes a text in pieces and says how far its decisions are final. A text fed at once
//! and one fed byte by byte give the same names, because both go through the same words one by one.
//!
//! A word is decided when the two after it are known, or a gap of 96 characters. What waits is at most
//! 2,560 bytes: a name of twelve words, and the four that the decoder weighs together.

mod decode;
pub mod facts;
pub mod features;
pub mod fold;
pub mod front;
pub mod gap;
pub mod lexicon;
mod lift;
mod memory;
pub mod model;
mod mood;
pub mod shape;
pub mod spelling;
pub mod trees;
mod unlisted;
pub mod words;

use decode::Decoder;
use front::Front;
use model::Model;

use crate::Entity;

pub use memory::Memory;

/// The most that waits for a decision of the tagger, bytes.
pub const HOLD: usize = 2560;

/// What kind of thing a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    /// A person, without title.
    Person,
    /// A postal address, or a part of one.
    Address,
    /// A place: city, region, country, landscape.
    Location,
    /// A company, authority, club or other organisation.
    Organization,
}

impl NameKind {
    /// All kinds, in the order of the model's labels.
    pub const ALL: [Self; 4] = [Self::Person, Self::Address, Self::Location, Self::Organization];
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

/// A span of the pattern layer: one placeholder word to the tagger.
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

/// Finds names in texts that come in pieces. Keep one per thread: it owns its scratch memory.
pub struct Tagger {
    front: Front,
    decoder: Decoder,
}

/// The model that `cargo xtask train-pii` made, laid at the border of a cache line.
static MODEL: &Aligned<[u8]> = &Aligned(*include_bytes!("../../data/names.bin"));

#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

impl Default for Tagger {
    fn default() -> Self {
        Self::new()
    }
}

impl Tagger {
    /// A tagger with the embedded model, which is read where it lies.
    pub fn new() -> Self {
        Self::with(Model::parse(&MODEL.0).expect("the embedded model is whole: a test reads it"))
    }

    /// A tagger with a model.
    pub fn with(model: Model) -> Self {
        Self { front: Front::new(model.lexicon), decoder: Decoder::new(model) }
    }

    /// A new text begins; nothing of the last one is remembered. `key` names it from outside (a JSON
    /// key, a form field), if anything does.
    pub fn begin(&mut self, key: &str) {
        self.front.start();
        self.decoder.start();
        if !key.is_empty() {
            self.front.key(key);
        }
    }

    /// Keeps the facts of the persons' names that are found from now on, to learn from.
    pub fn record(&mut self) {
        self.decoder.rows = Some(Vec::new());
    }

    /// The persons' names recorded since the last call, with their facts.
    pub fn recorded(&mut self) -> Vec<(NameSpan, facts::Row)> {
        self.decoder.rows.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The words read since the text began, each at a cost of its own length at most.
    pub(crate) fn work(&self) -> u64 {
        self.front.words() as u64
    }

    /// Tags what can be decided and returns the offset before which everything is decided: no name
    /// that is found later starts before it.
    pub fn advance(&mut self, input: &Input<'_>, out: &mut Vec<NameSpan>) -> usize {
        let Input { text, from, ready, end, claimed } = *input;
        let arrived = from + text.len();
        let text = if end { text } else { &text[..ready.clamp(from, arrived) - from] };
        let claims = claimed.iter().map(|claim| claim.start..claim.end);
        self.front.read(text, from, end, claims, &mut self.decoder);
        self.decoder.drain(out);
        if end { arrived } else { self.front.settled(&self.decoder) }
    }
}
