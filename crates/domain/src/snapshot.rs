//! The compiled, immutable configuration that the data plane reads.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;

use crate::{
    ApiKey, ApiKeyDigest, ApiKeyId, Integration, IntegrationId, Member, Organisation,
    OrganisationId, RoleScopes, ScopeSet, Shards, Slug, Timestamp, TokenIssuer, UserId, VirtualKey,
    VirtualKeyId, Workspace, WorkspaceId,
};

/// The number of a configuration; a later one is larger. It counts the outbox's events.
pub type Revision = i64;

/// The configuration at one revision. Cloning shares everything, so a change costs what it
/// changes. Sealed fields stay sealed in it.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// The revision.
    pub revision: Revision,
    organisations: Shards<OrganisationId, Arc<Organisation>>,
    roles: Shards<OrganisationId, Arc<RoleScopes>>,
    members: Shards<(OrganisationId, UserId), Arc<Member>>,
    token_issuers: Shards<OrganisationId, Arc<TokenIssuer>>,
    workspaces: Shards<WorkspaceId, Arc<Workspace>>,
    api_keys: Shards<ApiKeyId, Arc<ApiKey>>,
    digests: Shards<[u8; 32], Arc<ApiKey>>,
    integrations: Shards<IntegrationId, Arc<Integration>>,
    virtual_keys: Shards<VirtualKeyId, Arc<VirtualKey>>,
    slugs: Shards<WorkspaceId, Arc<BySlug>>,
}

/// The virtual keys of a workspace, by name.
type BySlug = HashMap<Slug, Arc<VirtualKey>, foldhash::fast::RandomState>;

/// One change of the configuration.
#[derive(Clone, Debug)]
pub enum Change {
    /// An organisation is new or changed.
    Organisation(Arc<Organisation>),
    /// An organisation is gone.
    OrganisationGone(OrganisationId),
    /// A person's place in an organisation or in one of its workspaces is new or changed.
    Member(Arc<Member>),
    /// A person has left an organisation.
    MemberGone(OrganisationId, UserId),
    /// An organisation's issuer of tokens is new or changed.
    TokenIssuer(Arc<TokenIssuer>),
    /// An organisation has no issuer of tokens any more.
    TokenIssuerGone(OrganisationId),
    /// A workspace is new or changed.
    Workspace(Arc<Workspace>),
    /// A workspace is gone.
    WorkspaceGone(WorkspaceId),
    /// An API key is new, changed or rotated.
    ApiKey(Arc<ApiKey>),
    /// An API key is gone.
    ApiKeyGone(ApiKeyId),
    /// An integration is new or changed.
    Integration(Arc<Integration>),
    /// An integration is gone.
    IntegrationGone(IntegrationId),
    /// A virtual key is new or changed.
    VirtualKey(Arc<VirtualKey>),
    /// A virtual key is gone.
    VirtualKeyGone(VirtualKeyId),
}

/// The current snapshot, swapped whole.
#[derive(Default)]
pub struct Live(ArcSwap<Snapshot>);

