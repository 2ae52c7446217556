//! Where the `local` KMS gets its key: reading, decoding and, for files, making it.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use portcullis_domain::{Dice, Secret};
use zeroize::Zeroizing;

/// Why there is no local key. The texts name where the key should be, never what was found there.
#[derive(Debug, thiserror::Error)]
pub enum LocalKeyError {
    /// The file or descriptor cannot be read or made.
    #[error("the key at {origin} cannot be read or made: {error}")]
    Io {
        /// Where the key should be.
        origin: String,
        /// The system's error.
        error: io::Error,
    },
    /// Others than the owner can read the file.
    #[error(
        "the key file {path} has mode {mode:04o}: others than its owner can reach it. \
         Run: chmod 600 {path}"
    )]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file belongs to somebody else.
    #[error(
        "the key file {path} belongs to user {owner}, who may change it. Run: chown USER {path}"
    )]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
    },
    /// It is not a regular file.
    #[error("the key file {path} is not a regular file")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The variable is not set, or not text.
    #[error("the environment variable {variable} is not set: put the key there in hex or base64")]
    Unset {
        /// The variable.
        variable: String,
    },
    /// What is there is no key.
    #[error(
        "what {origin} holds is no key: expected 32 bytes, or 64 hex digits, or their base64 form \
         (make one with: openssl rand -hex 32)"
    )]
    Form {
        /// Where it was read from.
        origin: String,
    },
    /// The key has the wrong length.
    #[error("the key of {origin} has {length} bytes, not 32")]
    Length {
        /// Where it was read from.
        origin: String,
        /// How many bytes it has.
        length: usize,
    },
}

const KEY_LEN: usize = 32;
/// Longer than any form of a key, and enough to notice that there is more.
const READ_LIMIT: u64 = 256;

/// Reads a key file, refusing one that others can reach.
pub(super) fn read_file(path: &Path) -> Result<Secret<Vec<u8>>, LocalKeyError> {
    let origin = path.display().to_string();
    let failed = |error| LocalKeyError::Io { origin: origin.clone(), error };
    // Not blocking: opening a FIFO must not hang the start.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .map_err(failed)?;
    // Of the open file, not of the path: the path may lead elsewhere a moment later.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(LocalKeyError::NotAFile { path: path.to_owned() });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(LocalKeyError::Mode { path: path.to_owned(), mode });
    }
    let owner = metadata.uid();
    if owner != rustix::process::geteuid().as_raw() && owner != 0 {
        return Err(LocalKeyError::Owner { path: path.to_owned(), owner });
    }
    read(file, origin)
}

/// Makes a key file with a new key unless there is one.
pub(super) fn create_file(path: &Path, dice: &dyn Dice) -> Result<(), LocalKeyError> {
    if path.exists() {
        return Ok(());
    }
    let failed = |error| LocalKeyError::Io { origin: path.display().to_string(), error };
    let mut key = Zeroizing::new([0; KEY_LEN]);
    dice.fill(&mut *key);
    let mut suffix = [0; 8];
    dice.fill(&mut suffix);
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    // Written whole under another name and then linked: whoever finds the path finds a whole
    // key, and of several creators the first link wins.
    let fresh = directory.join(format!(".key-{:016x}", u64::from_ne_bytes(suffix)));
    let made = write_new(&fresh, &hex(&*key)).and_then(|()| match fs::hard_link(&fresh, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&fresh);
    made.and(removed).map_err(failed)?;
    // What is sealed from now on is lost with the key: its name must survive a power cut.
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}

/// Reads a key from an environment variable.
pub(super) fn read_variable(variable: &str) -> Result<Secret<Vec<u8>>, LocalKeyError> {
    let text =
        env::var(variable).map_err(|_| LocalKeyError::Unset { variable: variable.to_owned() })?;
    let text = Zeroizing::new(text);
    let text = text.trim();
    let decoded = if text.len() == KEY_LEN { None } else { decode(text.as_bytes()) };
    decoded.ok_or_else(|| LocalKeyError::Form { origin: format!("the variable {variable}") })
}

/// Reads a key from an open descriptor.
pub(super) fn read_descriptor(descriptor: u32) -> Result<Secret<Vec<u8>>, LocalKeyError> {
    let origin = format!("file descriptor {descriptor}");
    // By its name in the file system, because adopting a bare number is `unsafe`.
    let file = File::open(format!("/dev/fd/{descriptor}"))
        .map_err(|error| LocalKeyError::Io { origin: origin.clone(), error })?;
    read(file, origin)
}

fn read(file: File, origin: String) -> Result<Secret<Vec<u8>>, LocalKeyError> {
    // Room for everything at once: growing would leave unwiped copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(READ_LIMIT as usize + 1));
    match file.take(READ_LIMIT).read_to_end(&mut bytes) {
        Ok(_) => decode(&bytes).ok_or(LocalKeyError::Form { origin }),
        Err(error) => Err(LocalKeyError::Io { origin, error }),
    }
}

/// Decodes 32 bytes, 64 hex digits or base64; the lengths tell them apart.
fn decode(bytes: &[u8]) -> Option<Secret<Vec<u8>>> {
    if bytes.len() == KEY_LEN {
        return Some(Secret::new(bytes.to_vec()));
    }
    let text = bytes.trim_ascii();
    if text.len() == 2 * KEY_LEN {
        let mut key = Zeroizing::new(Vec::with_capacity(KEY_LEN));
        for pair in text.chunks_exact(2) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            key.push((high * 16 + low) as u8);
        }
        return Some(Secret::new(std::mem::take(&mut *key)));
    }
    let key = Secret::new(STANDARD.decode(text).ok()?);
    (key.danger_expose().len() == KEY_LEN).then_some(key)
}

fn hex(key: &[u8]) -> Zeroizing<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Zeroizing::new(String::with_capacity(2 * key.len() + 1));
    for byte in key {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text.push('\n');
    text
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
