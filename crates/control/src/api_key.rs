//! API keys.

use portcullis_domain::{
    AddressRange, ApiKey, ApiKeyDefaults, ApiKeyId, ApiKeyKind, ApiKeyMadeBy, ApiKeyToken,
    AuditAction, Permissions, Permit, Place, PreviousDigest, Reach, Scope, ScopeSet, Timestamp,
    UserId, Workspace, WorkspaceId,
};
use portcullis_store::{ApiKeyFilter, List, Page};

use crate::{ControlError, Parts, Result, check, desk::Desk};

/// Use cases of API keys.
pub struct ApiKeys<'a>(pub(crate) Desk<'a>);

/// A key to create.
pub struct NewApiKey {
    /// Its kind.
    pub kind: ApiKeyKind,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The workspace by id or slug; an organisation key's calls use the default one.
    pub workspace: Option<String>,
    /// The environment by slug; the workspace's default when not given.
    pub environment: Option<String>,
    /// The person, for a user key.
    pub user_id: Option<UserId>,
    /// What it may do.
    pub grant: Grant,
    /// What its calls get unless they say otherwise.
    pub defaults: ApiKeyDefaults,
    /// From where it may be used; from everywhere when empty.
    pub allowed_addresses: Vec<AddressRange>,
    /// How it is made.
    pub made_by: ApiKeyMadeBy,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// What a key is to do: said scope by scope, or by features.
pub enum Grant {
    /// These scopes. One that such a key cannot hold is refused.
    Scopes(ScopeSet),
    /// These levels of features, as far as such a key can hold their scopes.
    Permissions(Permissions),
}

/// What to change of a key; `None` leaves a field as it is.
#[derive(Default)]
pub struct ApiKeyChange {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it may do.
    pub grant: Option<Grant>,
    /// What its calls get unless they say otherwise.
    pub defaults: Option<ApiKeyDefaults>,
    /// From where it may be used; from everywhere when empty.
    pub allowed_addresses: Option<Vec<AddressRange>>,
    /// When it stops working; `Some(None)` takes the expiry away.
    pub expires_at: Option<Option<Timestamp>>,
}

/// A rotated key.
pub struct Rotated {
    /// The new key, shown once.
    pub token: ApiKeyToken,
    /// Until when the old one works too.
    pub overlap_until: Timestamp,
}

/// The shortest overlap of a rotation, and the default (admin reference §5). Zero, which revokes
/// the old key at once, is allowed besides.
const MIN_OVERLAP_MILLIS: i64 = 1_800_000;
const MAX_OVERLAP_MILLIS: i64 = 90 * 24 * 3_600_000;
const MAX_ADDRESSES: usize = 100;

#[derive(Clone, Copy)]
enum Verb {
    Create,
    Read,
    Update,
    Delete,
    List,
    Rotate,
}

impl ApiKeys<'_> {
    /// Creates a key. The token is not stored and cannot be shown again.
    pub async fn create(&self, new: NewApiKey) -> Result<(ApiKey, ApiKeyToken)> {
        let workspace = self.0.workspace(new.workspace.as_deref()).await?;
        let permit = self.permit(Verb::Create, new.kind, workspace.id)?;
        let (key, token) = self.build(new, &workspace).await?;
        self.0.create(&permit, &key).await?;
        Ok((key, token))
    }

    /// The keys the actor may list, newest first.
    pub async fn list(&self, workspace: Option<&str>, page: Page) -> Result<List<ApiKey>> {
        let kinds: Vec<_> = ApiKeyKind::ALL
            .into_iter()
            .map(|kind| (kind, self.0.actor().reach(scope(kind, Verb::List))))
            .filter(|(kind, reach)| match reach {
                Reach::Everywhere => true,
                // An organisation's keys name the default workspace, but are not of it.
                Reach::Only(workspaces) => kind.is_workspace_bound() && !workspaces.is_empty(),
            })
            .collect();
        if kinds.is_empty() {
            let scope = scope(ApiKeyKind::WorkspaceService, Verb::List);
            return Err(ControlError::ScopeMissing(scope));
        }
        let workspace = match workspace.filter(|text| !text.is_empty()) {
            Some(named) if self.0.actor().home().is_none() => {
                Some(self.0.named_workspace(named).await?.id)
            }
            _ => None,
        };
        let filter = ApiKeyFilter { kinds, workspace, user: None };
        let mut reader = self.0.parts.db.read().await?;
        Ok(reader.tenant(self.0.organisation()).api_keys().list(&filter, page).await?)
    }

