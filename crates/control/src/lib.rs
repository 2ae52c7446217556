//! Use cases of the control plane: permit, rule, write, event; and the compiler that turns what was
//! written into the data plane's snapshot.
//!
//! Every use case takes an [`Actor`] first and asks it for a permit before anything else; the store
//! accepts no tenant's row without one. What comes back has no secret in it, except where a secret
//! is made: [`ApiKeys::create`] and [`ApiKeys::rotate`] hand out the key, once.
//!
//! To add a noun: `<noun>.rs` here with its commands and use cases, and an accessor below.

mod api_key;
mod audit;
mod bootstrap;
mod compiler;
mod credential;
mod data_keys;
mod error;
mod instance;
mod integration;
mod log;
mod log_sink;
mod maintenance;
mod masking;
mod provider;
mod virtual_key;
mod workspace;

use std::{sync::Arc, time::Duration};

use portcullis_domain::{Actor, ApiKeyToken, CallId, Clock, Dice, Live, Revision, Timestamp};
use portcullis_store::Db;
use portcullis_vault::{Pepper, Vault};
use tokio::sync::watch;

pub use api_key::{ApiKeyChange, ApiKeys, NewApiKey, Rotated};
pub use audit::StoredAuditTrail;
pub use bootstrap::{Initialised, Prepared, bootstrap, prepare};
pub use compiler::{Compiler, load_snapshot};
pub use credential::CredentialChange;
pub use data_keys::StoredDataKeys;
pub use error::{ControlError, Result};
pub use instance::{instance_audit_key, instance_pepper};
pub use integration::{
    IntegrationChange, IntegrationDetail, IntegrationScope, Integrations, NewIntegration,
    WorkspaceAccess,
};
pub use log::{LogDetail, LogPage, Logs};
pub use log_sink::StoredLogs;
pub use maintenance::forget_the_old;
pub use portcullis_providers::credential::{AzureDeployment, Settings as ProviderSettings};
pub use portcullis_store::{List, LogFilter, Page};
pub use provider::{NewProvider, ProviderChange, Providers};
pub use virtual_key::{NewVirtualKey, VirtualKeyChange, VirtualKeyDetail, VirtualKeys};

/// The control plane. Cheap to clone.
#[derive(Clone)]
pub struct Control(Arc<Parts>);

/// What the control plane is made of.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// The same for searching the logs, with connections of its own and a bound on how long one
    /// statement may take: no search may keep the other use cases waiting.
    pub logs: Db,
    /// Seals and opens.
    pub vault: Arc<Vault>,
    /// Digests API keys.
    pub pepper: Arc<Pepper>,
    /// The data plane's configuration: who calls is looked up there, so that a database outage
    /// never turns a good key away.
    pub live: Arc<Live>,
    /// The revision the snapshot has reached.
    pub reached: watch::Receiver<Revision>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub dice: Arc<dyn Dice>,
}

/// How long an answer to a write waits for the snapshot to show it.
const READ_YOUR_WRITES: Duration = Duration::from_secs(1);

impl Control {
    /// Puts the control plane together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Who presents this API key.
    pub fn authenticate(&self, token: &str) -> Result<Actor> {
        ApiKeyToken::check(token).map_err(|_| ControlError::KeyUnknown)?;
        let parts = &*self.0;
        let now = parts.clock.now();
        let snapshot = parts.live.current();
        let key = snapshot
            .api_key_by_digest(&parts.pepper.digest(token), now)
            .ok_or(ControlError::KeyUnknown)?;
        if key.is_expired(now) {
            return Err(ControlError::KeyExpired);
        }
        Ok(Actor::from_api_key(key))
    }

    /// The time, for what an answer says of now.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A new trace id.
    pub fn mint_trace_id(&self) -> String {
        CallId::mint(&*self.0.clock, &*self.0.dice).to_string()
    }

    /// API keys.
    pub fn api_keys<'a>(&'a self, actor: &'a Actor) -> ApiKeys<'a> {
        ApiKeys { parts: &self.0, actor }
    }

    /// Virtual keys: credential and handle in one.
    pub fn virtual_keys<'a>(&'a self, actor: &'a Actor) -> VirtualKeys<'a> {
        VirtualKeys { parts: &self.0, actor }
    }

    /// Providers: the handles.
    pub fn providers<'a>(&'a self, actor: &'a Actor) -> Providers<'a> {
        Providers { parts: &self.0, actor }
    }

    /// Integrations: the credentials.
    pub fn integrations<'a>(&'a self, actor: &'a Actor) -> Integrations<'a> {
        Integrations { parts: &self.0, actor }
    }

    /// Logs.
    pub fn logs<'a>(&'a self, actor: &'a Actor) -> Logs<'a> {
        Logs { parts: &self.0, actor }
    }
}

impl Parts {
    /// Waits until this node's data plane knows what was just written, so that whoever creates a
    /// key can use it at once. Whatever goes wrong here is not an error of the write, which is
    /// done: the answer may hold the only copy of a key.
    pub(crate) async fn caught_up(&self) {
        let caught_up = async {
            let written = self.db.read().await?.outbox().max_revision().await?;
            let mut reached = self.reached.clone();
            let wait = reached.wait_for(|revision| *revision >= written).await;
            Ok::<bool, portcullis_store::Error>(wait.is_ok())
        };
        match tokio::time::timeout(READ_YOUR_WRITES, caught_up).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) | Err(_) => tracing::warn!("the snapshot lags behind a write"),
            Ok(Err(error)) => {
                tracing::warn!(%error, "whether the snapshot shows a write cannot be told");
            }
        }
    }
}

/// Refuses to write over what somebody else has written since `loaded`: a whole row is written, and
/// an older one would bring back a key that was rotated out, or scopes that were taken away.
pub(crate) fn unchanged(
    there: Option<Timestamp>,
    loaded: Timestamp,
    noun: &'static str,
) -> Result<()> {
    match there {
        None => Err(ControlError::NotFound(noun)),
        Some(there) if there == loaded => Ok(()),
        Some(_) => Err(ControlError::Conflict(format!(
            "the {noun} was changed by somebody else at the same time; read it again and repeat \
             the change"
        ))),
    }
}
