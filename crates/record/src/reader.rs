//! Reads one segment file, entry by entry.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use crate::entry::{self, Entry, HEADER_LEN, Parsed};

const READ_AHEAD: usize = 64 << 10;
/// A buffer that one huge entry has swollen beyond this is let go.
const BUFFER_KEPT: usize = 1 << 20;

/// A position in a segment file, with what has been read ahead.
pub(crate) struct Reader {
    file: File,
    buffer: Vec<u8>,
    /// How much of the buffer has been consumed.
    start: usize,
    /// Where in the file the first unconsumed byte is.
    at: u64,
}

/// What is at the reader's position.
pub(crate) enum Peek {
    /// A whole entry, in the buffer.
    Entry(Entry),
    /// Something that is not a whole entry, or nothing.
    Damaged,
}

impl Reader {
    pub(crate) fn open(path: &Path, at: u64) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, buffer: Vec::new(), start: 0, at })
    }

    /// Looks at the entry here; bytes from `limit` on do not exist yet.
    pub(crate) fn peek(&mut self, limit: u64) -> io::Result<Peek> {
        loop {
            match entry::parse(&self.buffer[self.start..]) {
                Parsed::Whole(entry) => return Ok(Peek::Entry(entry)),
                Parsed::Damaged => return Ok(Peek::Damaged),
                Parsed::Needs(len) => {
                    if self.at + len as u64 > limit || !self.fill(len, limit)? {
                        return Ok(Peek::Damaged);
                    }
                }
            }
        }
    }

    /// The payload of the entry just peeked.
    pub(crate) fn payload(&self, entry: &Entry) -> &[u8] {
        &self.buffer[self.start + HEADER_LEN..self.start + entry.len()]
    }

    /// Goes past the entry just peeked.
    pub(crate) fn skip(&mut self, entry: &Entry) {
        self.start += entry.len();
        self.at += entry.len() as u64;
    }

    /// Reads ahead until `len` unconsumed bytes are there. False when the file is shorter.
    fn fill(&mut self, len: usize, limit: u64) -> io::Result<bool> {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.shrink_to(BUFFER_KEPT);
        let left = usize::try_from(limit - self.at).unwrap_or(usize::MAX);
        let mut have = self.buffer.len();
        self.buffer.resize(len.max(READ_AHEAD).min(left).max(have), 0);
        while have < len {
            match self.file.read_at(&mut self.buffer[have..], self.at + have as u64) {
                Ok(0) => break,
                Ok(n) => have += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.buffer.truncate(have);
                    return Err(error);
                }
            }
        }
        self.buffer.truncate(have);
        Ok(have >= len)
    }
}
