//! API keys.

use portcullis_domain::{
    Actor, ApiKey, ApiKeyDefaults, ApiKeyId, ApiKeyKind, ApiKeyToken, Id, Permit, Place,
    PreviousDigest, Scope, ScopeSet, Timestamp, UserId, WorkspaceId,
};
use portcullis_store::{List, Page};

use crate::{ControlError, Parts, Result, integration::check_name, unchanged, workspace};

/// Use cases of API keys.
pub struct ApiKeys<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) actor: &'a Actor,
}

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
    pub scopes: ScopeSet,
    /// What its calls get unless they say otherwise.
    pub defaults: ApiKeyDefaults,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// What to change of a key; `None` leaves a field as it is.
#[derive(Default)]
pub struct ApiKeyChange {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it may do.
    pub scopes: Option<ScopeSet>,
    /// What its calls get unless they say otherwise.
    pub defaults: Option<ApiKeyDefaults>,
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
        let workspace = workspace::place(self.parts, self.actor, new.workspace.as_deref()).await?;
        let permit = self.permit(Verb::Create, new.kind, workspace.id)?;
        self.check_grant(&new.scopes)?;
        check_name(&new.name)?;
        let environment = match &new.environment {
            None => workspace.default_environment,
            Some(slug) => {
                let found = workspace.environments.iter().find(|e| e.slug.as_str() == slug);
                found.map(|environment| environment.id).ok_or_else(|| {
                    ControlError::invalid("environment", "the workspace has no such environment")
                })?
            }
        };
        if (new.kind == ApiKeyKind::WorkspaceUser) != new.user_id.is_some() {
            let message = "a user key needs the id of its person, and no other key has one";
            return Err(ControlError::invalid("user_id", message));
        }
        if let Some(user) = new.user_id {
            let mut reader = self.parts.db.read().await?;
            let found = reader.tenant(self.actor.organisation()).users().find(user).await?;
            found.ok_or(ControlError::NotFound("user"))?;
        }
        let (clock, dice) = (&*self.parts.clock, &*self.parts.dice);
        let now = clock.now();
        if new.expires_at.is_some_and(|end| end <= now) {
            return Err(ControlError::invalid("expires_at", "lies in the past"));
        }
        let hint = workspace.environment(environment).map_or("key", |e| e.slug.as_str());
        let token = ApiKeyToken::mint(hint, dice);
        let key = ApiKey {
            id: Id::mint(clock, dice),
            organisation_id: self.actor.organisation(),
            workspace_id: workspace.id,
            environment_id: environment,
            user_id: new.user_id,
            kind: new.kind,
            name: new.name,
            description: new.description,
            digest: self.parts.pepper.digest(token.danger_expose()),
            hint: token.hint(),
            previous: None,
            scopes: new.scopes,
            defaults: new.defaults,
            expires_at: new.expires_at,
            created_at: now,
            updated_at: now,
        };
        self.parts
            .db
            .write(async |tx| -> Result<()> { Ok(tx.api_keys().insert(&permit, &key).await?) })
            .await?;
        self.parts.caught_up().await;
        Ok((key, token))
    }

    /// The keys the actor may list, newest first.
    pub async fn list(&self, workspace: Option<&str>, page: Page) -> Result<List<ApiKey>> {
        let workspace = workspace::filter(self.parts, self.actor, workspace).await?;
        let kinds = [
            ApiKeyKind::OrganisationService,
            ApiKeyKind::WorkspaceService,
            ApiKeyKind::WorkspaceUser,
        ];
        let allowed: Vec<ApiKeyKind> = kinds
            .into_iter()
            .filter(|kind| self.actor.scopes().contains(scope(*kind, Verb::List)))
            .filter(|kind| kind.is_workspace_bound() || self.actor.workspace().is_none())
            .collect();
        if allowed.is_empty() {
            let scope = scope(ApiKeyKind::WorkspaceService, Verb::List);
            return Err(ControlError::ScopeMissing(scope));
        }
        let mut reader = self.parts.db.read().await?;
        let mut tenant = reader.tenant(self.actor.organisation());
        if allowed.len() == kinds.len() {
            return Ok(tenant.api_keys().list(workspace, None, page).await?);
        }
        let mut all = List { items: Vec::new(), total: 0 };
        let upto = Page::first(page.skip.saturating_add(page.limit));
        for kind in allowed {
            let part = tenant.api_keys().list(workspace, Some(kind), upto).await?;
            all.items.extend(part.items);
            all.total += part.total;
        }
        all.items.sort_by_key(|key| std::cmp::Reverse((key.created_at, key.id)));
        let items = all.items.into_iter().skip(page.skip as usize).take(page.limit as usize);
        Ok(List { items: items.collect(), total: all.total })
    }

    /// One key.
    pub async fn retrieve(&self, id: ApiKeyId) -> Result<ApiKey> {
        Ok(self.load(id, Verb::Read).await?.0)
    }

    /// Changes a key.
    pub async fn update(&self, id: ApiKeyId, change: ApiKeyChange) -> Result<()> {
        let (mut key, permit) = self.load(id, Verb::Update).await?;
        self.check_rank(&key)?;
        if let Some(name) = change.name {
            check_name(&name)?;
            key.name = name;
        }
        if let Some(description) = change.description {
            key.description = Some(description);
        }
        if let Some(scopes) = change.scopes {
            self.check_grant(&scopes)?;
            key.scopes = scopes;
        }
        if let Some(defaults) = change.defaults {
            key.defaults = defaults;
        }
        if let Some(expires_at) = change.expires_at {
            key.expires_at = expires_at;
        }
        self.write(&permit, key).await
    }

    /// Gives a key a new secret. The old one works for `overlap_millis` more.
    pub async fn rotate(&self, id: ApiKeyId, overlap_millis: Option<i64>) -> Result<Rotated> {
        let (mut key, permit) = self.load(id, Verb::Rotate).await?;
        self.check_rank(&key)?;
        let overlap = overlap_millis.unwrap_or(MIN_OVERLAP_MILLIS);
        if overlap != 0 && !(MIN_OVERLAP_MILLIS..=MAX_OVERLAP_MILLIS).contains(&overlap) {
            let message = "must be 0 or from 1800000 (30 minutes) to 7776000000 (90 days)";
            return Err(ControlError::invalid("key_transition_period_ms", message));
        }
        let now = self.parts.clock.now();
        if key.previous.as_ref().is_some_and(|previous| now < previous.until) {
            let message = "the key is in transition from its last rotation already";
            return Err(ControlError::Conflict(message.to_owned()));
        }
        // The hint of the environment stays what it was: the second part of the key.
        let mut reader = self.parts.db.read().await?;
        let mut tenant = reader.tenant(self.actor.organisation());
        let workspace = tenant.workspaces().find(key.workspace_id).await?;
        drop(reader);
        let environment = workspace.as_ref().and_then(|w| w.environment(key.environment_id));
        let hint = environment.map_or("key", |environment| environment.slug.as_str());
        let token = ApiKeyToken::mint(hint, &*self.parts.dice);
        let overlap_until = now.plus_millis(overlap);
        key.previous =
            (overlap > 0).then_some(PreviousDigest { digest: key.digest, until: overlap_until });
        key.digest = self.parts.pepper.digest(token.danger_expose());
        key.hint = token.hint();
        self.write(&permit, key).await?;
        Ok(Rotated { token, overlap_until })
    }

    /// Deletes a key: it is refused from now on.
    pub async fn delete(&self, id: ApiKeyId) -> Result<()> {
        let (key, permit) = self.load(id, Verb::Delete).await?;
        self.parts
            .db
            .write(async |tx| -> Result<bool> { Ok(tx.api_keys().remove(&permit, key.id).await?) })
            .await?;
        self.parts.caught_up().await;
        Ok(())
    }

    async fn load(&self, id: ApiKeyId, verb: Verb) -> Result<(ApiKey, Permit)> {
        let mut reader = self.parts.db.read().await?;
        let key = reader.tenant(self.actor.organisation()).api_keys().find(id).await?;
        let key = key.ok_or(ControlError::NotFound("API key"))?;
        let permit =
            self.permit(verb, key.kind, key.workspace_id).map_err(|error| match error {
                ControlError::NotFound(_) => ControlError::NotFound("API key"),
                other => other,
            })?;
        Ok((key, permit))
    }

    async fn write(&self, permit: &Permit, mut key: ApiKey) -> Result<()> {
        let loaded = key.updated_at;
        key.updated_at = self.parts.clock.now().max(loaded.plus_micros(1));
        self.parts
            .db
            .write(async |tx| -> Result<bool> {
                let there = tx.tenant(permit.organisation()).api_keys().find(key.id).await?;
                unchanged(there.map(|there| there.updated_at), loaded, "API key")?;
                Ok(tx.api_keys().update(permit, &key).await?)
            })
            .await?;
        self.parts.caught_up().await;
        Ok(())
    }

    fn permit(&self, verb: Verb, kind: ApiKeyKind, workspace: WorkspaceId) -> Result<Permit> {
        let organisation = self.actor.organisation();
        let place = if kind.is_workspace_bound() {
            Place::Workspace(organisation, workspace)
        } else {
            Place::Organisation(organisation)
        };
        Ok(self.actor.permit(scope(kind, verb), place)?)
    }

    /// Nobody gets hold of a key that may do more than theirs: a rotation hands its token out, and
    /// an update could keep it alive. Deleting it gives nothing away.
    fn check_rank(&self, key: &ApiKey) -> Result<()> {
        self.lacking(&key.scopes).map_or(Ok(()), |scope| Err(ControlError::Outranked(scope)))
    }

    /// Nobody grants more than they hold.
    fn check_grant(&self, scopes: &ScopeSet) -> Result<()> {
        match self.lacking(scopes) {
            None => Ok(()),
            Some(scope) => Err(ControlError::invalid(
                "scopes",
                format!("'{scope}' cannot be granted by a key that does not hold it"),
            )),
        }
    }

    fn lacking(&self, scopes: &ScopeSet) -> Option<Scope> {
        scopes.iter().find(|scope| !self.actor.scopes().contains(*scope))
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
