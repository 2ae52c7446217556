//! Who may do what: the one permission check of every administrative path.

use crate::{ApiKeyId, OrganisationId, Scope, ScopeSet, Timestamp, UserId, WorkspaceId};

/// Someone who acts on the control plane.
#[derive(Clone, Debug)]
pub struct Actor {
    kind: ActorKind,
    organisation: OrganisationId,
    /// Where a workspace-bound actor is confined to.
    workspace: Option<WorkspaceId>,
    scopes: ScopeSet,
}

/// What kind of actor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// An API key, with its person when it is user-bound.
    ApiKey(ApiKeyId, Option<UserId>),
    /// The operator at the command line, who holds the files anyway.
    Operator,
}

/// Where an act takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The organisation as a whole.
    Organisation(OrganisationId),
    /// One workspace of it.
    Workspace(OrganisationId, WorkspaceId),
}

/// Proof that [`Actor::permit`] said yes. Writes of the store demand one; nothing else makes one.
#[derive(Clone, Debug)]
pub struct Permit {
    actor: ActorKind,
    scope: Scope,
    place: Place,
}

/// The check said no.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The scope is missing.
    #[error("the API key lacks the scope '{0}'")]
    ScopeMissing(Scope),
    /// The place is not the actor's. Answer as if the place did not exist.
    #[error("not found")]
    ForeignPlace,
}

impl Actor {
    /// The actor an API key stands for.
    pub fn from_api_key(key: &crate::ApiKey) -> Self {
        Self {
            kind: ActorKind::ApiKey(key.id, key.user_id),
            organisation: key.organisation_id,
            workspace: key.kind.is_workspace_bound().then_some(key.workspace_id),
            scopes: key.scopes,
        }
    }

    /// The operator of the instance acting on one organisation, with every scope.
    pub fn operator(organisation: OrganisationId) -> Self {
        let scopes = ScopeSet::all();
        Self { kind: ActorKind::Operator, organisation, workspace: None, scopes }
    }

    /// What kind of actor this is.
    pub const fn kind(&self) -> ActorKind {
        self.kind
    }

    /// The actor's organisation.
    pub const fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    /// The workspace a workspace-bound actor is confined to.
    pub const fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }

    /// The actor's scopes: nobody grants more than these.
    pub const fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// Whether the actor may do what `scope` names at `place`.
    pub fn permit(&self, scope: Scope, place: Place) -> Result<Permit, Denied> {
        let (organisation, workspace) = match place {
            Place::Organisation(organisation) => (organisation, None),
            Place::Workspace(organisation, workspace) => (organisation, Some(workspace)),
        };
        let at_home = organisation == self.organisation
            && (self.workspace.is_none() || self.workspace == workspace);
        if !at_home {
            return Err(Denied::ForeignPlace);
        }
        if !self.scopes.contains(scope) {
            return Err(Denied::ScopeMissing(scope));
        }
        Ok(Permit { actor: self.kind, scope, place })
    }
}

impl Permit {
    /// Who was permitted.
    pub const fn actor(&self) -> ActorKind {
        self.actor
    }

    /// What was permitted.
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// The organisation it holds for.
    pub const fn organisation(&self) -> OrganisationId {
        match self.place {
            Place::Organisation(organisation) | Place::Workspace(organisation, _) => organisation,
        }
    }

    /// The workspace it is confined to, if any.
    pub const fn workspace(&self) -> Option<WorkspaceId> {
        match self.place {
            Place::Organisation(_) => None,
            Place::Workspace(_, workspace) => Some(workspace),
        }
    }
}

impl crate::ApiKey {
    /// Whether the key is past its expiry at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
