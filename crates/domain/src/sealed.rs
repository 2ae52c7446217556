//! Sealed fields: values that only the vault can open.

use std::{fmt, ops::Range};

use uuid::Uuid;

use crate::OrganisationId;

/// A value sealed by the vault. The columns of sealed fields accept nothing else, and plaintext
/// cannot become one: [`Sealed::from_bytes`] demands the vault's envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Box<[u8]>);

/// Bytes that do not carry the vault's envelope.
#[derive(Debug, thiserror::Error)]
#[error("the bytes do not carry the vault's envelope")]
pub struct NotSealed;

/// Where a sealed value belongs. It is bound into the encryption: a value moved to another
/// organisation, table, row or field does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedPlace {
    /// The tenant; `None` for the instance's own secrets.
    pub organisation: Option<OrganisationId>,
    /// The table.
    pub table: &'static str,
    /// The row.
    pub row: Uuid,
    /// The column.
    pub field: &'static str,
}

impl Sealed {
    /// The first bytes of every envelope.
    pub const MAGIC: [u8; 4] = *b"PCV1";
    /// Where the id of the data key stands.
    pub const DATA_KEY: Range<usize> = 5..21;
    /// Bytes before the ciphertext: magic, suite (1), data-key id (16), salt (32), nonce (12),
    /// key commitment (32).
    pub const HEADER_LEN: usize = 4 + 1 + 16 + 32 + 12 + 32;
    /// Bytes of the authentication tag after the ciphertext.
    pub const TAG_LEN: usize = 16;

    /// Takes bytes that carry an envelope, as the vault makes them and the store reads them back.
    /// Says nothing of authenticity: opening does.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, NotSealed> {
        if bytes.len() >= Self::HEADER_LEN + Self::TAG_LEN && bytes.starts_with(&Self::MAGIC) {
            Ok(Self(bytes.into()))
        } else {
            Err(NotSealed)
        }
    }

    /// The envelope's bytes, for storing.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}
