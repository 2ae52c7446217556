//! What the vault keeps in the database: data keys, the connections to the keys that wrap them,
//! work on them, and a way to all sealed values.

use portcullis_domain::{
    DataKeyId, KmsConnectionId, OrganisationId, Sealed, SealedPlace, Timestamp,
};
use portcullis_store::{DataKey, DataKeyWrapping, Db, Error, Reader, Tx, VaultWorkRow};
use portcullis_vault::{
    ConnectionState, DataKeyState, DataKeyStore, DataKeyStoreError, Holdings, KmsConnection,
    Resealed, SealedCount, SealedStore, SealedValue, StoreFuture, Work, WorkKind, WrappedDataKey,
    Wrapping,
};
use uuid::Uuid;

/// Keeps the vault's data keys in the database.
pub struct StoredDataKeys(Db);

impl StoredDataKeys {
    /// Keeps them in `db`.
    pub const fn new(db: Db) -> Self {
        Self(db)
    }

    async fn read(&self) -> Result<Reader, DataKeyStoreError> {
        self.0.read().await.map_err(failed)
    }
}

/// Runs a write as one transaction.
macro_rules! write {
    ($self:ident, |$tx:ident| $body:expr) => {
        Box::pin(async move {
            let write = async |$tx: &mut Tx| -> Result<_, Error> { $body };
            $self.0.write(write).await.map_err(failed)
        })
    };
}

impl DataKeyStore for StoredDataKeys {
    fn list(&self, organisation: Option<OrganisationId>) -> StoreFuture<'_, Holdings> {
        Box::pin(async move {
            let mut reader = self.read().await?;
            let keys = reader.data_keys().list(organisation).await.map_err(failed)?;
            let connections = match organisation {
                None => Vec::new(),
                Some(id) => reader.kms_connections().list(id).await.map_err(failed)?,
            };
            Ok(holdings(keys, connections))
        })
    }

    fn list_all(&self) -> StoreFuture<'_, Holdings> {
        Box::pin(async move {
            let mut reader = self.read().await?;
            let keys = reader.data_keys().list_all().await.map_err(failed)?;
            let connections = reader.kms_connections().list_all().await.map_err(failed)?;
            Ok(holdings(keys, connections))
        })
    }

    fn insert(
        &self,
        key: WrappedDataKey,
        replaces: Option<DataKeyId>,
        reseal: bool,
    ) -> StoreFuture<'_, DataKeyId> {
        let row = DataKey {
            id: key.id,
            organisation_id: key.organisation,
            wrapped: key.wrapping.bytes,
            kms: key.wrapping.kms,
            kms_key_id: key.wrapping.kms_key_id,
            state: portcullis_store::DataKeyState::Active,
            uses: key.uses,
            connection_id: key.wrapping.connection,
            created_at: key.created_at,
            retired_at: None,
            emptied_at: None,
        };
        write!(self, |tx| tx.data_keys().insert(&row, replaces, reseal).await)
    }

    fn rewrapped(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        from: Wrapping,
        to: Wrapping,
    ) -> StoreFuture<'_, bool> {
        let (from, to) = (wrapping(from), wrapping(to));
        write!(self, |tx| tx.data_keys().rewrap(organisation, id, &from, &to).await)
    }

    fn add_uses(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        uses: u64,
    ) -> StoreFuture<'_, ()> {
        // One that is gone has nothing to count.
        write!(self, |tx| tx.data_keys().add_uses(organisation, id, uses).await.map(|_| ()))
    }

    fn change_state(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        from: DataKeyState,
        to: DataKeyState,
        at: Timestamp,
    ) -> StoreFuture<'_, bool> {
        let (from, to) = (stored(from), stored(to));
        write!(self, |tx| tx.data_keys().change_state(organisation, id, from, to, at).await)
    }

    fn destroy(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
    ) -> StoreFuture<'_, bool> {
        write!(self, |tx| tx.data_keys().destroy(organisation, id).await)
    }

    fn forget_former(&self, organisation: OrganisationId) -> StoreFuture<'_, ()> {
        write!(self, |tx| tx.kms_connections().forget_former(organisation).await.map(|_| ()))
    }

    fn verified(
        &self,
        organisation: OrganisationId,
        connection: KmsConnectionId,
        at: Timestamp,
    ) -> StoreFuture<'_, ()> {
        write!(self, |tx| {
            tx.kms_connections().verified(organisation, connection, at).await.map(|_| ())
        })
    }

    fn work(&self) -> StoreFuture<'_, Vec<Work>> {
        Box::pin(async move {
            let rows = self.read().await?.vault_work().list().await.map_err(failed)?;
            // Kinds of a later release are that one's to do.
            Ok(rows.into_iter().filter_map(work).collect())
        })
    }

    fn note_work(
        &self,
        organisation: Option<OrganisationId>,
        kind: WorkKind,
        at: Timestamp,
    ) -> StoreFuture<'_, ()> {
        write!(self, |tx| tx.vault_work().note(organisation, kind.name(), at).await)
    }

    fn claim(
        &self,
        organisation: Option<OrganisationId>,
        kind: WorkKind,
        holder: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'_, bool> {
        write!(self, |tx| {
            tx.vault_work().claim(organisation, kind.name(), holder, now, until).await
        })
    }

    fn progress(&self, work: Work, holder: Uuid, until: Timestamp) -> StoreFuture<'_, bool> {
        let row = VaultWorkRow {
            organisation_id: work.organisation,
            kind: work.kind.name().to_owned(),
            total: work.total,
            done: work.done,
            failed: work.failed,
            error: work.error,
            started_at: work.started_at,
            updated_at: work.updated_at,
        };
        write!(self, |tx| tx.vault_work().progress(&row, holder, until).await)
    }

    fn finish(
        &self,
        organisation: Option<OrganisationId>,
        kind: WorkKind,
        holder: Uuid,
    ) -> StoreFuture<'_, ()> {
        write!(self, |tx| tx.vault_work().finish(organisation, kind.name(), holder).await)
    }
}

