//! What the vault keeps in the database: data keys, the connections to the keys that wrap them,
//! work on them, and a way to all sealed values.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use portcullis_domain::{
    AuditAction, AuditEvent, AuditResource, AuditSigner, DataKeyId, KmsConnectionId,
    OrganisationId, Sealed, SealedPlace, Timestamp,
};
use portcullis_store::{DataKey, DataKeyWrapping, Db, Error, Reader, Tx, VaultWorkRow};
use portcullis_vault::{
    Author, ConnectionState, DataKeyState, DataKeyStore, DataKeyStoreError, Holdings,
    KmsConnection, Resealed, SealedCount, SealedStore, SealedValue, StoreFuture, Work, WorkKind,
    WrappedDataKey, Wrapping,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// Keeps the vault's data keys in the database, and tells the audit trail what becomes of them.
pub struct StoredDataKeys {
    db: Db,
    signer: OnceLock<Arc<dyn AuditSigner>>,
    /// What happened before there was a signer: the key that signs lies under a data key itself.
    untold: Mutex<Vec<AuditEvent>>,
}

impl StoredDataKeys {
    /// Keeps them in `db`.
    pub fn new(db: Db) -> Self {
        Self { db, signer: OnceLock::new(), untold: Mutex::default() }
    }

    /// From now on what becomes of data keys is told in the transaction that it happens in; what
    /// has become of them until now is told here.
    pub async fn tell(&self, signer: Arc<dyn AuditSigner>) -> Result<(), DataKeyStoreError> {
        let signer = self.signer.get_or_init(|| signer);
        let untold = std::mem::take(&mut *self.untold());
        let write = async |tx: &mut Tx| -> Result<(), Error> {
            for event in &untold {
                tx.audit_chains().append(&**signer, event).await?;
            }
            Ok(())
        };
        let written = self.db.write(write).await.map_err(failed);
        if written.is_err() {
            self.untold().extend(untold);
        }
        written
    }

    async fn read(&self) -> Result<Reader, DataKeyStoreError> {
        self.db.read().await.map_err(failed)
    }

    fn untold(&self) -> std::sync::MutexGuard<'_, Vec<AuditEvent>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a change of a data key as one transaction with the event that tells of it; where nothing
/// changed, there is none.
macro_rules! change {
    ($self:ident, |$tx:ident| $body:expr) => {
        Box::pin(async move {
            let signer = $self.signer.get();
            let write = async |$tx: &mut Tx| -> Result<_, Error> {
                let (value, event): (_, Option<AuditEvent>) = $body;
                if let (Some(signer), Some(event)) = (signer, &event) {
                    $tx.audit_chains().append(&**signer, event).await?;
                }
                Ok((value, event))
            };
            let (value, event) = $self.db.write(write).await.map_err(failed)?;
            if signer.is_none() {
                $self.untold().extend(event);
            }
            Ok(value)
        })
    };
}

/// What becomes of a data key, as the trail tells it.
fn told(
    organisation: Option<OrganisationId>,
    id: DataKeyId,
    action: AuditAction,
    by: &Author,
) -> AuditEvent {
    AuditEvent {
        resource_id: Some(id.to_string()),
        scope: by.scope,
        origin: by.origin.clone(),
        ..AuditEvent::new(organisation, by.actor.clone(), action, AuditResource::DataKey)
    }
}

fn view(wrapping: &DataKeyWrapping) -> Json {
    json!({"kms": wrapping.kms, "kms_key_id": wrapping.kms_key_id})
}

/// Runs a write as one transaction.
macro_rules! write {
    ($self:ident, |$tx:ident| $body:expr) => {
        Box::pin(async move {
            let write = async |$tx: &mut Tx| -> Result<_, Error> { $body };
            $self.db.write(write).await.map_err(failed)
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
        by: Author,
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
        change!(self, |tx| {
            let active = tx.data_keys().insert(&row, replaces, reseal).await?;
            let action = if replaces.is_some() { AuditAction::Rotate } else { AuditAction::Create };
            let mut event = told(row.organisation_id, active, action, &by);
            event.after = Some(json!({"replaces": replaces, "reseals": reseal}));
            // Of one that another node made a moment ago, that node tells.
            (active, Some(event).filter(|_| active == row.id || reseal))
        })
    }

    fn rewrapped(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        from: Wrapping,
        to: Wrapping,
        by: Author,
    ) -> StoreFuture<'_, bool> {
        let (from, to) = (wrapping(from), wrapping(to));
        change!(self, |tx| {
            let is_done = tx.data_keys().rewrap(organisation, id, &from, &to).await?;
            let mut event = told(organisation, id, AuditAction::Update, &by);
            (event.before, event.after) = (Some(view(&from)), Some(view(&to)));
            (is_done, Some(event).filter(|_| is_done))
        })
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
        change!(self, |tx| {
            let is_done = tx.data_keys().change_state(organisation, id, from, to, at).await?;
            let mut event = told(organisation, id, AuditAction::Update, &Author::system());
            (event.before, event.after) =
                (Some(json!({"state": from.name()})), Some(json!({"state": to.name()})));
            (is_done, Some(event).filter(|_| is_done))
        })
    }

    fn destroy(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
    ) -> StoreFuture<'_, bool> {
        change!(self, |tx| {
            let is_done = tx.data_keys().destroy(organisation, id).await?;
            let event = told(organisation, id, AuditAction::Delete, &Author::system());
            (is_done, Some(event).filter(|_| is_done))
        })
    }

    fn forget_former(&self, organisation: OrganisationId) -> StoreFuture<'_, ()> {
        change!(self, |tx| {
            let forgotten = tx.kms_connections().forget_former(organisation).await?;
            let (actor, action) = (Author::system().actor, AuditAction::Delete);
            let mut event = AuditEvent::new(Some(organisation), actor, action, AuditResource::Kms);
            event.before = Some(json!({"former_connections": forgotten}));
            ((), Some(event).filter(|_| forgotten > 0))
        })
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
    ) -> StoreFuture<'_, bool> {
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
