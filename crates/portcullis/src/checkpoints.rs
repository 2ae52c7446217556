//! Checkpoints of the audit trail, kept outside the database: in the data directory and in the
//! node's own log.

use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use portcullis_control::audit_checkpoints;
use portcullis_domain::{AuditCheckpoint, Clock, OrganisationId};
use portcullis_store::Db;
use portcullis_vault::{AuditKey, AuditPublicKey};
use serde_json::{Value, json};

use crate::failure::Failure;

/// The file is begun anew beyond this size; the one before it is kept.
const MAX_FILE: u64 = 8 << 20;
const FILE: &str = "audit-checkpoints.jsonl";
const FILE_BEFORE: &str = "audit-checkpoints.1.jsonl";

/// Writes down where the chains end.
pub(crate) struct Checkpoints {
    path: PathBuf,
    before: PathBuf,
    /// What was written last of each chain.
    written: HashMap<Option<OrganisationId>, u64>,
}

impl Checkpoints {
    pub(crate) fn new(data_dir: &Path) -> Self {
        let (path, before) = (data_dir.join(FILE), data_dir.join(FILE_BEFORE));
        Self { path, before, written: HashMap::new() }
    }

    /// Writes down every chain that has grown since it was written down last.
    pub(crate) async fn write(
        &mut self,
        db: &Db,
        key: &AuditKey,
        clock: &dyn Clock,
    ) -> Result<(), Failure> {
        let all = audit_checkpoints(db, clock.now()).await?;
        let grown = |known: &AuditCheckpoint| {
            self.written.get(&known.chain).is_none_or(|seq| *seq != known.head.seq)
        };
        let grown: Vec<AuditCheckpoint> = all.into_iter().filter(grown).collect();
        if grown.is_empty() {
            return Ok(());
        }
        let mut lines = String::new();
        for checkpoint in &grown {
            let line = line(checkpoint, key);
            tracing::info!(checkpoint = %line, "audit checkpoint");
            lines.push_str(&line);
            lines.push('\n');
        }
        self.append(&lines)?;
        self.written.extend(grown.iter().map(|known| (known.chain, known.head.seq)));
        Ok(())
    }

    fn append(&self, lines: &str) -> io::Result<()> {
        if fs::metadata(&self.path).is_ok_and(|file| file.len() > MAX_FILE) {
            fs::rename(&self.path, &self.before)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
        file.write_all(lines.as_bytes())?;
        file.sync_data()
    }
}

/// The files in a data directory, the older first.
pub(crate) fn files(data_dir: &Path) -> Vec<PathBuf> {
    [FILE_BEFORE, FILE].map(|name| data_dir.join(name)).into_iter().filter(|p| p.exists()).collect()
}

/// A checkpoint with its signature.
pub(crate) fn line(checkpoint: &AuditCheckpoint, key: &AuditKey) -> String {
    let text = checkpoint.text();
    let signature: String =
        key.sign_checkpoint(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"checkpoint": text, "signature": signature}).to_string()
}

/// The checkpoints in a file, each of which the key has signed. A line that it has not, or that
/// cannot be read, is a complaint: what was cut off by a crash is the last line only.
pub(crate) fn read(path: &Path, key: &AuditPublicKey) -> Result<Vec<AuditCheckpoint>, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let is_whole = text.ends_with('\n');
    let count = text.lines().count();
    let mut checkpoints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        match signed(line, key) {
            Some(checkpoint) => checkpoints.push(checkpoint),
            None if !is_whole && number + 1 == count => {}
            None => {
                let place = format!("{}, line {}", path.display(), number + 1);
                let what = "this is no checkpoint signed by this instance";
                return Err(Failure::new(format!("{place}: {what}")));
            }
        }
    }
    Ok(checkpoints)
}

fn signed(line: &str, key: &AuditPublicKey) -> Option<AuditCheckpoint> {
    let line: Value = serde_json::from_str(line).ok()?;
    let (text, hex) = (line["checkpoint"].as_str()?, line["signature"].as_str()?);
    let signature = signature(hex)?;
    if key.is_checkpoint(text, &signature) { AuditCheckpoint::parse(text) } else { None }
}

/// Reads the 128 hexadecimal digits of a signature.
pub(crate) fn signature(hex: &str) -> Option<[u8; 64]> {
    if hex.len() != 128 || !hex.is_ascii() {
        return None;
    }
    let mut bytes = [0; 64];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}
