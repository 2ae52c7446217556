//! Who wraps an organisation's data keys: its own connected KMS key, or the instance's.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
};

use portcullis_domain::{KmsConnectionId, OrganisationId, Sealed, SealedPlace};
use tokio::time::Instant;

use crate::{
    ConnectionState, Holdings, Kms, KmsConnection, KmsError, KmsSignIn, Vault, VaultError,
    VaultEvent, Wrapping,
    kms::{ConnectionSettings, KmsFailure, KmsFuture, KmsOperation},
    observe::KmsCall,
};

/// A connection's client, kept while its settings stay the same.
pub(crate) struct Client {
    organisation: OrganisationId,
    settings: Sealed,
    kms: Arc<dyn Kms>,
}

/// Who wraps.
#[derive(Clone)]
pub(crate) struct Keeper {
    /// `None`: the instance's KMS.
    pub(crate) connection: Option<KmsConnectionId>,
    pub(crate) kms: Arc<dyn Kms>,
}

/// Everybody who may unwrap an organisation's data keys.
pub(crate) struct Keepers {
    /// Wraps. If it cannot be made use of, what it wraps cannot either, but the rest can.
    pub(crate) current: Result<Keeper, VaultError>,
    former: Vec<(KmsConnectionId, Result<Keeper, VaultError>)>,
    instance: Vec<Arc<dyn Kms>>,
}

impl Keepers {
    /// Who can unwrap that.
    pub(crate) fn of(&self, wrapping: &Wrapping) -> Result<Keeper, VaultError> {
        if let Ok(current) = &self.current
            && current.kms.opens(wrapping)
        {
            return Ok(current.clone());
        }
        let foreign = || VaultError::ForeignKms {
            kms: wrapping.kms.clone(),
            kms_key_id: wrapping.kms_key_id.clone(),
        };
        match wrapping.connection {
            None => {
                let kms = self.instance.iter().find(|kms| kms.opens(wrapping));
                let kms = kms.ok_or_else(foreign)?;
                Ok(Keeper { connection: None, kms: Arc::clone(kms) })
            }
            Some(id) => {
                let former = self.former.iter().find(|(former, _)| *former == id);
                match (former, &self.current) {
                    (Some((_, keeper)), _) => keeper.clone(),
                    (None, Err(error)) => Err(error.clone()),
                    (None, Ok(_)) => Err(foreign()),
                }
            }
        }
    }

    pub(crate) fn current(&self) -> Result<&Keeper, VaultError> {
        self.current.as_ref().map_err(Clone::clone)
    }
}

impl Keeper {
    /// Whether a data key is wrapped by this one, and named so.
    pub(crate) fn wraps(&self, wrapping: &Wrapping) -> bool {
        wrapping.connection == self.connection
            && wrapping.kms == self.kms.name()
            && wrapping.kms_key_id == self.kms.key_id()
    }

    pub(crate) fn wrapping(&self, bytes: Vec<u8>) -> Wrapping {
        Wrapping {
            connection: self.connection,
            kms: self.kms.name().to_owned(),
            kms_key_id: self.kms.key_id().to_owned(),
            bytes,
        }
    }
}

impl Vault {
    /// Everybody who may unwrap what is held of an organisation.
    pub(crate) async fn keepers(
        &self,
        organisation: Option<OrganisationId>,
        holdings: &Holdings,
    ) -> Keepers {
        let instance = std::iter::once(&self.kms).chain(&self.former_kms).cloned().collect();
        let mut current = Ok(Keeper { connection: None, kms: Arc::clone(&self.kms) });
        let mut former = Vec::new();
        if let Some(organisation) = organisation {
            // Who was left keeps no credentials here.
            let held = |id: &KmsConnectionId| holdings.connections.iter().any(|c| c.id == *id);
            self.clients().retain(|id, client| client.organisation != organisation || held(id));
            for connection in &holdings.connections {
                let keeper = self
                    .client(connection)
                    .await
                    .map(|kms| Keeper { connection: Some(connection.id), kms });
                match connection.state {
                    ConnectionState::Active => current = keeper,
                    ConnectionState::Former => former.push((connection.id, keeper)),
                }
            }
        }
        Keepers { current, former, instance }
    }

