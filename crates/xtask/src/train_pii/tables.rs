//! Tables of lines of 64 bytes, each with slots for a tag and what belongs to it.

use std::collections::BTreeSet;

use portcullis_pii::names::lexicon::LINE;

/// What a model holds of the lists, each in lines of its file.
pub(crate) struct Tables {
    pub(crate) words: Vec<[u8; LINE]>,
    pub(crate) rare: Vec<[u8; LINE]>,
    pub(crate) spelling: Vec<[u8; LINE]>,
}

/// A table that is being filled.
pub(crate) struct Table {
    name: &'static str,
    lines: Vec<[u8; LINE]>,
    used: Vec<usize>,
    tags: BTreeSet<(usize, u16)>,
    lost: usize,
}

impl Table {
    pub(crate) fn new(name: &'static str, count: usize) -> Self {
        let (lines, used) = (vec![[0; LINE]; count], vec![0; count]);
        Self { name, lines, used, tags: BTreeSet::new(), lost: 0 }
    }

    /// Puts an entry in a line of so many slots; false when the line is full.
    pub(crate) fn put<const SLOTS: usize>(&mut self, line: usize, tag: u16, entry: &[u8]) -> bool {
        let slot = self.used[line];
        if slot == SLOTS || !self.tags.insert((line, tag)) {
            self.lost += 1;
            return false;
        }
        self.used[line] += 1;
        let line = &mut self.lines[line];
        line[2 * slot..2 * slot + 2].copy_from_slice(&tag.to_le_bytes());
        let at = 2 * SLOTS + entry.len() * slot;
        line[at..at + entry.len()].copy_from_slice(entry);
        true
    }

    pub(crate) fn finish(self) -> Vec<[u8; LINE]> {
        println!("{}: {} with a place, {} without", self.name, self.tags.len(), self.lost);
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_as_many_entries_as_it_has_slots() {
        let mut table = Table::new("test", 2);
        assert!(table.put::<2>(1, 7, b"abc"));
        assert!(!table.put::<2>(1, 7, b"xyz"), "a tag is there once");
        assert!(table.put::<2>(1, 9, b"def"));
        assert!(!table.put::<2>(1, 11, b"ghi"), "the line is full");
        let lines = table.finish();
        assert_eq!(lines[1][..10], *b"\x07\0\x09\0abcdef");
        assert_eq!(lines[0], [0; LINE]);
    }
}
