//! Integrations: vaulted provider credentials.

use portcullis_domain::{
    Actor, Id, Integration, IntegrationModel, IntegrationModels, Permit, Place, Scope, Secret,
    Slug, VirtualKey, WorkspaceId,
};
use portcullis_providers::credential::{Credential, Settings};
use portcullis_store::{IntegrationOwner, List, Page};
use serde_json::Value;

use crate::{
    ControlError, CredentialChange, Parts, Result, credential, masking, unchanged, workspace,
};

/// Use cases of integrations.
pub struct Integrations<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) actor: &'a Actor,
}

/// An integration to create.
pub struct NewIntegration {
    /// Its name.
    pub name: String,
    /// Its slug; made from the name when not given.
    pub slug: Option<String>,
    /// The provider's name in the catalogue.
    pub provider: String,
    /// The provider's key.
    pub key: Option<Secret<String>>,
    /// The provider's settings.
    pub settings: Settings,
    /// What it is for.
    pub description: Option<String>,
    /// The owning workspace by id or slug; the organisation owns it when not given.
    pub workspace: Option<String>,
    /// Whether a provider of it is to be made in the workspace (the default one, if the
    /// organisation owns it), and under which slug.
    pub default_provider: Option<Option<String>>,
}

/// What to change of an integration; `None` leaves a field as it is.
#[derive(Default)]
pub struct IntegrationChange {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Its credential.
    pub credential: CredentialChange,
}

/// Which integrations are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntegrationScope {
    /// All the actor may see.
    #[default]
    All,
    /// The organisation's own.
    Organisation,
    /// Those of workspaces.
    Workspace,
}

/// One integration in full. No secret is in it.
pub struct IntegrationDetail {
    /// The integration.
    pub integration: Integration,
    /// Its settings with every secret masked.
    pub settings: Value,
    /// In how many workspaces it can be used.
    pub workspace_count: usize,
}

/// Whether a workspace may use an integration.
pub struct WorkspaceAccess {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Whether it may.
    pub enabled: bool,
}

#[derive(Clone, Copy)]
enum Verb {
    Create,
    Read,
    Update,
    Delete,
}

