//! Names that were accepted earlier in the same text or conversation.

/// How many words of names are remembered; the oldest is forgotten first.
const ROOM: usize = 64;

/// Hashes of the words of accepted names.
pub struct Memory {
    hashes: [u64; ROOM],
    count: usize,
}

impl Memory {
    pub(super) const fn new() -> Self {
        Self { hashes: [0; ROOM], count: 0 }
    }

    /// Whether a word was part of an accepted name.
    pub(super) fn knows(&self, hash: u64) -> bool {
        self.count > 0 && self.hashes[..self.count.min(ROOM)].contains(&hash)
    }

    /// Remembers a word of an accepted name.
    pub fn learn(&mut self, hash: u64) {
        if !self.knows(hash) {
            self.hashes[self.count % ROOM] = hash;
            self.count += 1;
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.count = 0;
    }
}
