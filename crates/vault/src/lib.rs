//! The vault: sealed fields, the data keys that seal them, and the key management services (KMS)
//! that guard the data keys.
//!
//! ```text
//! KMS key ── wraps ─► data key (per organisation, stored only wrapped)
//!                        └─ HKDF(salt, place) ─► field key + commitment ─► AES-256-GCM
//! ```
//!
//! [`Vault::cached`] and the [`KeyRing`] it hands out do no I/O and take no lock: they are fit for
//! the path of a call. [`Vault::key_ring`] asks the KMS when the cache has nothing fresh.
//!
//! Invariants: no plaintext of a field, data key or pepper reaches `Debug`, an error or a log; the
//! types that hold them have neither `Debug` nor `Serialize`. Persistence is behind
//! [`DataKeyStore`]; this crate knows no SQL.
//!
//! Plaintext keys are wiped when dropped. The memory of single keys is not locked: that needs
//! `unsafe`, which this project forbids. [`process`] keeps them off disk for the whole process
//! instead: no core dumps, and all memory locked where the system permits it.
//!
//! # Adding a KMS
//!
//! 1. `src/kms/<name>.rs` with a type that implements [`Kms`]: name the key on every unwrap, bind
//!    every pair of [`EncryptionContext::pairs`], and sort failures into [`KmsFailure`] with care:
//!    *denied* and *disabled* drop keys at once, *unreachable* and *throttled* do not.
//! 2. A `pub mod` line in `src/kms/mod.rs`, and its settings in the binary.

mod audit_key;
mod data_key;
mod envelope;
mod error;
mod key_ring;
pub mod kms;
mod pepper;
pub mod process;
mod status;
pub mod testing;
mod vault;

pub use audit_key::{AuditKey, AuditPublicKey, MalformedAuditKey};
pub use data_key::{
    DataKeyState, DataKeyStore, DataKeyStoreError, StoreFuture, WrappedDataKey, Wrapping,
};
pub use envelope::{OpenError, SealError};
pub use error::VaultError;
pub use key_ring::KeyRing;
pub use kms::{EncryptionContext, Kms, KmsDescription, KmsError, KmsFailure, KmsFuture, Purpose};
pub use pepper::{MalformedPepper, Pepper};
pub use status::{DataKeyStatus, KeyStatus};
pub use vault::{Vault, VaultSettings};
