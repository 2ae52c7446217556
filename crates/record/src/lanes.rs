//! A node's segments as one stream in the order of events, with openings and closings paired.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use portcullis_domain::CallId;

use crate::{
    cursor::{Cursor, Place},
    entry::{Kind, MAGIC},
    lane::{Lane, Piece, Row, Taken},
    node::Node,
    reader::{Peek, Reader},
    segment::SegmentName,
};

/// Every segment of a node, and which of its calls are open.
pub(crate) struct Lanes {
    dir: PathBuf,
    lanes: BTreeMap<u32, Lane>,
    /// Where the opened entry of each open call is: small, and as many as there are open calls.
    waiting: HashMap<CallId, (SegmentName, u64)>,
}

impl Lanes {
    /// The segments of a node of this process, from where the sink has confirmed.
    pub(crate) fn live(node: &Node) -> io::Result<Self> {
        let mut lanes = Self::empty(&node.dir);
        lanes.refresh(node);
        // There is a cursor when an earlier shipper of this process has worked on the node.
        for (file, place) in Cursor::load(&node.dir)?.segments {
            let name = SegmentName::parse(&file);
            if let Some(name) = name.filter(|name| lanes.knows(*name)) {
                lanes.resume(name, place)?;
            }
        }
        Ok(lanes)
    }

    /// Notes what has been written by now.
    pub(crate) fn refresh(&mut self, node: &Node) {
        for segment in node.segments() {
            // In this order: a finished segment's length is final.
            let finished = segment.finished.load(Ordering::Acquire);
            let written = segment.written.load(Ordering::Acquire);
            let piece = self.piece(segment.name);
            piece.finished = finished;
            piece.limit = written.max(piece.limit);
        }
    }

    /// The segments that an ended process left, from where the sink has confirmed.
    pub(crate) fn dead(dir: &Path) -> io::Result<Self> {
        let mut lanes = Self::empty(dir);
        let mut cursor = Cursor::load(dir)?;
        for file in fs::read_dir(dir)? {
            let file = file?;
            let Some(name) = file.file_name().to_str().and_then(SegmentName::parse) else {
                continue;
            };
            let len = file.metadata()?.len();
            let damaged = len > 0 && !begins_with_magic(&file.path())?;
            let piece = lanes.piece(name);
            piece.finished = true;
            piece.limit = len.max(piece.at);
            if damaged {
                (piece.at, piece.damaged) = (0, true);
            } else if let Some(place) = cursor.segments.remove(&name.to_string()) {
                lanes.resume(name, place)?;
            }
        }
        Ok(lanes)
    }

    /// The next call that closed, among entries whose order is below `horizon`.
    ///
    /// Reading in the order of events, an opening always comes before its closing, though another
    /// thread may have written it to another file.
    pub(crate) fn next_closed(&mut self, horizon: u64) -> io::Result<Option<Row>> {
        loop {
            let mut first = None;
            for (writer, lane) in &mut self.lanes {
                if let Some(order) = lane.head(&self.dir)?
                    && order < first.map_or(horizon, |(order, _)| order)
                {
                    first = Some((order, *writer));
                }
            }
            let lane = first.and_then(|(_, writer)| self.lanes.get_mut(&writer));
            match lane.and_then(Lane::take) {
                None => return Ok(None),
                Some(Taken::Part) => {}
                Some(Taken::Opened(call, name, at)) => {
                    if let Some(earlier) = self.waiting.insert(call, (name, at)) {
                        self.settle(earlier);
                    }
                }
                Some(Taken::Closed(row)) => {
                    if let Some(opened) = self.waiting.remove(&row.call) {
                        self.settle(opened);
                    }
                    return Ok(Some(row));
                }
            }
        }
    }

    /// A call that opened and cannot close any more: its process has ended and
    /// [`Lanes::next_closed`] has none left.
    pub(crate) fn next_interrupted(&mut self) -> io::Result<Option<Row>> {
        let Some((&call, &(name, at))) = self.waiting.iter().next() else { return Ok(None) };
        let fields = self.read_opened(name, at)?.map(|(_, fields)| fields).unwrap_or_default();
        self.waiting.remove(&call);
        self.settle((name, at));
        Ok(Some(Row { call, fields, content: None }))
    }