    /// One key.
    pub async fn retrieve(&self, id: ApiKeyId) -> Result<ApiKey> {
        Ok(self.load(id, Verb::Read).await?.0)
    }

    /// Changes a key.
    pub async fn update(&self, id: ApiKeyId, change: ApiKeyChange) -> Result<()> {
        let (before, permit) = self.load(id, Verb::Update).await?;
        self.check_rank(&before)?;
        let mut key = before.clone();
        if let Some(name) = change.name {
            key.name = name;
        }
        if let Some(description) = change.description {
            key.description = Some(description);
        }
        if let Some(grant) = change.grant {
            key.scopes = grant.for_change(&key)?;
        }
        if let Some(defaults) = change.defaults {
            key.defaults = defaults;
        }
        if let Some(addresses) = change.allowed_addresses {
            key.allowed_addresses = addresses;
        }
        if let Some(expires_at) = change.expires_at {
            key.expires_at = expires_at;
        }
        self.check(&key)?;
        self.0.update(&permit, &before, key).await?;
        Ok(())
    }

    /// Gives a key a new secret. The old one works for `overlap_millis` more; with an overlap of
    /// zero nothing but the new one works, also while an earlier rotation's overlap lasts.
    pub async fn rotate(&self, id: ApiKeyId, overlap_millis: Option<i64>) -> Result<Rotated> {
        let (key, permit) = self.load(id, Verb::Rotate).await?;
        self.check_rank(&key)?;
        self.rotate_with(&permit, key, overlap_millis).await
    }

    /// Deletes a key: it is refused from now on.
    pub async fn delete(&self, id: ApiKeyId) -> Result<()> {
        let (key, permit) = self.load(id, Verb::Delete).await?;
        self.0.remove(&permit, &key).await
    }

    /// Builds a key without writing it.
    pub(crate) async fn build(
        &self,
        new: NewApiKey,
        workspace: &Workspace,
    ) -> Result<(ApiKey, ApiKeyToken)> {
        if (new.kind == ApiKeyKind::WorkspaceUser) != new.user_id.is_some() {
            let message = "a user key needs the id of its person, and no other key has one";
            return Err(ControlError::invalid("user_id", message));
        }
        if let Some(user) = new.user_id {
            let mut reader = self.0.parts.db.read().await?;
            let found = reader.tenant(self.0.organisation()).members().find(user).await?;
            let member = found.ok_or(ControlError::NotFound("user"))?;
            if member.role_in(workspace.id).is_none() {
                let message = "the person does not belong to that workspace";
                return Err(ControlError::invalid("user_id", message));
            }
        }
        self.draw(new, workspace)
    }

    /// As [`Self::build`], for a person of whom it is known that they belong there.
    pub(crate) fn draw(
        &self,
        new: NewApiKey,
        workspace: &Workspace,
    ) -> Result<(ApiKey, ApiKeyToken)> {
        let environment = match &new.environment {
            None => workspace.default_environment,
            Some(slug) => {
                let found = workspace.environments.iter().find(|e| e.slug.as_str() == slug);
                found.map(|environment| environment.id).ok_or_else(|| {
                    ControlError::invalid("environment", "the workspace has no such environment")
                })?
            }
        };
        let mint = self.0.parts.mint();
        let now = mint.now();
        let hint = workspace.environment(environment).map_or("key", |e| e.slug.as_str());
        let token = ApiKeyToken::mint(hint, mint.dice);
        let key = ApiKey {
            id: mint.id(),
            organisation_id: self.0.organisation(),
            workspace_id: workspace.id,
            environment_id: environment,
            user_id: new.user_id,
            kind: new.kind,
            name: new.name,
            description: new.description,
            digest: self.0.parts.pepper.digest(token.danger_expose()),
            hint: token.hint(),
            previous: None,
            scopes: new.grant.for_kind(new.kind),
            defaults: new.defaults,
            allowed_addresses: new.allowed_addresses,
            made_by: new.made_by,
            is_token: false,
            expires_at: new.expires_at,
            created_at: now,
            updated_at: now,
        };
        if key.is_expired(now) {
            return Err(ControlError::invalid("expires_at", "lies in the past"));
        }
        self.check(&key)?;
        Ok((key, token))
    }

