//! The recorder: the port that calls write through.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use portcullis_domain::{Log, NodeId, Opened, RecordUnavailable, Recorder, Sealed, StoredContent};

use crate::{
    node::{Node, StartError},
    spill,
    sync::Syncer,
    writer::{self, TooLong, Unwritten, with_writer},
};

/// How the record is kept.
#[derive(Clone, Debug)]
pub struct RecordSettings {
    /// A segment that has reached this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// A segment this old is followed by a new one at the next write, so that content that has
    /// been shipped does not lie around in it.
    pub segment_age: Duration,
    /// How often what was written is forced to the disk: the most that a power cut can lose.
    pub sync_window: Duration,
    /// How many bytes of ended calls are kept in memory while the disk refuses them.
    pub spill_bytes: usize,
}

/// Records calls in segment files. Every thread writes to a file of its own, without a lock: each
/// fact with one system call, or all of a turn's together where the thread flushes.
pub struct SegmentRecorder {
    // Declared first, so that the last sync happens while the node still holds its lock.
    _syncer: Syncer,
    node: Arc<Node>,
}

/// What the recorder has done since it started. Calls closed =
/// `closed` + `spilled` + `lost`, at any quiet moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecorderStats {
    /// Calls opened.
    pub opened: u64,
    /// Calls refused because their opening could not be written.
    pub open_failed: u64,
    /// Calls whose end has been written.
    pub closed: u64,
    /// Calls whose end waits in memory for the disk.
    pub spilled: u64,
    /// Calls whose end could be neither written nor kept in memory. Those that were opened will
    /// be shipped as interrupted after the next start.
    pub lost: u64,
    /// Calls whose content was dropped for want of room, or because it is longer than an entry
    /// may be (64 MiB); their logs were kept.
    pub content_lost: u64,
    /// Times that the disk failed to confirm what was written.
    pub sync_failed: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) opened: AtomicU64,
    pub(crate) open_failed: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) content_lost: AtomicU64,
    pub(crate) sync_failed: AtomicU64,
}

impl Default for RecordSettings {
    /// Segments of 64 MiB or ten minutes, synced every 50 ms, 16 MiB of spill.
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            segment_age: Duration::from_secs(600),
            sync_window: Duration::from_millis(50),
            spill_bytes: 16 << 20,
        }
    }
}

impl SegmentRecorder {
    /// Opens a record for `node` under the data directory and starts syncing. The node's id must
    /// be this process's own: what earlier processes left is the shipper's to recover.
    pub fn start(data: &Path, node: NodeId, settings: RecordSettings) -> Result<Self, StartError> {
        let node = Arc::new(Node::create(data, node, settings)?);
        Ok(Self { _syncer: Syncer::start(Arc::clone(&node))?, node })
    }

    /// What has been recorded so far.
    pub fn stats(&self) -> RecorderStats {
        let counters = &self.node.counters;
        let spill = self.node.spill.lock().unwrap_or_else(PoisonError::into_inner);
        RecorderStats {
            opened: counters.opened.load(Ordering::Relaxed),
            open_failed: counters.open_failed.load(Ordering::Relaxed),
            closed: counters.closed.load(Ordering::Relaxed),
            spilled: spill.len() as u64,
            lost: counters.lost.load(Ordering::Relaxed),
            content_lost: counters.content_lost.load(Ordering::Relaxed),
            sync_failed: counters.sync_failed.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }
}

impl Recorder for SegmentRecorder {
    fn open(&self, log: &Log) -> Result<Opened, RecordUnavailable> {
        let opened = with_writer(&self.node, |writer| writer.opened(&self.node, log));
        opened.or_else(|unwritten| match unwritten {
            Unwritten::TooLong if !is_brief(log) => self.open(&brief(log)),
            Unwritten::TooLong => Err(RecordUnavailable("the log is too long".to_owned())),
            Unwritten::Disk(error) => Err(RecordUnavailable(error.to_string())),
        })
    }

    fn poll_opened(
        &self,
        opened: Opened,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), RecordUnavailable>> {
        with_writer(&self.node, |writer| match writer.is_written(opened) {
            Some(written) => Poll::Ready(written),
            None => {
                writer.wake(cx.waker());
                Poll::Pending
            }
        })
    }

    fn close(&self, log: &Log, content: Option<Sealed>) {
        if content.as_ref().is_some_and(|sealed| !writer::fits(sealed)) {
            self.node.counters.content_lost.fetch_add(1, Ordering::Relaxed);
            tracing::error!(call = %log.id, "content is longer than the record takes; dropped");
            return self.close(&without_content(log), None);
        }
        let closed =
            with_writer(&self.node, |writer| writer.closed(&self.node, log, content.as_ref()));
        if let Err(TooLong) = closed {
            if is_brief(log) {
                spill::put(&self.node, log, content, &io::ErrorKind::FileTooLarge.into());
            } else {
                tracing::error!(call = %log.id, "a log is longer than the record takes; cut");
                self.close(&brief(log), content);
            }
        }
    }

    fn flush(&self, again: &Waker) {
        writer::flush(&self.node, again);
    }
}

/// The log of a call whose content is not kept after all.
pub(crate) fn without_content(log: &Log) -> Log {
    Log { stored_content: StoredContent::None, ..log.clone() }
}

/// Characters that a text of a log keeps when the log is too long to be written.
const BRIEF: usize = 256;

/// A log without what can make it long: others bound these texts, but the record must not depend
/// on that to be able to write it down.
fn brief(log: &Log) -> Log {
    let mut log = Log { metadata: BTreeMap::new(), ..log.clone() };
    for text in texts(&mut log) {
        *text = text.chars().take(BRIEF).collect();
    }
    log
}

fn is_brief(log: &Log) -> bool {
    log.metadata.is_empty() && texts(&mut log.clone()).all(|text| text.chars().count() <= BRIEF)
}

/// Every text of a log that comes from outside.
fn texts(log: &mut Log) -> impl Iterator<Item = &mut String> {
    let said = [
        &mut log.user,
        &mut log.model_asked,
        &mut log.parent_span_id,
        &mut log.span_name,
        &mut log.sdk_version,
        &mut log.runtime,
        &mut log.runtime_version,
        &mut log.user_agent,
        &mut log.upstream_host,
        &mut log.error_detail,
        &mut log.model_served,
        &mut log.upstream_id,
        &mut log.finish_reason,
    ];
    let always = [&mut log.request_url, &mut log.trace_id, &mut log.span_id];
    said.into_iter().flatten().chain(always)
}
