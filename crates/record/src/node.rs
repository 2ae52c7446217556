//! A node's directory, who may touch it, and what the node's threads share.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use portcullis_domain::NodeId;

use crate::{
    recorder::{Counters, RecordSettings},
    segment::Segment,
    spill::Spill,
    writer::Writer,
};

/// Why the record cannot be kept in this directory.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A directory or file cannot be made or locked.
    #[error("{path}: {source}; the data directory must be writable and on a local disk")]
    Directory {
        /// Which one.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The node's id is not fresh.
    #[error("node {0} already has a record here; every process needs a new node id")]
    NodeInUse(NodeId),
    /// A background thread cannot be started.
    #[error("cannot start the thread {name}: {source}; raise the limit on processes")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

/// A node of this process: its directory and what its writers, syncer and shipper share.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) data: PathBuf,
    pub(crate) dir: PathBuf,
    pub(crate) settings: RecordSettings,
    /// How many ticks of the sync thread a segment may live.
    pub(crate) segment_ticks: u64,
    /// Ticks of the sync thread: a clock that costs a call nothing.
    pub(crate) ticks: AtomicU64,
    pub(crate) next_writer: AtomicU32,
    pub(crate) counters: Counters,
    /// Writes for threads that are being torn down, and what was spilled.
    pub(crate) reserve: Mutex<Option<Writer>>,
    pub(crate) spill: Mutex<Spill>,
    /// A segment was made whose name is not yet on the disk.
    pub(crate) dir_changed: AtomicBool,
    order: AtomicU64,
    /// Segments not yet deleted. Locked when a segment is made or deleted, never for an entry.
    segments: Mutex<Vec<Arc<Segment>>>,
    /// Held while this process lives.
    _lock: File,
}

/// The directory of a process that has ended, locked by us.
pub(crate) struct DeadNode {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    root: PathBuf,
    _lock: File,
}

impl Node {
    pub(crate) fn create(
        data: &Path,
        id: NodeId,
        settings: RecordSettings,
    ) -> Result<Self, StartError> {
        let root = root(data)?;
        let dir = root.join(id.to_string());
        let _gate = gate(&root)?;
        if dir.exists() {
            return Err(StartError::NodeInUse(id));
        }
        make_dir(&dir)?;
        let lock = lock_file(&dir.join("lock"))?;
        lock.lock().map_err(at(&dir))?;
        let window = settings.sync_window.as_micros().max(1);
        let segment_ticks = (settings.segment_age.as_micros() / window).max(1);
        Ok(Self {
            id,
            data: data.to_owned(),
            dir,
            settings,
            segment_ticks: u64::try_from(segment_ticks).unwrap_or(u64::MAX),
            ticks: AtomicU64::new(0),
            next_writer: AtomicU32::new(0),
            counters: Counters::default(),
            reserve: Mutex::default(),
            spill: Mutex::default(),
            dir_changed: AtomicBool::new(true),
            order: AtomicU64::new(0),
            segments: Mutex::default(),
            _lock: lock,
        })
    }

    /// The next number in the order of events.
    pub(crate) fn next_order(&self) -> u64 {
        // Release: whoever sees this number also sees all that happened before it was drawn, the
        // opened entry of the same call included. See `horizon`.
        self.order.fetch_add(1, Ordering::AcqRel)
    }

    /// A line in the order of events: when an entry below it is a call's closing, then the call's
    /// opening is visible to whoever looks at the segments after drawing the line.
    pub(crate) fn horizon(&self) -> u64 {
        self.order.load(Ordering::Acquire)
    }

    pub(crate) fn register(&self, segment: Arc<Segment>) {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner).push(segment);
        self.dir_changed.store(true, Ordering::Release);
    }

    /// Forgets a segment that is fully shipped.
    pub(crate) fn forget(&self, name: crate::segment::SegmentName) {
        let mut segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        segments.retain(|segment| segment.name != name);
    }

    pub(crate) fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl DeadNode {
    /// Takes over every directory whose process has ended. A living process holds its lock, and
    /// the operating system lets go of it when the process dies, however it dies.
    pub(crate) fn claim_all(data: &Path) -> Result<Vec<Self>, StartError> {
        let root = root(data)?;
        let _gate = gate(&root)?;
        let mut dead = Vec::new();
        for entry in fs::read_dir(&root).map_err(at(&root))? {
            let dir = entry.map_err(at(&root))?.path();
            let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if NodeId::parse(name).is_err() || !dir.is_dir() {
                continue;
            }
            let name = name.to_owned();
            let lock = lock_file(&dir.join("lock"))?;
            match lock.try_lock() {
                Ok(()) => {
                    let root = root.clone();
                    dead.push(Self { name, dir, root, _lock: lock });
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(at(&dir)(source)),
            }
        }
        dead.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(dead)
    }

    /// Removes the directory of a node that is fully shipped.
    pub(crate) fn remove(self) -> Result<(), StartError> {
        let _gate = gate(&self.root)?;
        fs::remove_dir_all(&self.dir).map_err(at(&self.dir))
    }
}

/// Makes a directory that only we may read, with its parents.
pub(crate) fn make_dir(dir: &Path) -> Result<(), StartError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))
}

fn root(data: &Path) -> Result<PathBuf, StartError> {
    let root = data.join("segments");
    make_dir(&root)?;
    Ok(root)
}

/// Held while a node's directory appears, is probed or disappears, so that no process locks a
/// directory that another is just removing.
fn gate(root: &Path) -> Result<File, StartError> {
    let path = root.join("lock");
    let gate = lock_file(&path)?;
    gate.lock().map_err(at(&path))?;
    Ok(gate)
}

fn lock_file(path: &Path) -> Result<File, StartError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).open(path).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::Directory { path: path.display().to_string(), source }
}
