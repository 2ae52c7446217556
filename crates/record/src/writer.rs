//! What one thread writes with: a segment of its own, and the entries that wait for the next write.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    mem,
    sync::{Arc, PoisonError, Weak, atomic::Ordering},
    task::Waker,
};

use portcullis_domain::{Log, Opened, RecordUnavailable, Sealed};

use crate::{
    codec,
    entry::{self, HEADER_LEN, Kind, MAX_PAYLOAD, Parsed},
    node::Node,
    segment::{Segment, SegmentName},
    spill,
};

/// Bytes that wait for the next write at most, and the most of a buffer that is kept: one huge
/// entry must not stay in memory for ever.
const MAX_PENDING: usize = 256 << 10;
/// Content from this size on is written from where it is instead of being copied.
const LARGE: usize = 32 << 10;

thread_local! {
    static WRITERS: RefCell<Vec<(Weak<Node>, Writer)>> = const { RefCell::new(Vec::new()) };
}

/// Appends entries for one thread.
pub(crate) struct Writer {
    number: u32,
    next_segment: u32,
    segment: Option<Arc<Segment>>,
    /// Whole entries that no write has taken yet.
    pending: Vec<u8>,
    /// Openings and closings among them.
    pending_opened: u64,
    pending_closed: u64,
    /// The number of the next write.
    next_write: u64,
    /// Of the writes with lower numbers, some failed.
    sound_from: u64,
    /// Why.
    reason: String,
    /// Who waits for the next write.
    waiting: Vec<Waker>,
    /// Who makes it, on a thread where entries wait for one.
    flusher: Option<Waker>,
}

/// A log that is longer than an entry may be: no waiting will make it fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLong;

/// Why an entry was not written.
#[derive(Debug)]
pub(crate) enum Unwritten {
    TooLong,
    Disk(io::Error),
}

impl From<TooLong> for Unwritten {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}

/// Runs `work` with this thread's writer. While the thread is being torn down, a client's hang-up
/// for one, the node's shared reserve stands in.
pub(crate) fn with_writer<R>(node: &Arc<Node>, work: impl FnOnce(&mut Writer) -> R) -> R {
    let mut work = Some(work);
    let mut once = |writer: &mut Writer| work.take().expect("only called once")(writer);
    let own = WRITERS.try_with(|writers| {
        let writers = &mut *writers.borrow_mut();
        let known = writers.iter().position(|(of, _)| of.as_ptr() == Arc::as_ptr(node));
        let at = known.unwrap_or_else(|| {
            writers.retain(|(of, _)| of.strong_count() > 0);
            writers.push((Arc::downgrade(node), Writer::new(node)));
            writers.len() - 1
        });
        once(&mut writers[at].1)
    });
    own.unwrap_or_else(|_| {
        let mut reserve = node.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = reserve.get_or_insert_with(|| Writer::new(node));
        let done = once(writer);
        writer.flusher = None;
        // Nobody comes back to flush it. What fails is spilled.
        let _ = writer.write(node, &[]);
        done
    })
}

/// Writes what waits on this thread, and has its facts wait from now on until `again`, which the
/// first of them wakes.
pub(crate) fn flush(node: &Arc<Node>, again: &Waker) {
    let mut woken = with_writer(node, |writer| {
        if !writer.flusher.as_ref().is_some_and(|known| known.will_wake(again)) {
            writer.flusher = Some(again.clone());
        }
        // What failed is told to whoever asks for it, and spilled.
        let _ = writer.write(node, &[]);
        mem::take(&mut writer.waiting)
    });
    // With the writer let go: to be woken can mean to end, and that is recorded too.
    woken.drain(..).for_each(Waker::wake);
    with_writer(node, |writer| {
        if writer.waiting.is_empty() {
            writer.waiting = woken;
        }
    });
}

impl Writer {
    pub(crate) fn new(node: &Node) -> Self {
        Self {
            number: node.next_writer.fetch_add(1, Ordering::Relaxed),
            next_segment: 0,
            segment: None,
            pending: Vec::new(),
            pending_opened: 0,
            pending_closed: 0,
            next_write: 1,
            sound_from: 0,
            reason: String::new(),
            waiting: Vec::new(),
            flusher: None,
        }
    }

    /// Adds an opened entry to the next write; the number of that write.
    pub(crate) fn opened(&mut self, node: &Node, log: &Log) -> Result<Opened, Unwritten> {
        compose(&mut self.pending, Kind::Opened, node.next_order(), log)?;
        self.pending_opened += 1;
        let opened = Opened(self.next_write);
        self.settle(node).map_err(Unwritten::Disk)?;
        Ok(opened)
    }

    /// Whether the write of an opening was made, and how it went.
    pub(crate) fn is_written(&self, opened: Opened) -> Option<Result<(), RecordUnavailable>> {
        let Opened(write) = opened;
        if write >= self.next_write {
            None
        } else if write >= self.sound_from {
            Some(Ok(()))
        } else {
            Some(Err(RecordUnavailable(self.reason.clone())))
        }
    }