impl SealedStore for StoredDataKeys {
    fn under(
        &self,
        organisation: Option<OrganisationId>,
        key: DataKeyId,
        after: Option<SealedPlace>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<SealedValue>> {
        Box::pin(async move {
            let mut reader = self.read().await?;
            let found = reader.sealed_values().under(organisation, key, after, limit).await;
            let value = |(place, sealed): (SealedPlace, Sealed)| SealedValue { place, sealed };
            Ok(found.map_err(failed)?.into_iter().map(value).collect())
        })
    }

    fn replace(
        &self,
        _organisation: Option<OrganisationId>,
        values: Vec<Resealed>,
    ) -> StoreFuture<'_, u64> {
        write!(self, |tx| {
            let mut replaced = 0;
            for Resealed { place, from, to } in &values {
                replaced += u64::from(tx.sealed_values().replace(place, from, to).await?);
            }
            Ok(replaced)
        })
    }

    fn count(&self, organisation: Option<OrganisationId>) -> StoreFuture<'_, Vec<SealedCount>> {
        Box::pin(async move {
            let mut reader = self.read().await?;
            let counts = reader.sealed_values().count(organisation).await.map_err(failed)?;
            let count = |count: portcullis_store::SealedValueCount| SealedCount {
                key: count.key,
                table: count.table,
                column: count.column,
                count: count.count,
            };
            Ok(counts.into_iter().map(count).collect())
        })
    }
}

fn holdings(keys: Vec<DataKey>, connections: Vec<portcullis_store::KmsConnection>) -> Holdings {
    Holdings {
        keys: keys.into_iter().map(wrapped).collect(),
        connections: connections.into_iter().map(connection).collect(),
    }
}

fn wrapped(row: DataKey) -> WrappedDataKey {
    WrappedDataKey {
        id: row.id,
        organisation: row.organisation_id,
        wrapping: Wrapping {
            connection: row.connection_id,
            kms: row.kms,
            kms_key_id: row.kms_key_id,
            bytes: row.wrapped,
        },
        state: match row.state {
            portcullis_store::DataKeyState::Active => DataKeyState::Active,
            portcullis_store::DataKeyState::Retired => DataKeyState::Retired,
            portcullis_store::DataKeyState::Resealing => DataKeyState::Resealing,
            portcullis_store::DataKeyState::Empty => DataKeyState::Empty,
        },
        uses: row.uses,
        created_at: row.created_at,
        retired_at: row.retired_at,
        emptied_at: row.emptied_at,
    }
}

pub(crate) fn connection(row: portcullis_store::KmsConnection) -> KmsConnection {
    KmsConnection {
        id: row.id,
        organisation: row.organisation_id,
        provider: row.provider,
        key_id: row.key_id,
        settings: row.settings,
        state: match row.state {
            portcullis_store::KmsConnectionState::Active => ConnectionState::Active,
            portcullis_store::KmsConnectionState::Former => ConnectionState::Former,
        },
        verified_at: row.verified_at,
        created_at: row.created_at,
    }
}

const fn stored(state: DataKeyState) -> portcullis_store::DataKeyState {
    match state {
        DataKeyState::Active => portcullis_store::DataKeyState::Active,
        DataKeyState::Retired => portcullis_store::DataKeyState::Retired,
        DataKeyState::Resealing => portcullis_store::DataKeyState::Resealing,
        DataKeyState::Empty => portcullis_store::DataKeyState::Empty,
    }
}

fn wrapping(wrapping: Wrapping) -> DataKeyWrapping {
    let Wrapping { connection, kms, kms_key_id, bytes } = wrapping;
    DataKeyWrapping { connection_id: connection, kms, kms_key_id, wrapped: bytes }
}

fn work(row: VaultWorkRow) -> Option<Work> {
    Some(Work {
        organisation: row.organisation_id,
        kind: WorkKind::parse(&row.kind)?,
        total: row.total,
        done: row.done,
        failed: row.failed,
        error: row.error,
        started_at: row.started_at,
        updated_at: row.updated_at,
    })
}

fn failed(error: Error) -> DataKeyStoreError {
    match error {
        Error::Superseded => DataKeyStoreError::ConnectionChanged,
        other => DataKeyStoreError::Unavailable(other.to_string()),
    }
}
