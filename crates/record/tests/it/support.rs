//! A recorder and a shipper over a temporary directory, and a sink that remembers.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use portcullis_domain::{
    CallId, Dice, Log, LogState, NodeId, Opened, RecordUnavailable, Recorder, Sealed, StoredContent,
};
use portcullis_record::{
    Batch, LogSink, RecordSettings, SegmentRecorder, Shipper, ShipperSettings, SinkError,
};
use uuid::Uuid;

use crate::sample;

/// Dice that fall as a counter says: jitter needs no more.
#[derive(Default)]
pub(crate) struct CountingDice(AtomicU64);

impl Dice for CountingDice {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(37, Ordering::Relaxed) as u8);
    }
}

/// What the sink does with a batch before it stores it.
pub(crate) type Mood = Box<dyn FnMut(&Batch) -> Outcome + Send>;

/// See [`Mood`].
pub(crate) enum Outcome {
    /// Stores the batch.
    Store,
    /// Stores the batch, but the confirmation is lost.
    StoreThenFail,
    /// Stores nothing.
    Fail(SinkError),
    /// Never answers.
    Hang,
}

/// Keeps the first log under an id, as the store does.
pub(crate) struct MemorySink {
    pub(crate) logs: Mutex<BTreeMap<CallId, Log>>,
    pub(crate) contents: Mutex<BTreeMap<CallId, Sealed>>,
    /// How many logs came that were there already.
    pub(crate) repeats: AtomicU64,
    mood: Mutex<Mood>,
}

impl MemorySink {
    pub(crate) fn new(mood: impl FnMut(&Batch) -> Outcome + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            logs: Mutex::default(),
            contents: Mutex::default(),
            repeats: AtomicU64::new(0),
            mood: Mutex::new(Box::new(mood)),
        })
    }

    pub(crate) fn willing() -> Arc<Self> {
        Self::new(|_| Outcome::Store)
    }

    /// Call numbers in a state.
    pub(crate) fn numbers(&self, state: LogState) -> BTreeSet<u128> {
        let logs = self.logs.lock().unwrap();
        logs.values().filter(|l| l.state == state).map(|l| l.id.uuid().as_u128()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.logs.lock().unwrap().len()
    }

    fn store(&self, batch: &Batch) {
        let mut logs = self.logs.lock().unwrap();
        for shipped in &batch.logs {
            let fields: Log = serde_json::from_str(&shipped.fields).unwrap();
            assert_eq!(fields, shipped.log, "text and columns say the same");
            match logs.entry(shipped.log.id) {
                Entry::Occupied(_) => {
                    self.repeats.fetch_add(1, Ordering::Relaxed);
                }
                Entry::Vacant(free) => {
                    free.insert(shipped.log.clone());
                }
            }
        }
        let mut contents = self.contents.lock().unwrap();
        for shipped in &batch.logs {
            contents.extend(shipped.content.clone().map(|sealed| (shipped.log.id, sealed)));
        }
    }
}

impl LogSink for MemorySink {
    fn ship<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<(), SinkError>> {
        async move {
            // Through the runtime's timer, so that tests cover a sink that really waits.
            tokio::time::sleep(Duration::from_micros(1)).await;
            // A mood that panics is part of a test: the next try asks it again.
            let outcome = (self.mood.lock().unwrap_or_else(PoisonError::into_inner))(batch);
            match outcome {
                Outcome::Store => self.store(batch),
                Outcome::StoreThenFail => {
                    self.store(batch);
                    return Err(SinkError::Unavailable("the connection broke".into()));
                }
                Outcome::Fail(error) => return Err(error),
                Outcome::Hang => std::future::pending().await,
            }
            Ok(())
        }
        .boxed()
    }
}

pub(crate) fn unavailable() -> Outcome {
    Outcome::Fail(SinkError::Unavailable("down".into()))
}

/// A data directory, in memory where the system has such: these tests start many processes' worth
/// of records, and none of them pulls the plug.
pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub(crate) fn node(n: u128) -> NodeId {
    NodeId::from_uuid(Uuid::from_u128(n))
}

pub(crate) fn recorder(data: &Path, n: u128) -> SegmentRecorder {
    recorder_with(data, n, RecordSettings::default())
}

pub(crate) fn recorder_with(data: &Path, n: u128, settings: RecordSettings) -> SegmentRecorder {
    SegmentRecorder::start(data, node(n), settings).unwrap()
}

/// A shipper that works only when a flush asks, and tries again soon after a failure.
pub(crate) fn shipper(recorder: &SegmentRecorder, sink: &Arc<MemorySink>) -> Shipper {
    shipper_with(recorder, sink, quick())
}

pub(crate) fn quick() -> ShipperSettings {
    ShipperSettings {
        interval: Duration::from_secs(3600),
        retry_first: Duration::from_millis(1),
        retry_most: Duration::from_millis(2),
        ..ShipperSettings::default()
    }
}

pub(crate) fn shipper_with(
    recorder: &SegmentRecorder,
    sink: &Arc<MemorySink>,
    settings: ShipperSettings,
) -> Shipper {
    let sink = Arc::clone(sink) as Arc<dyn LogSink>;
    let dice = Arc::new(CountingDice::default());
    Shipper::start(recorder, sink, dice, tokio::runtime::Handle::current(), settings).unwrap()
}

/// Flushes until the sink has taken everything.
pub(crate) async fn flush_patiently(shipper: &Shipper) {
    for _ in 0..10_000 {
        if shipper.flush().await.is_ok() {
            return;
        }
    }
    panic!("the sink never took everything: {:?}", shipper.stats());
}

pub(crate) fn open(recorder: &SegmentRecorder, n: u128) {
    recorder.open(&sample::log(n)).unwrap();
}

/// Whether an opening survives the process by now, and if it ever will.
pub(crate) fn is_open(
    recorder: &SegmentRecorder,
    opened: Opened,
) -> Option<Result<(), RecordUnavailable>> {
    match recorder.poll_opened(opened, &mut Context::from_waker(Waker::noop())) {
        Poll::Ready(written) => Some(written),
        Poll::Pending => None,
    }
}

pub(crate) fn close(recorder: &SegmentRecorder, n: u128) {
    recorder.close(&closed(n), None);
}

pub(crate) fn closed(n: u128) -> Log {
    Log {
        state: LogState::Finished,
        response_status: Some(200),
        is_success: true,
        ..sample::log(n)
    }
}

pub(crate) fn close_with_content(recorder: &SegmentRecorder, n: u128, bytes: usize) {
    let log = Log { stored_content: StoredContent::Full, ..closed(n) };
    recorder.close(&log, Some(sealed(n as u8, bytes)));
}

/// Bytes in the vault's envelope; what is in it does not matter here.
pub(crate) fn sealed(fill: u8, len: usize) -> Sealed {
    let mut bytes = vec![fill; Sealed::HEADER_LEN + Sealed::TAG_LEN + len];
    bytes[..4].copy_from_slice(&Sealed::MAGIC);
    Sealed::from_bytes(bytes).unwrap()
}

/// The segment files of a node.
pub(crate) fn segments(data: &Path, n: u128) -> Vec<PathBuf> {
    files(&data.join("segments").join(node(n).to_string()), "seg")
}

/// Files with an extension, sorted.
pub(crate) fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == extension));
    files.sort();
    files
}