    /// Wakes this one when the next write was made.
    pub(crate) fn wake(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|known| known.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    /// Adds the content and the closed entry to the next write. What the disk refuses is spilled;
    /// the caller has seen to it that the content [`fits`].
    pub(crate) fn closed(
        &mut self,
        node: &Node,
        log: &Log,
        content: Option<&Sealed>,
    ) -> Result<(), TooLong> {
        if content.is_some_and(|sealed| sealed.as_bytes().len() >= LARGE) {
            return match self.closed_now(node, log, content) {
                Ok(()) => Ok(()),
                Err(Unwritten::TooLong) => Err(TooLong),
                Err(Unwritten::Disk(error)) => {
                    spill::put(node, log, content.cloned(), &error);
                    Ok(())
                }
            };
        }
        let order = node.next_order();
        let start = self.pending.len();
        if let Some(sealed) = content.map(Sealed::as_bytes) {
            let header = entry::header(Kind::Content, order, log.id, sealed);
            self.pending.extend_from_slice(&header);
            self.pending.extend_from_slice(sealed);
        }
        if let Err(error) = compose(&mut self.pending, Kind::Closed, order, log) {
            self.pending.truncate(start);
            return Err(error);
        }
        self.pending_closed += 1;
        // What cannot be written is spilled.
        let _ = self.settle(node);
        Ok(())
    }

    /// Writes the content, which is not copied, and the closed entry, all or nothing.
    pub(crate) fn closed_now(
        &mut self,
        node: &Node,
        log: &Log,
        content: Option<&Sealed>,
    ) -> Result<(), Unwritten> {
        let order = node.next_order();
        let mut entry = Vec::new();
        compose(&mut entry, Kind::Closed, order, log)?;
        let written = match content.map(Sealed::as_bytes) {
            None => self.write(node, &[&entry]),
            Some(sealed) => {
                let header = entry::header(Kind::Content, order, log.id, sealed);
                self.write(node, &[&header, sealed, &entry])
            }
        };
        written.map_err(Unwritten::Disk)?;
        node.counters.closed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Writes now, unless the thread has somebody who will do so soon.
    fn settle(&mut self, node: &Node) -> io::Result<()> {
        if let Some(flusher) = &self.flusher
            && self.pending.len() < MAX_PENDING
        {
            if self.pending_opened + self.pending_closed == 1 {
                flusher.wake_by_ref();
            }
            return Ok(());
        }
        let written = self.write(node, &[]);
        // They see the outcome when they are polled, which is no later than they would have been.
        self.waiting.drain(..).for_each(Waker::wake);
        written
    }

    /// Writes the entries that wait, and `more` behind them, all or nothing.
    fn write(&mut self, node: &Node, more: &[&[u8]]) -> io::Result<()> {
        if self.pending.is_empty() && more.is_empty() {
            return Ok(());
        }
        let mut slices = [IoSlice::new(&[]); 4];
        slices[0] = IoSlice::new(&self.pending);
        for (slot, bytes) in slices[1..].iter_mut().zip(more) {
            *slot = IoSlice::new(bytes);
        }
        let segment = current(&mut self.segment, &mut self.next_segment, self.number, node);
        let written = segment.and_then(|segment| segment.append(&mut slices[..=more.len()]));
        let (opened, closed) =
            (mem::take(&mut self.pending_opened), mem::take(&mut self.pending_closed));
        let counters = &node.counters;
        match &written {
            Ok(()) => {
                counters.opened.fetch_add(opened, Ordering::Relaxed);
                counters.closed.fetch_add(closed, Ordering::Relaxed);
            }
            Err(error) => {
                counters.open_failed.fetch_add(opened, Ordering::Relaxed);
                self.sound_from = self.next_write + 1;
                self.reason = error.to_string();
                spill_all(node, &self.pending, error);
            }
        }
        self.next_write += 1;
        self.pending.clear();
        self.pending.shrink_to(MAX_PENDING);
        written
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(segment) = &self.segment else { return };
        if !self.pending.is_empty()
            && let Err(error) = segment.append(&mut [IoSlice::new(&self.pending)])
        {
            tracing::error!(%error, "the last calls of a thread could not be recorded");
        }
        segment.finished.store(true, Ordering::Release);
    }
}

/// Whether content of this size can be written at all.
pub(crate) fn fits(sealed: &Sealed) -> bool {
    sealed.as_bytes().len() <= MAX_PAYLOAD
}

/// Appends an opened or closed entry, or nothing.
fn compose(out: &mut Vec<u8>, kind: Kind, order: u64, log: &Log) -> Result<(), TooLong> {
    let start = out.len();
    out.resize(start + HEADER_LEN, 0);
    codec::encode(log, out);
    let payload = &out[start + HEADER_LEN..];
    if payload.len() > MAX_PAYLOAD {
        out.truncate(start);
        return Err(TooLong);
    }
    let header = entry::header(kind, order, log.id, payload);
    out[start..start + HEADER_LEN].copy_from_slice(&header);
    Ok(())
}

/// Spills every closed call among some entries.
fn spill_all(node: &Node, mut entries: &[u8], error: &io::Error) {
    let mut content = None;
    while let Parsed::Whole(entry) = entry::parse(entries) {
        let payload = &entries[HEADER_LEN..entry.len()];
        match entry.kind {
            Kind::Content => content = Sealed::from_bytes(payload.to_vec()).ok(),
            Kind::Closed => match codec::decode(payload) {
                Ok(log) => spill::put(node, &log, content.take(), error),
                Err(error) => tracing::error!(%error, "an entry of our own cannot be read"),
            },
            Kind::Opened | Kind::Refused => {}
        }
        entries = &entries[entry.len()..];
    }
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
