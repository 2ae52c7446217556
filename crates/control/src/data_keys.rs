//! The vault's data keys, kept in the database.

use portcullis_domain::{DataKeyId, OrganisationId};
use portcullis_store::{DataKey, Db};
use portcullis_vault::{
    DataKeyState, DataKeyStore, DataKeyStoreError, StoreFuture, WrappedDataKey, Wrapping,
};

/// Keeps the vault's data keys in the database.
pub struct StoredDataKeys(Db);

impl StoredDataKeys {
    /// Keeps them in `db`.
    pub const fn new(db: Db) -> Self {
        Self(db)
    }
}

impl DataKeyStore for StoredDataKeys {
    fn list(&self, organisation: Option<OrganisationId>) -> StoreFuture<'_, Vec<WrappedDataKey>> {
        Box::pin(async move {
            let mut reader = self.0.read().await.map_err(failed)?;
            let keys = reader.data_keys().list(organisation).await.map_err(failed)?;
            Ok(keys.into_iter().map(wrapped).collect())
        })
    }

    fn list_all(&self) -> StoreFuture<'_, Vec<WrappedDataKey>> {
        Box::pin(async move {
            let mut reader = self.0.read().await.map_err(failed)?;
            let keys = reader.data_keys().list_all().await.map_err(failed)?;
            Ok(keys.into_iter().map(wrapped).collect())
        })
    }

    fn insert(
        &self,
        key: WrappedDataKey,
        replaces: Option<DataKeyId>,
    ) -> StoreFuture<'_, DataKeyId> {
        Box::pin(async move {
            let row = DataKey {
                id: key.id,
                organisation_id: key.organisation,
                wrapped: key.wrapping.bytes,
                kms: key.wrapping.kms,
                kms_key_id: key.wrapping.kms_key_id,
                state: portcullis_store::DataKeyState::Active,
                uses: key.uses,
                created_at: key.created_at,
            };
            let write =
                async |tx: &mut portcullis_store::Tx| tx.data_keys().insert(&row, replaces).await;
            self.0.write(write).await.map_err(failed)
        })
    }

    fn update_wrapped(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        wrapping: Wrapping,
    ) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let Wrapping { kms, kms_key_id, bytes } = wrapping;
            let write = async |tx: &mut portcullis_store::Tx| {
                tx.data_keys().update_wrapped(organisation, id, &kms, &kms_key_id, &bytes).await
            };
            there(self.0.write(write).await.map_err(failed)?)
        })
    }

    fn add_uses(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        uses: u64,
    ) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let write = async |tx: &mut portcullis_store::Tx| {
                tx.data_keys().add_uses(organisation, id, uses).await
            };
            there(self.0.write(write).await.map_err(failed)?)
        })
    }
}

fn wrapped(row: DataKey) -> WrappedDataKey {
    WrappedDataKey {
        id: row.id,
        organisation: row.organisation_id,
        wrapping: Wrapping { kms: row.kms, kms_key_id: row.kms_key_id, bytes: row.wrapped },
        state: match row.state {
            portcullis_store::DataKeyState::Active => DataKeyState::Active,
            portcullis_store::DataKeyState::Retired => DataKeyState::Retired,
        },
        uses: row.uses,
        created_at: row.created_at,
    }
}

fn there(found: bool) -> Result<(), DataKeyStoreError> {
    if found { Ok(()) } else { Err(DataKeyStoreError("there is no such data key".to_owned())) }
}

fn failed(error: portcullis_store::Error) -> DataKeyStoreError {
    DataKeyStoreError(error.to_string())
}