impl Integrations<'_> {
    /// Creates an integration, with a provider of it when asked.
    pub async fn create(&self, new: NewIntegration) -> Result<Integration> {
        let owner = match (&new.workspace, self.actor.workspace()) {
            (None, None) => None,
            (named, _) => {
                Some(workspace::place(self.parts, self.actor, named.as_deref()).await?.id)
            }
        };
        let permit = self.permit(Verb::Create, owner)?;
        let integration = self.build(&new, owner).await?;
        let handle = match &new.default_provider {
            None => None,
            Some(slug) => {
                let workspace = match owner {
                    Some(workspace) => workspace,
                    None => workspace::place(self.parts, self.actor, None).await?.id,
                };
                let slug = match slug.as_deref() {
                    Some(slug) => parse_slug(slug, "default_provider_slug")?,
                    None => integration.slug.clone(),
                };
                Some(handle_of(self.parts, &integration, workspace, slug))
            }
        };
        self.parts
            .db
            .write(async |tx| -> Result<()> {
                tx.integrations().insert(&permit, &integration).await?;
                if let Some(handle) = &handle {
                    tx.virtual_keys().insert(&permit, handle).await?;
                }
                Ok(())
            })
            .await?;
        self.parts.caught_up().await;
        Ok(integration)
    }

    /// Builds and seals an integration without writing it.
    pub(crate) async fn build(
        &self,
        new: &NewIntegration,
        owner: Option<WorkspaceId>,
    ) -> Result<Integration> {
        let provider = credential::provider(&new.provider, "ai_provider_id")?;
        check_name(&new.name)?;
        let (clock, dice) = (&*self.parts.clock, &*self.parts.dice);
        let organisation = self.actor.organisation();
        let id = Id::mint(clock, dice);
        let slug = match new.slug.as_deref() {
            Some(slug) => parse_slug(slug, "slug")?,
            None => self.free_slug(&Slug::from_name(&new.name, provider.name)).await?,
        };
        let credential = Credential::new(new.key.clone(), new.settings.clone());
        credential::check(provider, &credential)?;
        let now = clock.now();
        Ok(Integration {
            id,
            organisation_id: organisation,
            workspace_id: owner,
            slug,
            name: new.name.clone(),
            description: new.description.clone(),
            provider: provider.name.to_owned(),
            key_hint: credential::hint(&credential),
            credential: credential::seal(self.parts, organisation, id, &credential).await?,
            models: IntegrationModels::default(),
            created_at: now,
            updated_at: now,
        })
    }

    /// The integrations the actor may see, newest first.
    pub async fn list(
        &self,
        scope: IntegrationScope,
        workspace: Option<&str>,
        page: Page,
    ) -> Result<List<Integration>> {
        let held = |scope| self.actor.scopes().contains(scope);
        let of_organisation = held(Scope::OrganisationIntegrationsList);
        let of_workspaces = held(Scope::WorkspaceIntegrationsList);
        if !of_organisation && !of_workspaces {
            return Err(ControlError::ScopeMissing(Scope::OrganisationIntegrationsList));
        }
        let confined = workspace::filter(self.parts, self.actor, workspace).await?;
        let theirs = scope != IntegrationScope::Workspace && of_organisation;
        let owner = match (theirs, scope, confined) {
            (true, IntegrationScope::Organisation, _) => IntegrationOwner::Organisation,
            (true, _, Some(workspace)) => IntegrationOwner::SeenBy(workspace),
            (true, _, None) => IntegrationOwner::Any,
            (false, IntegrationScope::Organisation, _) => {
                return Err(ControlError::ScopeMissing(Scope::OrganisationIntegrationsList));
            }
            (false, _, Some(workspace)) => IntegrationOwner::Workspace(workspace),
            (false, _, None) => IntegrationOwner::Workspaces,
        };
        let mut reader = self.parts.db.read().await?;
        Ok(reader.tenant(self.actor.organisation()).integrations().list(owner, page).await?)
    }

    /// One integration.
    pub async fn retrieve(&self, slug: &str) -> Result<IntegrationDetail> {
        let (integration, _) = self.load(slug, Verb::Read).await?;
        let organisation = self.actor.organisation();
        let opened =
            credential::open(self.parts, organisation, integration.id, &integration.credential);
        let settings = masking::masked(&opened.await?.settings);
        let mut workspaces = self.workspaces_using(&integration).await?;
        workspaces.dedup();
        Ok(IntegrationDetail { integration, settings, workspace_count: workspaces.len() })
    }

    /// Changes an integration.
    pub async fn update(&self, slug: &str, change: IntegrationChange) -> Result<()> {
        let (integration, permit) = self.load(slug, Verb::Update).await?;
        let changed = self.changed(integration, change).await?;
        self.write(&permit, changed).await
    }

    /// Applies a change without writing it.
    pub(crate) async fn changed(
        &self,
        mut integration: Integration,
        change: IntegrationChange,
    ) -> Result<Integration> {
        if let Some(name) = change.name {
            check_name(&name)?;
            integration.name = name;
        }
        if let Some(description) = change.description {
            integration.description = Some(description);
        }
        if change.credential.key.is_some() || change.credential.settings.is_some() {
            let organisation = integration.organisation_id;
            let sealed = &integration.credential;
            let mut open =
                credential::open(self.parts, organisation, integration.id, sealed).await?;
            if let Some(settings) = change.credential.settings {
                if change.credential.key.is_none() && open.key.is_some() {
                    credential::check_destination(&open.settings, &settings)?;
                }
                open.settings = settings;
            }
            if let Some(key) = change.credential.key {
                open.key = Some(key);
            }
            credential::check(credential::provider(&integration.provider, "provider")?, &open)?;
            integration.key_hint = credential::hint(&open);
            integration.credential =
                credential::seal(self.parts, organisation, integration.id, &open).await?;
        }
        Ok(integration)
    }

    /// Deletes an integration and every provider of it: they are refused from now on.
    pub async fn delete(&self, slug: &str) -> Result<()> {
        let (integration, permit) = self.load(slug, Verb::Delete).await?;
        let organisation = self.actor.organisation();
        self.parts
            .db
            .write(async |tx| -> Result<()> {
                let handles = tx
                    .tenant(organisation)
                    .virtual_keys()
                    .list_of_integration(integration.id)
                    .await?;
                for handle in handles {
                    tx.virtual_keys().remove(&permit, handle.id).await?;
                }
                tx.integrations().remove(&permit, integration.id).await?;
                Ok(())
            })
            .await?;
        self.parts.caught_up().await;
        Ok(())
    }

    /// Sets which models may be used. Listed ones are merged into the list by name.
    pub async fn put_models(
        &self,
        slug: &str,
        models: Vec<IntegrationModel>,
        allow_all: Option<bool>,
    ) -> Result<()> {
        let (mut integration, permit) = self.load(slug, Verb::Update).await?;
        let listed = &mut integration.models.listed;
        for model in models {
            match listed.iter_mut().find(|known| known.slug == model.slug) {
                Some(known) => *known = model,
                None => listed.push(model),
            }
        }
        if listed.len() > 5000 {
            return Err(ControlError::invalid("models", "at most 5000 can be listed"));
        }
        if let Some(allow_all) = allow_all {
            integration.models.allow_all = allow_all;
        }
        self.write(&permit, integration).await
    }

    /// Takes models off the list.
    pub async fn delete_models(&self, slug: &str, models: &[&str]) -> Result<()> {
        let (mut integration, permit) = self.load(slug, Verb::Update).await?;
        integration.models.listed.retain(|model| !models.contains(&model.slug.as_str()));
        self.write(&permit, integration).await
    }

    /// Which workspaces may use an integration.
    pub async fn workspaces(&self, slug: &str) -> Result<Vec<WorkspaceAccess>> {
        let (integration, _) = self.load(slug, Verb::Read).await?;
        let mut workspaces = self.workspaces_using(&integration).await?;
        workspaces.dedup();
        let access = |workspace| WorkspaceAccess { workspace, enabled: true };
        Ok(workspaces.into_iter().map(access).collect())
    }

    /// Lets workspaces use an integration, through a provider of that slug, or stops them.
    pub async fn put_workspaces(
        &self,
        slug: &str,
        changes: Vec<(String, bool, Option<String>)>,
    ) -> Result<()> {
        let (integration, permit) = self.load(slug, Verb::Update).await?;
        let mut resolved = Vec::with_capacity(changes.len());
        for (named, enabled, handle_slug) in changes {
            let workspace = workspace::place(self.parts, self.actor, Some(&named)).await?.id;
            let handle_slug = match handle_slug.as_deref() {
                Some(slug) => parse_slug(slug, "default_provider_slug")?,
                None => integration.slug.clone(),
            };
            let handle = handle_of(self.parts, &integration, workspace, handle_slug);
            resolved.push((handle, enabled));
        }
        let organisation = self.actor.organisation();
        self.parts
            .db
            .write(async |tx| -> Result<()> {
                let there = tx
                    .tenant(organisation)
                    .virtual_keys()
                    .list_of_integration(integration.id)
                    .await?;
                for (handle, enabled) in &resolved {
                    let mut of_workspace =
                        there.iter().filter(|known| known.workspace_id == handle.workspace_id);
                    if *enabled {
                        if of_workspace.next().is_none() {
                            tx.virtual_keys().insert(&permit, handle).await?;
                        }
                    } else {
                        for known in of_workspace {
                            tx.virtual_keys().remove(&permit, known.id).await?;
                        }
                    }
                }
                Ok(())
            })
            .await?;
        self.parts.caught_up().await;
        Ok(())
    }

    async fn workspaces_using(&self, integration: &Integration) -> Result<Vec<WorkspaceId>> {
        let mut reader = self.parts.db.read().await?;
        let mut tenant = reader.tenant(self.actor.organisation());
        let handles = tenant.virtual_keys().list_of_integration(integration.id).await?;
        let mut ids: Vec<WorkspaceId> = handles.iter().map(|handle| handle.workspace_id).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    async fn load(&self, slug: &str, verb: Verb) -> Result<(Integration, Permit)> {
        let missing = || ControlError::NotFound("integration");
        let slug = Slug::parse(slug).map_err(|_| missing())?;
        let mut reader = self.parts.db.read().await?;
        let found =
            reader.tenant(self.actor.organisation()).integrations().find_by_slug(&slug).await?;
        let integration = found.ok_or_else(missing)?;
        let permit = self.permit(verb, integration.workspace_id).map_err(|error| match error {
            ControlError::NotFound(_) => missing(),
            other => other,
        })?;
        Ok((integration, permit))
    }

    /// Writes an integration that was loaded and then changed; its `updated_at` is still the
    /// loaded one.
    async fn write(&self, permit: &Permit, mut integration: Integration) -> Result<()> {
        let loaded = integration.updated_at;
        integration.updated_at = self.parts.clock.now().max(loaded.plus_micros(1));
        self.parts
            .db
            .write(async |tx| -> Result<bool> {
                let mut tenant = tx.tenant(permit.organisation());
                let there = tenant.integrations().find(integration.id).await?;
                unchanged(there.map(|there| there.updated_at), loaded, "integration")?;
                Ok(tx.integrations().update(permit, &integration).await?)
            })
            .await?;
        self.parts.caught_up().await;
        Ok(())
    }

    fn permit(&self, verb: Verb, owner: Option<WorkspaceId>) -> Result<Permit> {
        let organisation = self.actor.organisation();
        let (scope, place) = match owner {
            None => {
                let scope = match verb {
                    Verb::Create => Scope::OrganisationIntegrationsCreate,
                    Verb::Read => Scope::OrganisationIntegrationsRead,
                    Verb::Update => Scope::OrganisationIntegrationsUpdate,
                    Verb::Delete => Scope::OrganisationIntegrationsDelete,
                };
                (scope, Place::Organisation(organisation))
            }
            Some(workspace) => {
                let scope = match verb {
                    Verb::Create => Scope::WorkspaceIntegrationsCreate,
                    Verb::Read => Scope::WorkspaceIntegrationsRead,
                    Verb::Update => Scope::WorkspaceIntegrationsUpdate,
                    Verb::Delete => Scope::WorkspaceIntegrationsDelete,
                };
                (scope, Place::Workspace(organisation, workspace))
            }
        };
        Ok(self.actor.permit(scope, place)?)
    }

    /// `slug`, or with a number behind it when it is taken.
    pub(crate) async fn free_slug(&self, slug: &Slug) -> Result<Slug> {
        let mut reader = self.parts.db.read().await?;
        let mut tenant = reader.tenant(self.actor.organisation());
        let mut candidate = slug.clone();
        for number in 2..1000 {
            if tenant.integrations().find_by_slug(&candidate).await?.is_none() {
                return Ok(candidate);
            }
            candidate = slug.with_suffix(&number.to_string());
        }
        Err(ControlError::Conflict("too many of that name; choose a slug".to_owned()))
    }
}

/// A handle on an integration in a workspace.
pub(crate) fn handle_of(
    parts: &Parts,
    integration: &Integration,
    workspace: WorkspaceId,
    slug: Slug,
) -> VirtualKey {
    let now = parts.clock.now();
    VirtualKey {
        id: Id::mint(&*parts.clock, &*parts.dice),
        organisation_id: integration.organisation_id,
        workspace_id: workspace,
        slug,
        name: integration.name.clone(),
        note: None,
        integration_id: integration.id,
        expires_at: None,
        created_at: now,
        updated_at: now,
    }
}

pub(crate) fn parse_slug(text: &str, field: &'static str) -> Result<Slug> {
    Slug::parse(text).map_err(|error| ControlError::invalid(field, error.to_string()))
}

pub(crate) fn check_name(name: &str) -> Result<()> {
    if (1..=255).contains(&name.chars().count()) {
        Ok(())
    } else {
        Err(ControlError::invalid("name", "must have 1 to 255 characters"))
    }
}