    /// Gives a key a new secret, once it is clear that the caller may.
    pub(crate) async fn rotate_with(
        &self,
        permit: &Permit,
        before: ApiKey,
        overlap_millis: Option<i64>,
    ) -> Result<Rotated> {
        let overlap = overlap_millis.unwrap_or(MIN_OVERLAP_MILLIS);
        if overlap != 0 && !(MIN_OVERLAP_MILLIS..=MAX_OVERLAP_MILLIS).contains(&overlap) {
            let message = "must be 0 or from 1800000 (30 minutes) to 7776000000 (90 days)";
            return Err(ControlError::invalid("key_transition_period_ms", message));
        }
        let Parts { clock, dice, pepper, db, .. } = self.0.parts;
        let now = clock.now();
        // One former secret is kept, not two. Whoever lets none live need not wait.
        let in_transition = before.previous.as_ref().is_some_and(|previous| now < previous.until);
        if in_transition && overlap > 0 {
            let message = "the key is in transition from its last rotation already; with \
                           key_transition_period_ms 0 every former secret ends now";
            return Err(ControlError::Conflict(message.to_owned()));
        }
        // The hint of the environment stays what it was: the second part of the key.
        let mut reader = db.read().await?;
        let mut tenant = reader.tenant(self.0.organisation());
        let environment = tenant.environments().find(before.environment_id).await?;
        drop(reader);
        let hint = environment.as_ref().map_or("key", |environment| environment.slug.as_str());
        let token = ApiKeyToken::mint(hint, &**dice);
        let overlap_until = now.plus_millis(overlap);
        let mut key = before.clone();
        key.previous =
            (overlap > 0).then_some(PreviousDigest { digest: key.digest, until: overlap_until });
        key.digest = pepper.digest(token.danger_expose());
        key.hint = token.hint();
        self.0.update_as(AuditAction::Rotate, permit, &before, key).await?;
        Ok(Rotated { token, overlap_until })
    }

    async fn load(&self, id: ApiKeyId, verb: Verb) -> Result<(ApiKey, Permit)> {
        let mut reader = self.0.parts.db.read().await?;
        let key = reader.tenant(self.0.organisation()).api_keys().find(id).await?;
        let key = key.ok_or(ControlError::NotFound("API key"))?;
        let permit =
            self.permit(verb, key.kind, key.workspace_id).map_err(|error| match error {
                ControlError::NotFound(_) => ControlError::NotFound("API key"),
                other => other,
            })?;
        Ok((key, permit))
    }

    fn permit(&self, verb: Verb, kind: ApiKeyKind, workspace: WorkspaceId) -> Result<Permit> {
        self.0.permit(scope(kind, verb), self.place(kind, workspace))
    }

    fn place(&self, kind: ApiKeyKind, workspace: WorkspaceId) -> Place {
        if kind.is_workspace_bound() { self.0.within(workspace) } else { self.0.here() }
    }