    /// The confirmed places, once everything taken so far is shipped.
    pub(crate) fn cursor(&self) -> Cursor {
        let place = |piece: &Piece| Place {
            at: piece.at,
            waiting: piece.waiting.iter().copied().collect(),
        };
        let segments = self.pieces().map(|(name, piece)| (name.to_string(), place(piece)));
        Cursor::new(segments.collect())
    }

    /// Segments of which nothing is needed once the cursor is saved.
    pub(crate) fn spent(&self) -> Vec<SegmentName> {
        self.pieces().filter(|(_, piece)| piece.is_spent()).map(|(name, _)| name).collect()
    }

    /// Deletes a spent segment.
    pub(crate) fn delete(&mut self, name: SegmentName) -> io::Result<()> {
        match fs::remove_file(name.path(&self.dir)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if let Some(lane) = self.lanes.get_mut(&name.writer) {
            lane.pieces.remove(&name.number);
            if lane.pieces.is_empty() {
                self.lanes.remove(&name.writer);
            }
        }
        Ok(())
    }

    /// Segments with bytes that cannot be read, and from where.
    pub(crate) fn damaged(&self) -> Vec<(SegmentName, u64)> {
        self.pieces().filter(|(_, p)| p.damaged).map(|(name, p)| (name, p.at)).collect()
    }

    /// Bytes written and not yet read.
    pub(crate) fn lag(&self) -> u64 {
        self.pieces().map(|(_, piece)| piece.limit - piece.at).sum()
    }

    /// How many calls are open.
    pub(crate) fn open_calls(&self) -> u64 {
        self.waiting.len() as u64
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn empty(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), lanes: BTreeMap::new(), waiting: HashMap::new() }
    }

    fn knows(&self, name: SegmentName) -> bool {
        self.lanes.get(&name.writer).is_some_and(|lane| lane.pieces.contains_key(&name.number))
    }

    fn pieces(&self) -> impl Iterator<Item = (SegmentName, &Piece)> {
        self.lanes.iter().flat_map(|(&writer, lane)| {
            lane.pieces.iter().map(move |(&number, p)| (SegmentName { writer, number }, p))
        })
    }

    fn piece(&mut self, name: SegmentName) -> &mut Piece {
        let lane = self.lanes.entry(name.writer).or_insert_with(|| Lane::new(name.writer));
        lane.pieces.entry(name.number).or_insert_with(Piece::new)
    }

    /// The call whose opened entry is there is no longer waited for.
    fn settle(&mut self, (name, at): (SegmentName, u64)) {
        if let Some(lane) = self.lanes.get_mut(&name.writer)
            && let Some(piece) = lane.pieces.get_mut(&name.number)
        {
            piece.waiting.remove(&at);
        }
    }

    /// Goes on where a cursor says.
    fn resume(&mut self, name: SegmentName, place: Place) -> io::Result<()> {
        let piece = self.piece(name);
        piece.at = place.at.clamp(piece.at, piece.limit);
        for at in place.waiting {
            if let Some((call, _)) = self.read_opened(name, at)? {
                self.piece(name).waiting.insert(at);
                self.waiting.insert(call, (name, at));
            }
        }
        Ok(())
    }

    fn read_opened(&self, name: SegmentName, at: u64) -> io::Result<Option<(CallId, Vec<u8>)>> {
        let mut reader = Reader::open(&name.path(&self.dir), at)?;
        match reader.peek(u64::MAX)? {
            Peek::Entry(entry) if entry.kind == Kind::Opened => {
                Ok(Some((entry.call, reader.payload(&entry).to_vec())))
            }
            Peek::Entry(_) | Peek::Damaged => {
                tracing::error!(segment = %name, at, "an opened entry has become unreadable");
                Ok(None)
            }
        }
    }
}

fn begins_with_magic(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let mut magic = MAGIC;
    let file = fs::File::open(path)?;
    match file.read_exact_at(&mut magic, 0) {
        Ok(()) => Ok(magic == MAGIC),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