impl Live {
    /// Starts with `snapshot`.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The current snapshot, to pin for the length of a call.
    pub fn current(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Makes `snapshot` the current one.
    pub fn publish(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}

impl Snapshot {
    /// Applies changes in order and takes on `revision`.
    pub fn apply(&mut self, revision: Revision, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            self.apply_one(change);
        }
        self.revision = revision;
    }

    fn apply_one(&mut self, change: Change) {
        match change {
            Change::Organisation(organisation) => {
                let roles = Arc::new(organisation.settings.roles.compile());
                self.roles.insert(organisation.id, roles);
                self.organisations.insert(organisation.id, organisation);
            }
            Change::OrganisationGone(id) => {
                self.roles.remove(&id);
                self.organisations.remove(&id);
            }
            Change::Member(member) => {
                self.members.insert((member.organisation_id, member.user_id), member);
            }
            Change::MemberGone(organisation, user) => {
                self.members.remove(&(organisation, user));
            }
            Change::TokenIssuer(issuer) => {
                self.token_issuers.insert(issuer.organisation_id, issuer);
            }
            Change::TokenIssuerGone(id) => {
                self.token_issuers.remove(&id);
            }
            Change::Workspace(workspace) => {
                self.workspaces.insert(workspace.id, workspace);
            }
            Change::WorkspaceGone(id) => {
                self.workspaces.remove(&id);
            }
            Change::ApiKey(key) => {
                self.forget_api_key(key.id);
                self.digests.insert(key.digest.0, Arc::clone(&key));
                if let Some(previous) = &key.previous {
                    self.digests.insert(previous.digest.0, Arc::clone(&key));
                }
                self.api_keys.insert(key.id, key);
            }
            Change::ApiKeyGone(id) => self.forget_api_key(id),
            Change::Integration(integration) => {
                self.integrations.insert(integration.id, integration);
            }
            Change::IntegrationGone(id) => {
                self.integrations.remove(&id);
            }
            Change::VirtualKey(key) => {
                self.forget_virtual_key(key.id);
                let mut by_slug = self.slugs.remove(&key.workspace_id).unwrap_or_default();
                Arc::make_mut(&mut by_slug).insert(key.slug.clone(), Arc::clone(&key));
                self.slugs.insert(key.workspace_id, by_slug);
                self.virtual_keys.insert(key.id, key);
            }
            Change::VirtualKeyGone(id) => self.forget_virtual_key(id),
        }
    }

    fn forget_api_key(&mut self, id: ApiKeyId) {
        if let Some(old) = self.api_keys.remove(&id) {
            self.digests.remove(&old.digest.0);
            if let Some(previous) = &old.previous {
                self.digests.remove(&previous.digest.0);
            }
        }
    }

    fn forget_virtual_key(&mut self, id: VirtualKeyId) {
        if let Some(old) = self.virtual_keys.remove(&id) {
            let Some(mut by_slug) = self.slugs.remove(&old.workspace_id) else { return };
            Arc::make_mut(&mut by_slug).remove(&old.slug);
            if !by_slug.is_empty() {
                self.slugs.insert(old.workspace_id, by_slug);
            }
        }
    }

    /// The key of that digest, unless it is a rotated-out one past its window at `now`. Expiry is
    /// the caller's to check, because it is answered differently.
    pub fn api_key_by_digest(&self, digest: &ApiKeyDigest, now: Timestamp) -> Option<&Arc<ApiKey>> {
        let key = self.digests.get(&digest.0)?;
        // The map's own comparison is not in constant time; this one decides.
        if key.digest == *digest {
            return Some(key);
        }
        let previous = key.previous.as_ref()?;
        (previous.digest == *digest && now < previous.until).then_some(key)
    }

    /// What of a key's scopes holds now, and whether it sees only its person's calls: a person's
    /// key never does more than the person may do in its workspace at this moment, and nothing once
    /// they have left.
    pub fn scopes_of(&self, key: &ApiKey) -> (ScopeSet, bool) {
        // Whatever a row says, a workspace's key does nothing to the organisation as a whole.
        let scopes = key.scopes.intersection(key.kind.most());
        let Some(user) = key.user_id else { return (scopes, false) };
        let Some(member) = self.member(key.organisation_id, user) else {
            return (ScopeSet::EMPTY, true);
        };
        let everywhere = member.role.scopes();
        if !everywhere.is_empty() {
            return (scopes.intersection(&everywhere), false);
        }
        match (self.roles.get(&key.organisation_id), member.role_in(key.workspace_id)) {
            (Some(roles), Some(role)) => {
                (scopes.intersection(roles.workspace(role)), roles.sees_own_data_only(role))
            }
            _ => (ScopeSet::EMPTY, true),
        }
    }

    /// A person's place in an organisation.
    pub fn member(&self, organisation: OrganisationId, user: UserId) -> Option<&Arc<Member>> {
        self.members.get(&(organisation, user))
    }

    /// What the workspace roles of an organisation come to.
    pub fn roles(&self, organisation: OrganisationId) -> Option<&Arc<RoleScopes>> {
        self.roles.get(&organisation)
    }

    /// Who signs tokens of an organisation.
    pub fn token_issuer(&self, organisation: OrganisationId) -> Option<&Arc<TokenIssuer>> {
        self.token_issuers.get(&organisation)
    }

    /// A workspace of an organisation by id or slug. Looks through all of them when it is a slug:
    /// not for every call.
    pub fn workspace_named(
        &self,
        organisation: OrganisationId,
        named: &str,
    ) -> Option<&Arc<Workspace>> {
        let found = match WorkspaceId::parse(named) {
            Ok(id) => self.workspaces.get(&id),
            Err(_) => {
                let is_it = |workspace: &&Arc<Workspace>| {
                    workspace.organisation_id == organisation && workspace.slug.as_str() == named
                };
                self.workspaces.iter().map(|(_, workspace)| workspace).find(is_it)
            }
        };
        found.filter(|workspace| workspace.organisation_id == organisation)
    }

    /// The API key of that id.
    pub fn api_key(&self, id: ApiKeyId) -> Option<&Arc<ApiKey>> {
        self.api_keys.get(&id)
    }

    /// The organisation of that id.
    pub fn organisation(&self, id: OrganisationId) -> Option<&Arc<Organisation>> {
        self.organisations.get(&id)
    }

    /// The workspace of that id.
    pub fn workspace(&self, id: WorkspaceId) -> Option<&Arc<Workspace>> {
        self.workspaces.get(&id)
    }

    /// The virtual key `@slug` of a workspace, with its credential.
    pub fn virtual_key(
        &self,
        workspace: WorkspaceId,
        slug: &str,
    ) -> Option<(&Arc<VirtualKey>, &Arc<Integration>)> {
        let key = self.slugs.get(&workspace)?.get(slug)?;
        Some((key, self.integrations.get(&key.integration_id)?))
    }

    /// The virtual keys of a workspace with their credentials, in no particular order.
    pub fn virtual_keys_of(
        &self,
        workspace: WorkspaceId,
    ) -> impl Iterator<Item = (&Arc<VirtualKey>, &Arc<Integration>)> {
        let of_workspace =
            self.virtual_keys.iter().filter(move |(_, k)| k.workspace_id == workspace);
        of_workspace.filter_map(|(_, key)| Some((key, self.integrations.get(&key.integration_id)?)))
    }

    /// How many API keys there are.
    pub fn api_key_count(&self) -> usize {
        self.api_keys.len()
    }
}
