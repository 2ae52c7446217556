//! The way back from a text that was decoded to the one it was decoded from.

/// A stretch of the source that reads differently when decoded.
#[derive(Clone, Copy, Debug)]
struct Edit {
    /// Where it stands in the decoded text, and how long it is there.
    at: usize,
    length: usize,
    /// Where it stands in the source, and how long it is there.
    from: usize,
    source: usize,
}

/// All such stretches of what is kept of a text, in order.
#[derive(Default)]
pub(crate) struct Trail {
    edits: Vec<Edit>,
    /// A place of the decoded text before all edits kept, and where it comes from.
    origin: (usize, usize),
}

impl Trail {
    /// The decoded text starts at `from` of the source.
    pub(crate) fn begin(&mut self, from: usize) {
        self.edits.clear();
        self.origin = (0, from);
    }

    /// `source` bytes at `from` read as `length` bytes at `at`.
    pub(crate) fn edit(&mut self, (from, source): (usize, usize), (at, length): (usize, usize)) {
        self.edits.push(Edit { at, length, from, source });
    }

    /// Forgets what is before `offset` of the decoded text.
    pub(crate) fn forget(&mut self, offset: usize) {
        let gone = self.edits.partition_point(|edit| edit.at + edit.length <= offset);
        if let Some(last) = gone.checked_sub(1).map(|last| self.edits[last]) {
            self.origin = (last.at + last.length, last.from + last.source);
            self.edits.drain(..gone);
        }
    }

    /// Where the source of the byte at `offset` starts.
    pub(crate) fn source_of(&self, offset: usize) -> usize {
        match self.edit_at(offset) {
            None => self.origin.1 + (offset - self.origin.0),
            Some(edit) if offset < edit.at + edit.length => edit.from,
            Some(edit) => edit.from + edit.source + (offset - edit.at - edit.length),
        }
    }

    /// Where the source of the byte before `offset` ends.
    pub(crate) fn source_behind(&self, offset: usize) -> usize {
        let Some(last) = offset.checked_sub(1) else { return self.origin.1 };
        match self.edit_at(last) {
            Some(edit) if last < edit.at + edit.length => edit.from + edit.source,
            _ => self.source_of(last) + 1,
        }
    }

    /// The last edit that starts at `offset` or before.
    fn edit_at(&self, offset: usize) -> Option<&Edit> {
        let count = self.edits.partition_point(|edit| edit.at <= offset);
        self.edits[..count].last()
    }
}
