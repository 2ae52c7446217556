//! What one writer wrote: its segments, read one after the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use portcullis_domain::CallId;

use crate::{
    entry::{Entry, Kind, MAGIC},
    reader::{Peek, Reader},
    segment::SegmentName,
};

/// One segment as far as it is known and read.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Everything before has been read.
    pub(crate) at: u64,
    /// What lies from here on is not there yet.
    pub(crate) limit: u64,
    /// Nothing will follow after the limit.
    pub(crate) finished: bool,
    /// What is here is not an entry; nothing after it can be read.
    pub(crate) damaged: bool,
    /// Where opened entries are, before `at`, whose calls have not been seen closing.
    pub(crate) waiting: BTreeSet<u64>,
}

/// A call's last entry with what belongs to it, as bytes.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) call: CallId,
    pub(crate) fields: Vec<u8>,
    pub(crate) content: Option<Vec<u8>>,
}

/// What an entry taken from a lane means.
pub(crate) enum Taken {
    /// A call opened, at this place.
    Opened(CallId, SegmentName, u64),
    /// A call closed.
    Closed(Row),
    /// Nothing yet: the entry belongs to one that follows.
    Part,
}

/// The segments of one writer.
pub(crate) struct Lane {
    writer: u32,
    pub(crate) pieces: BTreeMap<u32, Piece>,
    reader: Option<(u32, Reader)>,
    head: Option<Entry>,
    /// Content read ahead of its closed entry.
    content: Option<(CallId, Vec<u8>)>,
}

impl Piece {
    pub(crate) fn new() -> Self {
        Self {
            at: MAGIC.len() as u64,
            limit: MAGIC.len() as u64,
            finished: false,
            damaged: false,
            waiting: BTreeSet::new(),
        }
    }

    /// Whether all of it has been read and nothing in it is needed any more.
    pub(crate) fn is_spent(&self) -> bool {
        self.finished && !self.damaged && self.at >= self.limit && self.waiting.is_empty()
    }
}

impl Lane {
    pub(crate) fn new(writer: u32) -> Self {
        Self { writer, pieces: BTreeMap::new(), reader: None, head: None, content: None }
    }

    /// The order of the next entry, if there is one.
    pub(crate) fn head(&mut self, dir: &Path) -> io::Result<Option<u64>> {
        while self.head.is_none() {
            let Some((&number, piece)) =
                self.pieces.iter_mut().find(|(_, piece)| !piece.damaged && piece.at < piece.limit)
            else {
                return Ok(None);
            };
            let name = SegmentName { writer: self.writer, number };
            let reader = match &mut self.reader {
                Some((open, reader)) if *open == number => reader,
                slot => {
                    let reader = Reader::open(&name.path(dir), piece.at)?;
                    &mut slot.insert((number, reader)).1
                }
            };
            match reader.peek(piece.limit)? {
                Peek::Entry(entry) => self.head = Some(entry),
                Peek::Damaged => {
                    let bytes = piece.limit - piece.at;
                    tracing::warn!(segment = %name, bytes, "a segment ends in a damaged entry");
                    piece.damaged = true;
                    self.content = None;
                }
            }
        }
        Ok(self.head.map(|entry| entry.order))
    }

    /// Takes the entry that [`Lane::head`] announced.
    pub(crate) fn take(&mut self) -> Option<Taken> {
        let entry = self.head.take()?;
        let (number, reader) = self.reader.as_mut()?;
        let piece = self.pieces.get_mut(number)?;
        let at = piece.at;
        let taken = match entry.kind {
            Kind::Opened => {
                let name = SegmentName { writer: self.writer, number: *number };
                piece.waiting.insert(at);
                Taken::Opened(entry.call, name, at)
            }
            Kind::Closed => {
                let content = self.content.take().filter(|(call, _)| *call == entry.call);
                Taken::Closed(Row {
                    call: entry.call,
                    fields: reader.payload(&entry).to_vec(),
                    content: content.map(|(_, bytes)| bytes),
                })
            }
            Kind::Content => {
                self.content = Some((entry.call, reader.payload(&entry).to_vec()));
                Taken::Part
            }
            Kind::Refused => Taken::Part,
        };
        reader.skip(&entry);
        piece.at += entry.len() as u64;
        Some(taken)
    }
}
