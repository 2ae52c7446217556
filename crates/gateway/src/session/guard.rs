//! Whether a session may go on: what was right when it began can have been taken back since.

use std::{sync::Arc, time::Duration};

use portcullis_domain::{
    ApiKey, Clock, Fault, FaultKind, Live, OrganisationId, Scope, Snapshot, Timestamp, TokenIssuer,
    VirtualKey, WorkspaceId,
};
use portcullis_vault::Vault;
use tokio::time::timeout;

use crate::{
    Parts,
    stage::{
        identify::Identified,
        plan::{Target, vault_closed},
    },
};

/// How long a session is held up by the question whether its organisation's keys may be used.
const VAULT_WITHIN: Duration = Duration::from_secs(1);

/// What a session was allowed by.
pub(crate) struct Guard {
    live: Arc<Live>,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    key: Arc<ApiKey>,
    /// Who signed the token that serves as the key, if one does.
    issuer: Option<Arc<TokenIssuer>>,
    organisation: OrganisationId,
    workspace: WorkspaceId,
    virtual_key: Option<Arc<VirtualKey>>,
}

impl Guard {
    pub(crate) fn new(parts: &Parts, identified: &Identified, target: &Target) -> Self {
        let key = Arc::clone(&identified.key);
        let snapshot = &identified.accepted.snapshot;
        Self {
            live: Arc::clone(&parts.live),
            vault: Arc::clone(&parts.vault),
            clock: Arc::clone(&parts.clock),
            issuer: key
                .is_token
                .then(|| snapshot.token_issuer(key.organisation_id).cloned())
                .flatten(),
            organisation: identified.organisation.id,
            workspace: identified.workspace.id,
            virtual_key: target.virtual_key.as_ref().map(|(key, _)| Arc::clone(key)),
            key,
        }
    }

    /// Whether all that is still there and holds, and the organisation's data keys may still be used.
    pub(crate) async fn check(&self) -> Result<(), Fault> {
        self.check_rights()?;
        if self.vault.cached(Some(self.organisation)).is_some() {
            return Ok(());
        }
        let asked = timeout(VAULT_WITHIN, self.vault.key_ring(Some(self.organisation))).await;
        // Whose answer is late is asked again soon.
        let Ok(Err(error)) = asked else { return Ok(()) };
        Err(vault_closed(&error))
    }

    fn check_rights(&self) -> Result<(), Fault> {
        let (snapshot, now) = (self.live.current(), self.clock.now());
        let refuse = |kind, text: &'static str| Err(Fault::client(kind, text));
        let Some(key) = self.key_now(&snapshot, now) else {
            return refuse(FaultKind::KeyUnknown, "the API Key was taken back");
        };
        if key.is_expired(now) {
            return refuse(FaultKind::KeyExpired, "the API Key has expired");
        }
        if !snapshot.scopes_of(key).0.contains(Scope::CompletionsWrite) {
            return refuse(FaultKind::ScopeMissing, "the API Key's scope was taken back");
        }
        let is_there = snapshot.organisation(self.organisation).is_some()
            && snapshot.workspace(self.workspace).is_some();
        if !is_there {
            return refuse(FaultKind::KeyUnknown, "the workspace was deleted");
        }
        let Some(used) = &self.virtual_key else { return Ok(()) };
        match snapshot.virtual_key(self.workspace, used.slug.as_str()) {
            Some((current, _)) if current.id == used.id && !current.is_expired(now) => Ok(()),
            _ => refuse(FaultKind::VirtualKeyExpired, "the virtual key was taken back"),
        }
    }

    /// The key as it is now.
    fn key_now<'a>(&'a self, snapshot: &'a Snapshot, now: Timestamp) -> Option<&'a ApiKey> {
        if let Some(issuer) = &self.issuer {
            let current = snapshot.token_issuer(issuer.organisation_id)?;
            let is_same = current.keys == issuer.keys
                && current.issuer == issuer.issuer
                && current.audience == issuer.audience;
            return is_same.then_some(&*self.key);
        }
        // By the digest that it began with, which holds on through the window of a rotation.
        let key = snapshot.api_key_by_digest(&self.key.digest, now)?;
        (key.id == self.key.id).then_some(&**key)
    }
}
