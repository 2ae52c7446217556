//! Where logs go that the sink refuses for good, and bytes that cannot be read: kept, not lost.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use portcullis_domain::CallId;

use crate::{
    entry::{self, Kind, MAGIC},
    node::make_dir,
    segment::SegmentName,
};

/// The dead-letter files of one node.
pub(crate) struct DeadLetters {
    dir: PathBuf,
    node: String,
}

impl DeadLetters {
    pub(crate) fn new(data: &Path, node: String) -> Self {
        Self { dir: data.join("dead-letter"), node }
    }

    /// Appends a log with its content and the reason, in the format of segments, and has it on
    /// the disk before returning.
    pub(crate) fn put(
        &self,
        call: CallId,
        fields: &[u8],
        content: Option<&[u8]>,
        reason: &str,
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut entry = |kind, payload: &[u8]| {
            bytes.extend_from_slice(&entry::header(kind, 0, call, payload));
            bytes.extend_from_slice(payload);
        };
        if let Some(sealed) = content {
            entry(Kind::Content, sealed);
        }
        entry(Kind::Closed, fields);
        entry(Kind::Refused, reason.as_bytes());

        let mut file = self.file(&format!("{}.seg", self.node), true)?;
        if file.metadata()?.len() == 0 {
            file.write_all(&MAGIC)?;
        }
        file.write_all(&bytes)?;
        file.sync_all()
    }

    /// Keeps the bytes of a segment from `at` on; repeating it changes nothing. Returns their
    /// number.
    pub(crate) fn keep_torn(&self, dir: &Path, name: SegmentName, at: u64) -> io::Result<u64> {
        let torn = File::open(name.path(dir))?;
        let kept = self.file(&format!("{}-{name}.torn", self.node), false)?;
        kept.set_len(0)?;
        let mut buffer = vec![0; 64 << 10];
        let mut copied = 0;
        loop {
            let n = torn.read_at(&mut buffer, at + copied)?;
            if n == 0 {
                break;
            }
            kept.write_all_at(&buffer[..n], copied)?;
            copied += n as u64;
        }
        kept.sync_all()?;
        Ok(copied)
    }

    fn file(&self, name: &str, append: bool) -> io::Result<File> {
        make_dir(&self.dir).map_err(io::Error::other)?;
        let mut options = OpenOptions::new();
        options.write(true).append(append).create(true).truncate(false).mode(0o600);
        options.open(self.dir.join(name))
    }
}
