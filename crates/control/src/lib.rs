//! Use cases of the control plane: permit, rule, write, audit, event; and the compiler that turns
//! what was written into the data plane's snapshot.
//!
//! Every use case belongs to a [`Caller`] and asks it for a permit before anything else; the store
//! accepts no tenant's row without one, and none outside an act that the audit trail is told of
//! (`desk.rs`). What comes back has no secret in it, except where a secret is made:
//! [`ApiKeys::create`] and [`ApiKeys::rotate`] hand out the key, once.
//!
//! To add a noun: `<noun>.rs` here with its commands and use cases over a [`desk::Desk`], and an
//! accessor below.

mod acceptance;
mod api_key;
mod apply;
mod attempt;
mod audit_check;
mod audit_log;
mod authenticate;
mod bootstrap;
mod caller;
mod check;
mod compiler;
mod credential;
mod data_keys;
mod desk;
mod environment;
mod error;
mod fetch;
mod instance;
mod integration;
mod invite;
mod kms;
mod kms_pace;
mod log;
mod log_sink;
mod maintenance;
mod masking;
mod member;
mod mint;
mod organisation;
mod password;
mod personal_key;
mod provider;
mod session;
mod sign_in;
mod token_issuer;
mod unlock;
mod vault_trail;
mod virtual_key;
mod workspace;
mod workspace_member;

use std::{sync::Arc, time::Duration};

use portcullis_domain::{
    AuditActor, AuditOrigin, AuditSigner, CallId, Clock, Dice, Live, Revision, Timestamp, User,
};
use portcullis_identity::{SecretToken, SessionRules};
use portcullis_store::{Db, Scene};
use portcullis_vault::{AuditKey, Pepper, Vault};
use tokio::sync::watch;

use desk::Desk;
use mint::Mint;

pub use acceptance::{Acceptance, Accepted, InviteDetail};
pub use api_key::{ApiKeyChange, ApiKeys, Grant, NewApiKey, Rotated};
pub use apply::{Applied, Change, ChangeKind, Document, NotApplied, SecretSource, Surroundings};
pub use audit_check::{AuditReport, audit_checkpoints, check_audit};
pub use audit_log::{Asked, AuditLogs, AuditPage, EXPORT_STEP, StoredAuditTrail};
pub use authenticate::Refused;
pub use bootstrap::{Initialised, InstanceKeys, Prepared, bootstrap, prepare};
pub use caller::Caller;
pub use compiler::{Compiler, load_snapshot};
pub use credential::{CredentialChange, provider_names};
pub use data_keys::StoredDataKeys;
pub use environment::{EnvironmentChange, Environments};
pub use error::{ControlError, Result};
pub use fetch::{Fetch, Fetching};
pub use instance::{instance_audit_key, instance_pepper};
pub use integration::{
    IntegrationChange, IntegrationDetail, IntegrationScope, Integrations, NewIntegration,
    WorkspaceAccess,
};
pub use invite::{InviteQuery, Invites, NewInvite};
pub use kms::{KmsDetail, KmsKeys};
pub use kms_pace::KmsPace;
pub use log::{LogDetail, LogPage, Logs};
pub use log_sink::StoredLogs;
pub use maintenance::forget_the_old;
pub use member::{Members, WorkspaceMemberDetail};
pub use organisation::{OrganisationChange, Organisations};
pub use password::Passwords;
pub use personal_key::{NewPersonalKey, PersonalKeys};
pub use portcullis_providers::credential::{AzureDeployment, Settings as ProviderSettings};
pub use portcullis_record::{content::Message as StoredMessage, head::lines as header_lines};
pub use portcullis_store::{
    AuditFilter, List, LogFilter, MemberFilter, Page, WorkspaceMemberFilter,
};
pub use provider::{NewProvider, ProviderChange, Providers};
pub use session::{Membership, Own, Person};
pub use sign_in::{SignIn, SignedIn};
pub use token_issuer::{NewTokenIssuer, TokenIssuers, TokenKeys};
pub use unlock::unlock;
pub use vault_trail::{VaultTrail, VaultTrailWriter};
pub use virtual_key::{NewVirtualKey, VirtualKeyChange, VirtualKeyDetail, VirtualKeys};
pub use workspace::{NewWorkspace, WorkspaceChange, WorkspaceQuery, Workspaces};
pub use workspace_member::WorkspaceMembers;

/// The control plane. Cheap to clone.
#[derive(Clone)]
pub struct Control(Arc<Parts>);

