//! How far the sink has confirmed a node's segments.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

/// The confirmed place in every segment that still exists.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cursor {
    version: u32,
    /// By file name.
    pub(crate) segments: BTreeMap<String, Place>,
}

/// The confirmed place in one segment.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Everything before is shipped, but for calls still open.
    pub(crate) at: u64,
    /// Where those have their opened entries.
    pub(crate) waiting: Vec<u64>,
}

const VERSION: u32 = 1;

impl Cursor {
    pub(crate) fn new(segments: BTreeMap<String, Place>) -> Self {
        Self { version: VERSION, segments }
    }

    /// Reads a node's cursor. Where there is none, nothing has been confirmed.
    pub(crate) fn load(dir: &Path) -> io::Result<Self> {
        let text = match fs::read(dir.join("cursor")) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let cursor: Self = serde_json::from_slice(&text)?;
        if cursor.version == VERSION {
            Ok(cursor)
        } else {
            Err(io::Error::other("the cursor was written by a newer release; run that release"))
        }
    }

    /// Replaces a node's cursor, whole or not at all.
    pub(crate) fn save(&self, dir: &Path) -> io::Result<()> {
        let fresh = dir.join("cursor.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_data()?;
        fs::rename(fresh, dir.join("cursor"))
    }
}
