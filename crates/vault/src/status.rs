//! What the operator sees of the vault.

use std::{collections::BTreeMap, time::Duration};

use portcullis_domain::{DataKeyId, KmsConnectionId, OrganisationId, Timestamp};

use crate::{
    ConnectionState, DataKeyState, Holdings, KeyRing, KmsDescription, SealedCount, Vault,
    VaultError, WrappedDataKey, keepers::Keepers, kms::KmsOperation, work::Work,
};

/// The state of one organisation's keys.
#[derive(Clone, Debug)]
pub struct KeyStatus {
    /// Whose keys; `None` for the instance's own.
    pub organisation: Option<OrganisationId>,
    /// The current KMS's name.
    pub kms: String,
    /// The current key-encryption key.
    pub kms_key_id: String,
    /// The organisation's own connection, if it has one.
    pub connection: Option<KmsConnectionId>,
    /// When that was last seen to do all that is needed of it.
    pub verified_at: Option<Timestamp>,
    /// What the KMS says of its key, or how it failed to; `None` when it was not asked.
    pub kms_key: Option<Result<KmsDescription, VaultError>>,
    /// Whether this process holds the data keys in the clear and needs no KMS now.
    pub cached: bool,
    /// The data keys, oldest first.
    pub data_keys: Vec<DataKeyStatus>,
    /// Work on them that is not finished.
    pub work: Vec<Work>,
}

/// The state of one data key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKeyStatus {
    /// Its id.
    pub id: DataKeyId,
    /// Whether it seals or only opens.
    pub state: DataKeyState,
    /// The KMS that wraps it.
    pub kms: String,
    /// The key-encryption key that wraps it. Another than the current one wants a rewrap.
    pub kms_key_id: String,
    /// Whether that key is the configured one or a former one. If not, what the data key sealed
    /// does not open.
    pub unwraps: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// How long ago that is.
    pub age: Duration,
    /// How many values it has sealed.
    pub uses: u64,
    /// How many values are sealed under it now, by field; `None` when they were not counted.
    pub sealed: Option<Vec<SealedCount>>,
}

/// How much a status takes the trouble to find out.
#[derive(Clone, Copy, Debug, Default)]
pub struct StatusDepth {
    /// Whether to ask each KMS for its key.
    pub asks_kms: bool,
    /// Whether to count the sealed values.
    pub counts: bool,
}

impl Vault {
    /// The state of all organisations' keys.
    pub async fn status(&self, depth: StatusDepth) -> Result<Vec<KeyStatus>, VaultError> {
        let mut by_organisation = BTreeMap::<_, Holdings>::new();
        let all = self.keys.list_all().await?;
        for key in all.keys {
            by_organisation.entry(key.organisation).or_default().keys.push(key);
        }
        for connection in all.connections {
            let holdings = by_organisation.entry(Some(connection.organisation)).or_default();
            holdings.connections.push(connection);
        }
        let work = self.keys.work().await?;
        let mut statuses = Vec::new();
        for (organisation, holdings) in by_organisation {
            statuses.push(self.status_from(organisation, holdings, &work, depth).await?);
        }
        Ok(statuses)
    }

    /// The state of one organisation's keys, whether it has any or not.
    pub async fn status_of(
        &self,
        organisation: Option<OrganisationId>,
        depth: StatusDepth,
    ) -> Result<KeyStatus, VaultError> {
        let holdings = self.keys.list(organisation).await?;
        let work = self.keys.work().await?;
        self.status_from(organisation, holdings, &work, depth).await
    }