    /// The client of a connection.
    async fn client(&self, connection: &KmsConnection) -> Result<Arc<dyn Kms>, VaultError> {
        {
            let clients = self.clients();
            if let Some(client) = clients.get(&connection.id)
                && client.settings == connection.settings
            {
                return Ok(Arc::clone(&client.kms));
            }
        }
        let settings = self.connection_settings(connection).await?;
        let kms = self.factory.connect(&settings)?;
        let (organisation, settings) = (connection.organisation, connection.settings.clone());
        let client = Client { organisation, settings, kms: Arc::clone(&kms) };
        self.clients().insert(connection.id, client);
        Ok(kms)
    }

    /// Drops the clients of an organisation's connections.
    pub(crate) fn forget_clients(&self, organisation: OrganisationId) {
        self.clients().retain(|_, client| client.organisation != organisation);
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<KmsConnectionId, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the settings of a connection, and makes sure that they are this connection's.
    pub async fn connection_settings(
        &self,
        connection: &KmsConnection,
    ) -> Result<ConnectionSettings, VaultError> {
        let place = Self::connection_place(connection.id);
        // Boxed, because opening may load keys, and loading keys may need a connection.
        let opened = Box::pin(self.open(&place, &connection.settings)).await?;
        ConnectionSettings::from_json(opened.danger_expose())
            .filter(|settings| {
                settings.provider == connection.provider
                    && settings.organisation == Some(connection.organisation)
            })
            .ok_or(VaultError::ForeignConnection)
    }

    /// Where the settings of a connection are sealed for.
    pub const fn connection_place(id: KmsConnectionId) -> SealedPlace {
        SealedPlace {
            organisation: None,
            table: KmsConnection::TABLE,
            row: id.uuid(),
            field: KmsConnection::FIELD,
        }
    }

    /// Asks a KMS, within the time it has, and tells whoever listens.
    pub(crate) async fn ask<T>(
        &self,
        kms: &dyn Kms,
        organisation: Option<OrganisationId>,
        operation: KmsOperation,
        answer: KmsFuture<'_, T>,
    ) -> Result<T, KmsError> {
        let within = self.settings.kms_timeout;
        let mut asking = Asking {
            vault: self,
            kms,
            organisation,
            operation,
            begun: Instant::now(),
            outcome: Err(KmsFailure::Abandoned),
        };
        let answer = tokio::time::timeout(within, answer).await.unwrap_or_else(|_| {
            let detail = format!("no answer within {} s", within.as_secs_f32());
            Err(KmsError::new(operation, KmsFailure::Unreachable, detail))
        });
        asking.outcome = answer.as_ref().map(|_| ()).map_err(|error| error.failure);
        answer
    }
}

/// A call of a KMS. It is told when it ends, also where nobody waits for its end any more: the
/// service was asked all the same.
struct Asking<'a> {
    vault: &'a Vault,
    kms: &'a dyn Kms,
    organisation: Option<OrganisationId>,
    operation: KmsOperation,
    begun: Instant,
    outcome: Result<(), KmsFailure>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let tell = |operation, took, outcome| {
            let call = KmsCall {
                organisation: self.organisation,
                kms: self.kms.name(),
                kms_key_id: self.kms.key_id().to_owned(),
                operation,
                took,
                outcome,
            };
            self.vault.counters.called(&call);
            self.vault.observer.happened(&VaultEvent::KmsCalled(call));
        };
        for KmsSignIn { took, outcome } in self.kms.sign_ins() {
            tell(KmsOperation::Authenticate, took, outcome);
        }
        tell(self.operation, self.begun.elapsed(), self.outcome);
    }
}
