//! Who may do what: the one permission check of every administrative path.

use crate::{
    ApiKey, ApiKeyId, AuditActor, AuditActorKind, Invite, InviteStatus, Member, OrganisationId,
    RoleScopes, Scope, ScopeSet, SessionId, Timestamp, UserId, WorkspaceId,
};

/// Someone who acts on the control plane.
#[derive(Clone, Debug)]
pub struct Actor {
    kind: ActorKind,
    /// What people call them: an e-mail address, a key's name.
    name: String,
    organisation: OrganisationId,
    /// What they may do in the organisation as a whole and in every workspace.
    everywhere: ScopeSet,
    /// What they may do in single workspaces.
    standings: Vec<Standing>,
    /// The workspace that a workspace's key means, whatever else is named.
    home: Option<WorkspaceId>,
}

/// What an actor may do in one workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// What they may do there.
    pub scopes: ScopeSet,
    /// Whether they see only the calls of their own keys.
    pub own_data_only: bool,
}

/// What kind of actor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// An API key, with its person when it is user-bound.
    ApiKey(ApiKeyId, Option<UserId>),
    /// A signed token of the organisation's issuer.
    Token(ApiKeyId),
    /// A person who is signed in.
    User(UserId, SessionId),
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

/// Where an actor may do something, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In the whole organisation.
    Everywhere,
    /// In these workspaces.
    Only(Vec<WorkspaceId>),
}

/// Proof that the check said yes. Writes of the store demand one. It comes from [`Actor::permit`];
/// from [`Actor::permit_own`] for what is somebody's own; and from [`crate::Invite::permit`] for
/// whoever was let in.
#[derive(Clone, Debug)]
pub struct Permit {
    scope: Option<Scope>,
    place: Place,
}

/// The check said no.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The scope is missing.
    #[error("the scope '{0}' is missing")]
    ScopeMissing(Scope),
    /// The place is not the actor's. Answer as if the place did not exist.
    #[error("not found")]
    ForeignPlace,
}

impl Actor {
    /// The actor an API key stands for, given what of its scopes holds now
    /// ([`crate::Snapshot::scopes_of`]) and whether it sees only its person's calls.
    pub fn from_api_key(key: &ApiKey, scopes: ScopeSet, own_data_only: bool) -> Self {
        let standing = Standing { workspace: key.workspace_id, scopes, own_data_only };
        let is_bound = key.kind.is_workspace_bound();
        let kind = if key.is_token {
            ActorKind::Token(key.id)
        } else {
            ActorKind::ApiKey(key.id, key.user_id)
        };
        Self {
            kind,
            name: key.name.clone(),
            organisation: key.organisation_id,
            everywhere: if is_bound { ScopeSet::EMPTY } else { scopes },
            standings: if is_bound { vec![standing] } else { Vec::new() },
            home: is_bound.then_some(key.workspace_id),
        }
    }

    /// The actor a signed-in member is.
    pub fn from_member(member: &Member, roles: &RoleScopes, session: SessionId) -> Self {
        let standings = member.workspaces.iter().map(|place| Standing {
            workspace: place.workspace_id,
            scopes: *roles.workspace(place.role),
            own_data_only: roles.sees_own_data_only(place.role),
        });
        Self {
            kind: ActorKind::User(member.user_id, session),
            name: member.email.clone(),
            organisation: member.organisation_id,
            everywhere: member.role.scopes(),
            standings: standings.collect(),
            home: None,
        }
    }

    /// The operator of the instance acting on one organisation, with every scope.
    pub fn operator(organisation: OrganisationId) -> Self {
        Self {
            kind: ActorKind::Operator,
            name: "operator".to_owned(),
            organisation,
            everywhere: ScopeSet::all(),
            standings: Vec::new(),
            home: None,
        }
    }

    /// What kind of actor this is.
    pub const fn kind(&self) -> ActorKind {
        self.kind
    }

    /// What people call them.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The actor's organisation.
    pub const fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    /// The workspace that a workspace's key means, whatever else is named.
    pub const fn home(&self) -> Option<WorkspaceId> {
        self.home
    }

    /// The person behind the actor, if any.
    pub const fn user(&self) -> Option<UserId> {
        match self.kind {
            ActorKind::ApiKey(_, user) => user,
            ActorKind::User(user, _) => Some(user),
            ActorKind::Token(_) | ActorKind::Operator => None,
        }
    }