    async fn status_from(
        &self,
        organisation: Option<OrganisationId>,
        mut holdings: Holdings,
        work: &[Work],
        depth: StatusDepth,
    ) -> Result<KeyStatus, VaultError> {
        holdings.keys.sort_by_key(|key| (key.created_at, key.id));
        let keepers = self.keepers(organisation, &holdings).await;
        let connection = holdings
            .connections
            .iter()
            .find(|connection| connection.state == ConnectionState::Active);
        let (kms, kms_key_id) = match connection {
            Some(connection) => (connection.provider.clone(), connection.key_id.clone()),
            None => (self.kms.name().to_owned(), self.kms.key_id().to_owned()),
        };
        let kms_key =
            if depth.asks_kms { Some(self.describe(organisation, &keepers).await) } else { None };
        let counts = if depth.counts { Some(self.sealed.count(organisation).await?) } else { None };
        let ring = self.cached(organisation);
        let data_keys = holdings
            .keys
            .iter()
            .map(|key| self.data_key_status(key, ring.as_deref(), &keepers, counts.as_deref()));
        Ok(KeyStatus {
            organisation,
            kms,
            kms_key_id,
            connection: connection.map(|connection| connection.id),
            verified_at: connection.map(|connection| connection.verified_at),
            kms_key,
            cached: ring.is_some(),
            data_keys: data_keys.collect(),
            work: work.iter().filter(|work| work.organisation == organisation).cloned().collect(),
        })
    }

    async fn describe(
        &self,
        organisation: Option<OrganisationId>,
        keepers: &Keepers,
    ) -> Result<KmsDescription, VaultError> {
        let kms = &*keepers.current()?.kms;
        Ok(self.ask(kms, organisation, KmsOperation::Describe, kms.describe()).await?)
    }

    fn data_key_status(
        &self,
        key: &WrappedDataKey,
        ring: Option<&KeyRing>,
        keepers: &Keepers,
        counts: Option<&[SealedCount]>,
    ) -> DataKeyStatus {
        let live = ring.and_then(|ring| ring.key(key.id));
        let counts = counts.map(|counts| {
            counts.iter().filter(|count| count.key == key.id).cloned().collect::<Vec<_>>()
        });
        let age = self.clock.now().micros_since(key.created_at);
        DataKeyStatus {
            id: key.id,
            state: key.state,
            kms: key.wrapping.kms.clone(),
            kms_key_id: key.wrapping.kms_key_id.clone(),
            unwraps: keepers.of(&key.wrapping).is_ok(),
            created_at: key.created_at,
            age: Duration::from_micros(age),
            uses: live.map_or(key.uses, |live| live.uses.total()),
            sealed: counts,
        }
    }

    /// Sees to it that the organisation's KMS does all that is needed of it now, and notes so.
    pub async fn verify(
        &self,
        organisation: Option<OrganisationId>,
    ) -> Result<KmsDescription, VaultError> {
        let holdings = self.keys.list(organisation).await?;
        let keepers = self.keepers(organisation, &holdings).await;
        let keeper = keepers.current()?;
        let slot = self.slot(organisation);
        match self.try_out(&*keeper.kms, organisation).await {
            Ok(description) => {
                if let (Some(organisation), Some(connection)) = (organisation, keeper.connection) {
                    self.keys.verified(organisation, connection, self.clock.now()).await?;
                }
                // Whoever was refused before need not wait for the pause; who was served within the
                // grace is served as ever.
                if slot.failure.load().is_some()
                    && let Err(error) = self.reload(organisation).await
                {
                    tracing::warn!(?organisation, %error, "the key works, but is not in use yet");
                }
                Ok(description)
            }
            Err(error) => {
                let loading = slot.loading.lock().await;
                // Another key may have been connected meanwhile, which this does not concern.
                let known = loading.known.connection().map(|connection| connection.id);
                let is_current = loading.known.keys.is_empty() || known == keeper.connection;
                // One that still unwraps goes on opening what it did.
                let is_lost =
                    error.operation == KmsOperation::Unwrap || error.failure.is_state_of_key();
                if is_current && is_lost && !error.failure.is_transient() {
                    let _ring = self.after_failure(&slot, organisation, error.clone().into());
                }
                Err(error.into())
            }
        }
    }
}