/// What the control plane is made of.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// The same for searching logs and audit trail, with connections of its own and a bound on how
    /// long one statement may take: no search may keep the other use cases waiting.
    pub logs: Db,
    /// Seals and opens.
    pub vault: Arc<Vault>,
    /// Digests API keys.
    pub pepper: Arc<Pepper>,
    /// Signs the audit trail.
    pub audit: Arc<AuditKey>,
    /// The data plane's configuration: who calls is looked up there, so that a database outage
    /// never turns a good key away.
    pub live: Arc<Live>,
    /// The revision the snapshot has reached.
    pub reached: watch::Receiver<Revision>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub dice: Arc<dyn Dice>,
    /// How often organisations have had a KMS asked.
    pub kms_pace: KmsPace,
    /// Makes and checks passwords' hashes.
    pub passwords: Passwords,
    /// What comes from outside.
    pub fetch: Arc<dyn Fetch>,
    /// What the operator decides.
    pub settings: ControlSettings,
}

/// What the operator decides of the control plane.
#[derive(Clone, Debug)]
pub struct ControlSettings {
    /// Where people and clients reach this instance, for links: `https://host`, without a slash at
    /// the end.
    pub public_url: String,
    /// How long sessions live.
    pub sessions: SessionRules,
}

impl ControlSettings {
    /// Where somebody who was invited goes. The token is behind the `#`, so that no server's log
    /// gets to see it.
    pub fn invite_link(&self, token: &SecretToken) -> String {
        format!("{}/console/invite#{}", self.public_url, token.danger_expose())
    }
}

/// How long an answer to a write waits for the snapshot to show it.
const READ_YOUR_WRITES: Duration = Duration::from_secs(1);

impl Control {
    /// Puts the control plane together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The time, for what an answer says of now.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A new trace id.
    pub fn mint_trace_id(&self) -> String {
        CallId::mint(&*self.0.clock, &*self.0.dice).to_string()
    }

    /// What the operator decides.
    pub fn settings(&self) -> &ControlSettings {
        &self.0.settings
    }

    /// The caller's organisation.
    pub fn organisation<'a>(&'a self, caller: &'a Caller) -> Organisations<'a> {
        Organisations(self.desk(caller))
    }

    /// The organisation's issuer of tokens.
    pub fn token_issuers<'a>(&'a self, caller: &'a Caller) -> TokenIssuers<'a> {
        TokenIssuers(self.desk(caller))
    }

    /// Workspaces.
    pub fn workspaces<'a>(&'a self, caller: &'a Caller) -> Workspaces<'a> {
        Workspaces(self.desk(caller))
    }

    /// The environments of workspaces.
    pub fn environments<'a>(&'a self, caller: &'a Caller) -> Environments<'a> {
        Environments(self.desk(caller))
    }

    /// The people of the organisation.
    pub fn members<'a>(&'a self, caller: &'a Caller) -> Members<'a> {
        Members(self.desk(caller))
    }

    /// The people of workspaces.
    pub fn workspace_members<'a>(&'a self, caller: &'a Caller) -> WorkspaceMembers<'a> {
        WorkspaceMembers(self.desk(caller))
    }

    /// Invites.
    pub fn invites<'a>(&'a self, caller: &'a Caller) -> Invites<'a> {
        Invites(self.desk(caller))
    }

    /// API keys.
    pub fn api_keys<'a>(&'a self, caller: &'a Caller) -> ApiKeys<'a> {
        ApiKeys(self.desk(caller))
    }

    /// Virtual keys: credential and handle in one.
    pub fn virtual_keys<'a>(&'a self, caller: &'a Caller) -> VirtualKeys<'a> {
        VirtualKeys(self.desk(caller))
    }

    /// Providers: the handles.
    pub fn providers<'a>(&'a self, caller: &'a Caller) -> Providers<'a> {
        Providers(self.desk(caller))
    }

    /// Integrations: the credentials.
    pub fn integrations<'a>(&'a self, caller: &'a Caller) -> Integrations<'a> {
        Integrations(self.desk(caller))
    }

    /// The organisation's own KMS key.
    pub fn kms<'a>(&'a self, caller: &'a Caller) -> KmsKeys<'a> {
        KmsKeys(self.desk(caller))
    }

    /// Logs.
    pub fn logs<'a>(&'a self, caller: &'a Caller) -> Logs<'a> {
        Logs(self.desk(caller))
    }

    /// The audit trail.
    pub fn audit_logs<'a>(&'a self, caller: &'a Caller) -> AuditLogs<'a> {
        AuditLogs(self.desk(caller))
    }

    fn desk<'a>(&'a self, caller: &'a Caller) -> Desk<'a> {
        Desk { parts: &self.0, caller }
    }
}

impl Parts {
    pub(crate) fn mint(&self) -> Mint<'_> {
        Mint { clock: &*self.clock, dice: &*self.dice }
    }

    pub(crate) fn signer(&self) -> Arc<dyn AuditSigner> {
        Arc::clone(&self.audit) as Arc<dyn AuditSigner>
    }

    /// The scene of what a person does with what is their own.
    pub(crate) fn scene_of(&self, user: &User, origin: &AuditOrigin) -> Scene {
        Scene {
            actor: AuditActor::user(user.id, user.email.as_str()),
            origin: origin.clone(),
            signer: self.signer(),
        }
    }

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