    /// What holds for every key that is written. Nobody grants more than they hold at that place.
    fn check(&self, key: &ApiKey) -> Result<()> {
        check::name(&key.name, "name")?;
        check::description(key.description.as_deref(), "description")?;
        check::metadata(&key.defaults.metadata)?;
        if let Some(config) = &key.defaults.config {
            check::reference(config, "defaults.config_id")?;
        }
        check::guardrails(&key.defaults.input_guardrails, &key.defaults.output_guardrails)?;
        if key.allowed_addresses.len() > MAX_ADDRESSES {
            return Err(ControlError::invalid("allowed_addresses", "at most 100 can be listed"));
        }
        if let Some(scope) = key.scopes.iter().find(|scope| !key.kind.can_hold(*scope)) {
            let message = format!("'{scope}' cannot be held by a key of type {}", key.kind.name());
            return Err(ControlError::invalid("scopes", message));
        }
        match self.lacking(key) {
            None => Ok(()),
            Some(scope) => Err(ControlError::invalid(
                "scopes",
                format!(
                    "'{scope}' cannot be granted by somebody who does not hold it, or holds it for \
                     their own calls only"
                ),
            )),
        }
    }

    /// Nobody gets hold of a key that may do more than they may: a rotation hands its token out,
    /// and an update could keep it alive. Deleting it gives nothing away.
    fn check_rank(&self, key: &ApiKey) -> Result<()> {
        self.lacking(key).map_or(Ok(()), |scope| Err(ControlError::Outranked(scope)))
    }

    fn lacking(&self, key: &ApiKey) -> Option<Scope> {
        let place = self.place(key.kind, key.workspace_id);
        let actor = self.0.actor();
        // A person's key sees no more calls than the person: their own one gives nothing away.
        let is_own = key.user_id.is_some() && key.user_id == actor.user();
        let held = if is_own { actor.scopes_at(place) } else { actor.gives_at(place) };
        let scopes = key.scopes.intersection(key.kind.most());
        scopes.without_set(&held).iter().next()
    }
}

/// What a key gets of which nothing is said: calls, and reading prompts.
impl Default for Grant {
    fn default() -> Self {
        Self::Permissions(Permissions::default())
    }
}

impl Grant {
    /// Scopes can be finer than levels. Levels that are those of the key as it is are then refused:
    /// nobody could tell whether it is to stay as it is, or to lose what they do not say.
    fn for_change(&self, key: &ApiKey) -> Result<ScopeSet> {
        let scopes = self.for_kind(key.kind);
        let is_shown = |levels: &Permissions| {
            *levels == Permissions::of(&key.scopes, |scope| key.kind.can_hold(scope))
        };
        match self {
            Self::Permissions(levels) if scopes != key.scopes && is_shown(levels) => {
                let message = "the key's scopes are finer than these levels: give scopes";
                Err(ControlError::invalid("permissions", message))
            }
            _ => Ok(scopes),
        }
    }

    fn for_kind(&self, kind: ApiKeyKind) -> ScopeSet {
        match self {
            Self::Scopes(scopes) => *scopes,
            Self::Permissions(permissions) => permissions.scopes().intersection(kind.most()),
        }
    }
}

fn scope(kind: ApiKeyKind, verb: Verb) -> Scope {
    macro_rules! of {
        ($create:ident $read:ident $update:ident $delete:ident $list:ident $rotate:ident) => {
            match verb {
                Verb::Create => Scope::$create,
                Verb::Read => Scope::$read,
                Verb::Update => Scope::$update,
                Verb::Delete => Scope::$delete,
                Verb::List => Scope::$list,
                Verb::Rotate => Scope::$rotate,
            }
        };
    }
    match kind {
        ApiKeyKind::OrganisationService => of!(
            OrganisationServiceApiKeysCreate OrganisationServiceApiKeysRead
            OrganisationServiceApiKeysUpdate OrganisationServiceApiKeysDelete
            OrganisationServiceApiKeysList OrganisationServiceApiKeysRotate
        ),
        ApiKeyKind::WorkspaceService => of!(
            WorkspaceServiceApiKeysCreate WorkspaceServiceApiKeysRead
            WorkspaceServiceApiKeysUpdate WorkspaceServiceApiKeysDelete
            WorkspaceServiceApiKeysList WorkspaceServiceApiKeysRotate
        ),
        ApiKeyKind::WorkspaceUser => of!(
            WorkspaceUserApiKeysCreate WorkspaceUserApiKeysRead
            WorkspaceUserApiKeysUpdate WorkspaceUserApiKeysDelete
            WorkspaceUserApiKeysList WorkspaceUserApiKeysRotate
        ),
    }
}
