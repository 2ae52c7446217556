//! Wrapped data keys, the connections to the keys that wrap them, and the port through which both
//! are kept.

use std::{fmt, pin::Pin};

use portcullis_domain::{DataKeyId, KmsConnectionId, OrganisationId, Sealed, Timestamp};
use uuid::Uuid;

use crate::{
    Author,
    work::{Work, WorkKind},
};

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
    /// When another took its place.
    pub retired_at: Option<Timestamp>,
    /// From when on it has been [`DataKeyState::Empty`], if it is.
    pub emptied_at: Option<Timestamp>,
}

/// A data key's ciphertext, and who can unwrap it.
#[derive(Clone, PartialEq, Eq)]
pub struct Wrapping {
    /// The organisation's connection that wrapped it; `None` when the instance's KMS did.
    pub connection: Option<KmsConnectionId>,
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
    /// Opens what it sealed before, which is being sealed anew under the active one.
    Resealing,
    /// Nothing is known to be sealed under it any more. Opens what turns up all the same.
    Empty,
}

/// An organisation's connection to a KMS key of its own. A change of it is a new connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsConnection {
    /// Its id.
    pub id: KmsConnectionId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The KMS's name.
    pub provider: String,
    /// The key's id in that KMS.
    pub key_id: String,
    /// The settings ([`crate::kms::ConnectionSettings`]), sealed for the instance: table
    /// [`KmsConnection::TABLE`], this row, field [`KmsConnection::FIELD`].
    pub settings: Sealed,
    /// Whether it wraps or only unwraps.
    pub state: ConnectionState,
    /// When it was last seen to do all that is needed of it.
    pub verified_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// Wraps and unwraps.
    Active,
    /// Unwraps until all is wrapped by the active one.
    Former,
}

/// What is kept of one organisation, or of all.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Data keys, oldest first.
    pub keys: Vec<WrappedDataKey>,
    /// Connections, oldest first.
    pub connections: Vec<KmsConnection>,
}

/// The keeper of data keys did not do as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataKeyStoreError {
    /// It does not answer as it should.
    #[error("the data keys cannot be read or written: {0}")]
    Unavailable(String),
    /// The organisation has connected another key meanwhile: nothing was written.
    #[error("the organisation's KMS connection was changed at the same time; try again")]
    ConnectionChanged,
}

/// What a [`DataKeyStore`] answers.
pub type StoreFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, DataKeyStoreError>> + Send + 'a>>;

/// Where wrapped data keys are kept. Each method is one transaction: it happens whole or not, and
/// that a data key is made, wrapped anew or destroyed is told to the audit trail in the same.
/// `organisation: None` means the instance itself.
pub trait DataKeyStore: Send + Sync {
    /// What there is of one organisation.
    fn list(&self, organisation: Option<OrganisationId>) -> StoreFuture<'_, Holdings>;

    /// What there is of all organisations and of the instance.
    fn list_all(&self) -> StoreFuture<'_, Holdings>;

    /// Adds `key` as its organisation's active data key and retires `replaces`, provided that
    /// `replaces` is the active one now, or that none is active. Otherwise another node was first,
    /// and nothing changes. Either way the answer is the id that is active afterwards. With
    /// `reseal`, all that older keys sealed is to be sealed anew: they are marked so and the work
    /// is noted.
    ///
    /// Fails with [`DataKeyStoreError::ConnectionChanged`] unless the key is wrapped by the
    /// connection that is the active one now, or by the instance's where there is none.
    fn insert(
        &self,
        key: WrappedDataKey,
        replaces: Option<DataKeyId>,
        reseal: bool,
        by: Author,
    ) -> StoreFuture<'_, DataKeyId>;

    /// Replaces how a data key is wrapped, if it is wrapped as `from` now; `false` if it is not.
    /// The key itself, and so all that it sealed, stays. Fails as [`Self::insert`] does.
    fn rewrapped(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        from: Wrapping,
        to: Wrapping,
        by: Author,
    ) -> StoreFuture<'_, bool>;

    /// Adds to a data key's use count.
    fn add_uses(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        uses: u64,
    ) -> StoreFuture<'_, ()>;

    /// Changes a data key's state from one to another, at that time; `false` if it was not in the first.
    fn change_state(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        from: DataKeyState,
        to: DataKeyState,
        at: Timestamp,
    ) -> StoreFuture<'_, bool>;

    /// Destroys a data key that is [`DataKeyState::Empty`]; `false` if it is not.
    fn destroy(&self, organisation: Option<OrganisationId>, id: DataKeyId)
    -> StoreFuture<'_, bool>;

    /// Removes former connections that wrap nothing any more.
    fn forget_former(&self, organisation: OrganisationId) -> StoreFuture<'_, ()>;

    /// Notes that a connection was seen to work.
    fn verified(
        &self,
        organisation: OrganisationId,
        connection: KmsConnectionId,
        at: Timestamp,
    ) -> StoreFuture<'_, ()>;

    /// The work that is not finished.
    fn work(&self) -> StoreFuture<'_, Vec<Work>>;

    /// Notes that there is such work. Whoever is at it loses it, since it began before there was a
    /// reason for more, and it is done again from the start.
    fn note_work(
        &self,
        organisation: Option<OrganisationId>,
        kind: WorkKind,
        at: Timestamp,
    ) -> StoreFuture<'_, ()>;

    /// Takes the work for `holder` until `until`, if nobody else has it at `now`.
    fn claim(
        &self,
        organisation: Option<OrganisationId>,
        kind: WorkKind,
        holder: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'_, bool>;

    /// Writes how far the work is and keeps it until `until`; `false` when it is not `holder`'s
    /// any more.
    fn progress(&self, work: Work, holder: Uuid, until: Timestamp) -> StoreFuture<'_, bool>;

    /// The work is done and forgotten; `false` when it is not `holder`'s any more.
    fn finish(
        &self,
        organisation: Option<OrganisationId>,
        kind: WorkKind,
        holder: Uuid,
    ) -> StoreFuture<'_, bool>;
}

impl DataKeyState {
    const ALL: [Self; 4] = [Self::Active, Self::Retired, Self::Resealing, Self::Empty];

    /// The name in storage and on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Resealing => "resealing",
            Self::Empty => "empty",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == text)
    }
}

impl ConnectionState {
    /// The name in storage.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Former => "former",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Former].into_iter().find(|state| state.name() == text)
    }
}

impl KmsConnection {
    /// The table that its settings are sealed for.
    pub const TABLE: &'static str = "kms_connections";
    /// The field that its settings are sealed for.
    pub const FIELD: &'static str = "settings";
}

impl Holdings {
    /// The active connection, if the organisation has a key of its own.
    pub fn connection(&self) -> Option<&KmsConnection> {
        self.connections.iter().find(|connection| connection.state == ConnectionState::Active)
    }

    /// The active data key.
    pub fn active(&self) -> Option<&WrappedDataKey> {
        self.keys.iter().find(|key| key.state == DataKeyState::Active)
    }
}

impl fmt::Debug for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wrapping({} {}, {} bytes)", self.kms, self.kms_key_id, self.bytes.len())
    }
}
