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
//! Plaintext data keys are wiped when dropped, and each lies in a page of its own that is locked
//! where the system permits it ([`process`] says what it permits, and keeps the rest of the process
//! off the disk as well). What passes through a KMS client's buffers is not under our hand.
//!
//! # The life of a data key
//!
//! *active*, then *retired* by age, use count or on demand. On demand, what it sealed is sealed
//! anew in the background (*resealing*) until nothing is under it (*empty*); long after, it is
//! destroyed. Connecting another KMS key wraps all data keys anew and rewrites no sealed value. Both
//! kinds of [`Work`] are noted in the store and resumed by whichever node is there.
//!
//! # When a KMS fails
//!
//! Refusals ([`KmsFailure::is_transient`] is false) drop the data keys at once; outages let them
//! serve for the grace. Rings in use are loaded anew in the background ([`Vault::due`],
//! [`Vault::refresh`]) before their lifetime ends, so that no call waits for a KMS.
//!
//! # Adding a KMS
//!
//! In the crate `kms`: see there. The trait is [`Kms`]: name the key on every unwrap, bind every
//! pair of [`EncryptionContext::pairs`], and sort failures into [`KmsFailure`] with care.

mod after;
mod audit_key;
mod author;
mod data_key;
mod envelope;
mod error;
mod keepers;
mod key_ring;
pub mod kms;
mod load;
mod observe;
mod pepper;
pub mod process;
mod readings;
mod reseal;
mod rewrap;
mod scrub;
mod sealed_store;
mod status;
pub mod testing;
mod told;
mod vault;
mod work;

pub use audit_key::{AuditKey, AuditPublicKey, MalformedAuditKey};
pub use author::Author;
pub use data_key::{
    ConnectionState, DataKeyState, DataKeyStore, DataKeyStoreError, Holdings, KmsConnection,
    StoreFuture, WrappedDataKey, Wrapping,
};
pub use envelope::{OpenError, SealError};
pub use error::VaultError;
pub use key_ring::{KeyRing, ReadError};
pub use kms::{
    EncryptionContext, GeneratedKey, Kms, KmsDescription, KmsError, KmsFailure, KmsFuture,
    KmsOperation, KmsSignIn, Purpose,
};
pub use observe::{
    KmsCall, KmsStats, LATENCY_BOUNDS, Unobserved, VaultEvent, VaultObserver, VaultStats,
};
pub use pepper::{MalformedPepper, Pepper};
pub use sealed_store::{Resealed, SealedCount, SealedStore, SealedValue};
pub use status::{DataKeyStatus, KeyStatus, StatusDepth};
pub use vault::{Vault, VaultParts, VaultSettings};
pub use work::{Work, WorkKind, WorkState};
