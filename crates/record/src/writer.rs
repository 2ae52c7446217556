//! What one thread writes with: a segment of its own and a scratch buffer.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    sync::{Arc, PoisonError, Weak, atomic::Ordering},
};

use portcullis_domain::{CallId, Content, ContentPart, Log, Sealed};

use crate::{
    entry::{self, HEADER_LEN, Kind, MAX_PAYLOAD},
    node::Node,
    segment::{Segment, SegmentName},
};

/// Scratch beyond this is given back after use: one huge entry must not stay in memory for ever.
const SCRATCH_KEPT: usize = 256 << 10;

thread_local! {
    static WRITERS: RefCell<Vec<(Weak<Node>, Writer)>> = const { RefCell::new(Vec::new()) };
}

/// Appends entries for one thread.
pub(crate) struct Writer {
    number: u32,
    next_segment: u32,
    segment: Option<Arc<Segment>>,
    scratch: Vec<u8>,
}

/// Runs `work` with this thread's writer. While the thread is being torn down, a client's hang-up
/// for one, the node's shared reserve stands in.
pub(crate) fn with_writer<R>(node: &Arc<Node>, mut work: impl FnMut(&mut Writer) -> R) -> R {
    WRITERS
        .try_with(|writers| {
            let writers = &mut *writers.borrow_mut();
            let known = writers.iter().position(|(of, _)| of.as_ptr() == Arc::as_ptr(node));
            let at = known.unwrap_or_else(|| {
                writers.retain(|(of, _)| of.strong_count() > 0);
                writers.push((Arc::downgrade(node), Writer::new(node)));
                writers.len() - 1
            });
            work(&mut writers[at].1)
        })
        .unwrap_or_else(|_| {
            let mut reserve = node.reserve.lock().unwrap_or_else(PoisonError::into_inner);
            work(reserve.get_or_insert_with(|| Writer::new(node)))
        })
}

impl Writer {
    pub(crate) fn new(node: &Node) -> Self {
        Self {
            number: node.next_writer.fetch_add(1, Ordering::Relaxed),
            next_segment: 0,
            segment: None,
            scratch: Vec::new(),
        }
    }

    /// Writes an opened entry.
    pub(crate) fn opened(&mut self, node: &Node, log: &Log) -> io::Result<()> {
        let order = node.next_order();
        compose(&mut self.scratch, Kind::Opened, order, log)?;
        let segment = current(&mut self.segment, &mut self.next_segment, self.number, node)?;
        segment.append(&mut [IoSlice::new(&self.scratch)])?;
        self.scratch.shrink_to(SCRATCH_KEPT);
        Ok(())
    }

    /// Writes the content and the closed entry, all or nothing. The content is not copied; the
    /// caller has seen to it that it [`fits`].
    pub(crate) fn closed(&mut self, node: &Node, log: &Log, content: &Content) -> io::Result<()> {
        let order = node.next_order();
        compose(&mut self.scratch, Kind::Closed, order, log)?;
        let segment = current(&mut self.segment, &mut self.next_segment, self.number, node)?;
        let request = body(ContentPart::Request, order, log.id, content.request.as_ref());
        let response = body(ContentPart::Response, order, log.id, content.response.as_ref());
        let mut slices = [IoSlice::new(&[]); 5];
        let mut used = 0;
        for (header, sealed) in [&request, &response].into_iter().flatten() {
            slices[used] = IoSlice::new(header);
            slices[used + 1] = IoSlice::new(sealed);
            used += 2;
        }
        slices[used] = IoSlice::new(&self.scratch);
        segment.append(&mut slices[..=used])?;
        self.scratch.shrink_to(SCRATCH_KEPT);
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(segment) = &self.segment {
            segment.finished.store(true, Ordering::Release);
        }
    }
}

/// Whether content of this size can be written at all.
pub(crate) fn fits(sealed: &Sealed) -> bool {
    sealed.as_bytes().len() <= MAX_PAYLOAD
}

/// An opened or closed entry, whole, in `scratch`. Fails with [`io::ErrorKind::FileTooLarge`] when
/// the log is longer than an entry may be: no waiting will make it fit.
fn compose(scratch: &mut Vec<u8>, kind: Kind, order: u64, log: &Log) -> io::Result<()> {
    scratch.clear();
    scratch.resize(HEADER_LEN, 0);
    serde_json::to_writer(&mut *scratch, log)?;
    if scratch.len() - HEADER_LEN > MAX_PAYLOAD {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let header = entry::header(kind, None, order, log.id, &scratch[HEADER_LEN..]);
    scratch[..HEADER_LEN].copy_from_slice(&header);
    Ok(())
}

fn body(
    part: ContentPart,
    order: u64,
    call: CallId,
    sealed: Option<&Sealed>,
) -> Option<([u8; HEADER_LEN], &[u8])> {
    let sealed = sealed?.as_bytes();
    Some((entry::header(Kind::Body, Some(part), order, call, sealed), sealed))
}

/// The segment to append to: a new one when there is none, or the present one is full or old.
fn current<'s>(
    slot: &'s mut Option<Arc<Segment>>,
    next: &mut u32,
    writer: u32,
    node: &Node,
) -> io::Result<&'s Segment> {
    let now = node.ticks.load(Ordering::Relaxed);
    let usable = slot.as_ref().is_some_and(|segment| {
        !segment.finished.load(Ordering::Relaxed)
            && segment.written.load(Ordering::Relaxed) < node.settings.segment_bytes
            && now.saturating_sub(segment.born) < node.segment_ticks
    });
    if !usable {
        let name = SegmentName { writer, number: *next };
        let fresh = Arc::new(Segment::create(&node.dir, name, now)?);
        *next += 1;
        // Registered before its first entry: whoever sees the entry's order sees the segment.
        node.register(Arc::clone(&fresh));
        if let Some(old) = slot.replace(fresh) {
            old.finished.store(true, Ordering::Release);
        }
    }
    Ok(slot.as_deref().expect("was usable or has just been made"))
}
