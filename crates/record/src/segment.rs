//! One segment file: appended to by one writer, read by the shipper up to what is whole.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, IoSlice},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::entry::MAGIC;

/// Names a segment within its node: the writer's number, then the file's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    pub(crate) writer: u32,
    pub(crate) number: u32,
}

/// A segment that a writer of this process made.
pub(crate) struct Segment {
    pub(crate) name: SegmentName,
    pub(crate) file: File,
    /// Which tick of the sync thread saw it born.
    pub(crate) born: u64,
    /// Bytes of magic and whole entries. Stored after the kernel has them.
    pub(crate) written: AtomicU64,
    /// Bytes known to be on the disk.
    pub(crate) synced: AtomicU64,
    /// No entry will follow.
    pub(crate) finished: AtomicBool,
}

impl SegmentName {
    /// Reads a file name such as `3-17.seg`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (writer, number) = name.strip_suffix(".seg")?.split_once('-')?;
        Some(Self { writer: writer.parse().ok()?, number: number.parse().ok()? })
    }

    pub(crate) fn path(self, dir: &Path) -> PathBuf {
        dir.join(self.to_string())
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.seg", self.writer, self.number)
    }
}

impl Segment {
    pub(crate) fn create(dir: &Path, name: SegmentName, born: u64) -> io::Result<Self> {
        let path = name.path(dir);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let segment = Self {
            name,
            file,
            born,
            written: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            finished: AtomicBool::new(false),
        };
        if let Err(error) = segment.append(&mut [IoSlice::new(&MAGIC)]) {
            // A full disk must not gather a file for each refused call. If removing fails too,
            // recovery reads an empty file.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(segment)
    }

    /// Appends whole entries: all of them or, on an error, none. Only the segment's one writer may
    /// call this.
    pub(crate) fn append(&self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        let start = self.written.load(Ordering::Relaxed);
        let mut end = start;
        while !slices.is_empty() {
            match rustix::io::pwritev(&self.file, slices, end) {
                Ok(0) => return Err(self.cut_back(start, io::ErrorKind::WriteZero.into())),
                Ok(n) => {
                    end += n as u64;
                    IoSlice::advance_slices(&mut slices, n);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(self.cut_back(start, error.into())),
            }
        }
        self.written.store(end, Ordering::Release);
        Ok(())
    }

    /// Takes back a half-written entry. Where even that fails, the file takes no more entries: a
    /// reader of a later process will find the half one at its very end.
    fn cut_back(&self, to: u64, error: io::Error) -> io::Error {
        if self.file.set_len(to).is_err() {
            self.finished.store(true, Ordering::Release);
        }
        error
    }
}
