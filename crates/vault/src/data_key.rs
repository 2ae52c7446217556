//! Wrapped data keys and the port through which they are kept.

use std::{fmt, pin::Pin};

use portcullis_domain::{DataKeyId, OrganisationId, Timestamp};

/// A data key as it is stored: only ever wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedDataKey {
    /// Its id, which sealed values name.
    pub id: DataKeyId,
    /// Whose it is; `None` for the instance's own.
    pub organisation: Option<OrganisationId>,
    /// The wrapped key.
    pub wrapping: Wrapping,
    /// Whether it seals or only opens.
    pub state: DataKeyState,
    /// How many values it has sealed, as far as was persisted.
    pub uses: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A data key's ciphertext, and who can unwrap it.
#[derive(Clone, PartialEq, Eq)]
pub struct Wrapping {
    /// The KMS's name ([`crate::Kms::name`]).
    pub kms: String,
    /// The key's id in that KMS ([`crate::Kms::key_id`]).
    pub kms_key_id: String,
    /// The ciphertext, in that KMS's own form.
    pub bytes: Vec<u8>,
}

/// What a data key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKeyState {
    /// Seals and opens. An organisation has one at a time.
    Active,
    /// Opens what it sealed before.
    Retired,
}

/// The keeper of data keys does not answer as it should.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the data keys cannot be read or written: {0}")]
pub struct DataKeyStoreError(pub String);

/// What a [`DataKeyStore`] answers.
pub type StoreFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, DataKeyStoreError>> + Send + 'a>>;

/// Where wrapped data keys are kept. Each method is one transaction: it happens whole or not.
pub trait DataKeyStore: Send + Sync {
    /// All data keys of one organisation, active and retired; `None` asks for the instance's own.
    fn list(&self, organisation: Option<OrganisationId>) -> StoreFuture<'_, Vec<WrappedDataKey>>;

    /// All data keys of all organisations and of the instance, for the operator's overview.
    fn list_all(&self) -> StoreFuture<'_, Vec<WrappedDataKey>>;

    /// Adds `key` as its organisation's active data key and retires `replaces`, provided that
    /// `replaces` is the active one now, or that none is active. Otherwise another node was first,
    /// and nothing changes. Either way the answer is the id that is active afterwards.
    fn insert(
        &self,
        key: WrappedDataKey,
        replaces: Option<DataKeyId>,
    ) -> StoreFuture<'_, DataKeyId>;

    /// Replaces how a data key is wrapped. The key itself, and so all that it sealed, stays.
    fn update_wrapped(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        wrapping: Wrapping,
    ) -> StoreFuture<'_, ()>;

    /// Adds to a data key's use count.
    fn add_uses(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        uses: u64,
    ) -> StoreFuture<'_, ()>;
}

impl DataKeyState {
    /// The name in storage and on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Retired].into_iter().find(|state| state.name() == text)
    }
}

impl fmt::Debug for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wrapping({} {}, {} bytes)", self.kms, self.kms_key_id, self.bytes.len())
    }
}