    /// The actor as the audit trail names it.
    pub fn audited(&self) -> AuditActor {
        match self.kind {
            ActorKind::ApiKey(id, user) => AuditActor::api_key(id, user, self.name.as_str()),
            ActorKind::User(id, _) => AuditActor::user(id, self.name.as_str()),
            ActorKind::Token(id) => AuditActor {
                kind: AuditActorKind::Token,
                id: Some(id.uuid()),
                user: None,
                name: self.name.clone(),
            },
            ActorKind::Operator => AuditActor::nameless(AuditActorKind::Operator),
        }
    }

    /// What the actor may do at a place: nobody grants more than that.
    pub fn scopes_at(&self, place: Place) -> ScopeSet {
        match place {
            Place::Organisation(organisation) if organisation == self.organisation => {
                self.everywhere
            }
            Place::Workspace(organisation, workspace) if organisation == self.organisation => {
                let standing = self.standing(workspace);
                let there = standing.map_or(ScopeSet::EMPTY, |standing| standing.scopes);
                self.everywhere.union(&there)
            }
            _ => ScopeSet::EMPTY,
        }
    }

    /// What the actor may give to others at a place: what they may do there, but for the sight of
    /// others' calls when they see only their own.
    pub fn gives_at(&self, place: Place) -> ScopeSet {
        let held = self.scopes_at(place);
        match place {
            Place::Workspace(_, workspace) if self.sees_own_data_only(workspace) => {
                held.without(Scope::SIGHT)
            }
            _ => held,
        }
    }

    /// Whether the actor holds a scope anywhere at all. The doorkeeper's question; what is done
    /// where is asked by [`Self::permit`].
    pub fn holds_somewhere(&self, scope: Scope) -> bool {
        self.everywhere.contains(scope)
            || self.standings.iter().any(|standing| standing.scopes.contains(scope))
    }

    /// Where the actor holds a scope.
    pub fn reach(&self, scope: Scope) -> Reach {
        if self.everywhere.contains(scope) {
            return Reach::Everywhere;
        }
        let there = self.standings.iter().filter(|standing| standing.scopes.contains(scope));
        Reach::Only(there.map(|standing| standing.workspace).collect())
    }

    /// What the actor may do in single workspaces, besides what holds everywhere.
    pub fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// Whether the actor sees only the calls of their own keys in a workspace.
    pub fn sees_own_data_only(&self, workspace: WorkspaceId) -> bool {
        self.everywhere.is_empty() && self.standing(workspace).is_some_and(|s| s.own_data_only)
    }

    /// Whether the actor may do what `scope` names at `place`.
    pub fn permit(&self, scope: Scope, place: Place) -> Result<Permit, Denied> {
        if self.scopes_at(place).contains(scope) {
            return Ok(Permit { scope: Some(scope), place });
        }
        let is_known = match place {
            Place::Organisation(organisation) => {
                // A workspace's own may do some things there and nothing in the whole.
                organisation == self.organisation && !self.holds_somewhere(scope)
            }
            Place::Workspace(organisation, workspace) => {
                organisation == self.organisation
                    && (!self.everywhere.is_empty() || self.standing(workspace).is_some())
            }
        };
        Err(if is_known { Denied::ScopeMissing(scope) } else { Denied::ForeignPlace })
    }

    /// Whether a person who is signed in may do something with what is their own at `place`, where
    /// they have any business at all.
    pub fn permit_own(&self, owner: UserId, place: Place) -> Result<Permit, Denied> {
        let is_own = matches!(self.kind, ActorKind::User(user, _) if user == owner);
        if is_own && !self.scopes_at(place).is_empty() {
            Ok(Permit { scope: None, place })
        } else {
            Err(Denied::ForeignPlace)
        }
    }

    fn standing(&self, workspace: WorkspaceId) -> Option<&Standing> {
        self.standings.iter().find(|standing| standing.workspace == workspace)
    }
}

impl Reach {
    /// Whether a workspace is within.
    pub fn holds(&self, workspace: WorkspaceId) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Only(workspaces) => workspaces.contains(&workspace),
        }
    }

    /// Whether nothing is within.
    pub fn is_nowhere(&self) -> bool {
        matches!(self, Self::Only(workspaces) if workspaces.is_empty())
    }
}

impl Permit {
    /// What was permitted; `None` for what needs no scope because it is one's own.
    pub const fn scope(&self) -> Option<Scope> {
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

impl Invite {
    /// What a pending invite lets whoever bears its token do: enter.
    pub fn permit(&self, now: Timestamp) -> Option<Permit> {
        let place = Place::Organisation(self.organisation_id);
        (self.status(now) == InviteStatus::Pending).then_some(Permit { scope: None, place })
    }
}

impl ApiKey {
    /// Whether the key is past its expiry at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
