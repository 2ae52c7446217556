//! Integrations: vaulted provider credentials.

use portcullis_domain::{
    Id, Integration, IntegrationModel, IntegrationModels, Permit, Reach, Scope, Secret, Slug,
    VirtualKey, WorkspaceId,
};
use portcullis_providers::credential::{Credential, Settings};
use portcullis_store::{Act, IntegrationFilter, List, Page};
use serde_json::Value;

use crate::{
    ControlError, CredentialChange, Parts, Result, check,
    credential::{self, Kept},
    desk::Desk,
    masking,
};

/// Use cases of integrations.
pub struct Integrations<'a>(pub(crate) Desk<'a>);

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

/// An integration that is to be written.
pub(crate) struct Built {
    pub(crate) integration: Integration,
    /// What the audit trail is told of its settings.
    pub(crate) settings: Value,
}

/// An integration that is to be written anew.
pub(crate) struct Changed {
    pub(crate) integration: Integration,
    /// What the audit trail is told of its settings before and after, if its credential changes.
    pub(crate) settings: Option<[Value; 2]>,
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
        let is_confined = self.0.actor().scopes_at(self.0.here()).is_empty();
        let owner = match (&new.workspace, is_confined) {
            (None, false) => None,
            (named, _) => Some(self.0.workspace(named.as_deref()).await?.id),
        };
        let permit = self.permit(Verb::Create, owner)?;
        let Built { integration, settings } = self.build(&new, owner).await?;
        let handle = match &new.default_provider {
            None => None,
            Some(slug) => {
                let workspace = match owner {
                    Some(workspace) => workspace,
                    None => self.0.workspace(None).await?.id,
                };
                let slug = match slug.as_deref() {
                    Some(slug) => check::slug(slug, "default_provider_slug")?,
                    None => integration.slug.clone(),
                };
                Some(handle_of(self.0.parts, &integration, workspace, slug))
            }
        };
        let write = async |act: &mut Act| {
            act.insert_with(&permit, &integration, &settings).await?;
            if let Some(handle) = &handle {
                act.insert(&permit, handle).await?;
            }
            Ok(())
        };
        self.0.act(write).await?;
        Ok(integration)
    }

    /// Builds and seals an integration without writing it.
    pub(crate) async fn build(
        &self,
        new: &NewIntegration,
        owner: Option<WorkspaceId>,
    ) -> Result<Built> {
        let provider = credential::provider(&new.provider, "ai_provider_id")?;
        check::name(&new.name, "name")?;
        check::description(new.description.as_deref(), "description")?;
        let (clock, dice) = (&*self.0.parts.clock, &*self.0.parts.dice);
        let organisation = self.0.organisation();
        let id = Id::mint(clock, dice);
        let slug = match new.slug.as_deref() {
            Some(slug) => check::slug(slug, "slug")?,
            None => self.free_slug(&Slug::from_name(&new.name, provider.name)).await?,
        };
        let credential = Credential::new(new.key.clone(), new.settings.clone());
        credential::check(provider, &credential)?;
        credential::check_settings(self.0.parts, provider, &credential.settings)?;
        let now = clock.now();
        let integration = Integration {
            id,
            organisation_id: organisation,
            workspace_id: owner,
            slug,
            name: new.name.clone(),
            description: new.description.clone(),
            provider: provider.name.to_owned(),
            key_hint: credential::hint(&credential),
            key_fingerprint: credential::fingerprint(self.0.parts, &credential),
            credential: credential::seal(self.0.parts, organisation, id, &credential).await?,
            models: IntegrationModels::default(),
            created_at: now,
            updated_at: now,
        };
        let settings = credential::told(self.0.parts, &credential);
        Ok(Built { integration, settings })
    }

    /// The integrations the actor may see, newest first.
    pub async fn list(
        &self,
        scope: IntegrationScope,
        workspace: Option<&str>,
        page: Page,
    ) -> Result<List<Integration>> {
        let actor = self.0.actor();
        let may_list = actor.holds_somewhere(Scope::OrganisationIntegrationsList);
        if !may_list && !actor.holds_somewhere(Scope::WorkspaceIntegrationsList) {
            return Err(ControlError::ScopeMissing(Scope::OrganisationIntegrationsList));
        }
        if scope == IntegrationScope::Organisation && !may_list {
            return Err(ControlError::ScopeMissing(Scope::OrganisationIntegrationsList));
        }
        let own = match (scope, workspace.filter(|text| !text.is_empty())) {
            (IntegrationScope::Organisation, _) => Reach::Only(Vec::new()),
            (_, Some(named)) if actor.home().is_none() => {
                let workspace = self.0.named_workspace(named).await?.id;
                let reach = actor.reach(Scope::WorkspaceIntegrationsList);
                let holds = reach.holds(workspace);
                Reach::Only(if holds { vec![workspace] } else { Vec::new() })
            }
            _ => actor.reach(Scope::WorkspaceIntegrationsList),
        };
        let filter = IntegrationFilter {
            of_organisation: may_list && scope != IntegrationScope::Workspace,
            of_workspaces: own,
        };
        let mut reader = self.0.parts.db.read().await?;
        Ok(reader.tenant(self.0.organisation()).integrations().list(&filter, page).await?)
    }

    /// One integration.
    pub async fn retrieve(&self, slug: &str) -> Result<IntegrationDetail> {
        let (integration, _) = self.load(slug, Verb::Read).await?;
        let organisation = self.0.organisation();
        let sealed = &integration.credential;
        let opened = credential::open(self.0.parts, organisation, integration.id, sealed);
        let settings = masking::masked(&opened.await?.settings);
        let mut workspaces = self.workspaces_using(&integration).await?;
        workspaces.dedup();
        Ok(IntegrationDetail { integration, settings, workspace_count: workspaces.len() })
    }

    /// Changes an integration.
    pub async fn update(&self, slug: &str, change: IntegrationChange) -> Result<()> {
        let (integration, permit) = self.load(slug, Verb::Update).await?;
        let Changed { integration: changed, settings } =
            self.changed(integration.clone(), change).await?;
        let write = async |act: &mut Act| {
            let settings = settings.as_ref();
            act.update_with(&permit, &integration, changed.clone(), settings).await?;
            Ok(())
        };
        self.0.act(write).await
    }

    /// Applies a change without writing it.
    pub(crate) async fn changed(
        &self,
        mut integration: Integration,
        change: IntegrationChange,
    ) -> Result<Changed> {
        if let Some(name) = change.name {
            check::name(&name, "name")?;
            integration.name = name;
        }
        if let Some(description) = change.description {
            check::description(Some(&description), "description")?;
            integration.description = Some(description);
        }
        let mut told = None;
        if change.credential.key.is_some() || change.credential.settings.is_some() {
            let organisation = integration.organisation_id;
            let sealed = &integration.credential;
            let mut open =
                credential::open(self.0.parts, organisation, integration.id, sealed).await?;
            let changes_settings = change.credential.settings.is_some();
            let before = credential::told(self.0.parts, &open);
            if let Some(given) = change.credential.settings {
                let settings = match change.credential.keeps_others {
                    true => open.settings.clone().with(given),
                    false => given,
                };
                if change.credential.key.is_none() && open.key.is_some() {
                    credential::check_destination(&open.settings, &settings, Kept::Key)?;
                }
                if change.credential.keeps_others && credential::holds_secret(&open.settings) {
                    credential::check_destination(&open.settings, &settings, Kept::Settings)?;
                }
                open.settings = settings;
            }
            if let Some(key) = change.credential.key {
                open.key = Some(key);
            }
            let provider = credential::provider(&integration.provider, "provider")?;
            credential::check(provider, &open)?;
            // A new key must never wait for old settings to be put right.
            if changes_settings {
                credential::check_settings(self.0.parts, provider, &open.settings)?;
            }
            integration.key_hint = credential::hint(&open);
            integration.key_fingerprint = credential::fingerprint(self.0.parts, &open);
            integration.credential =
                credential::seal(self.0.parts, organisation, integration.id, &open).await?;
            told = Some([before, credential::told(self.0.parts, &open)]);
        }
        Ok(Changed { integration, settings: told })
    }

    /// Deletes an integration and every provider of it: they are refused from now on.
    pub async fn delete(&self, slug: &str) -> Result<()> {
        let (integration, permit) = self.load(slug, Verb::Delete).await?;
        let organisation = self.0.organisation();
        let write = async |act: &mut Act| {
            let mut tenant = act.tenant(organisation);
            let handles = tenant.virtual_keys().list_of_integration(integration.id).await?;
            for handle in &handles {
                act.remove(&permit, handle).await?;
            }
            act.remove(&permit, &integration).await?;
            Ok(())
        };
        self.0.act(write).await
    }

    /// Sets which models may be used. Listed ones are merged into the list by name.
    pub async fn put_models(
        &self,
        slug: &str,
        models: Vec<IntegrationModel>,
        allow_all: Option<bool>,
    ) -> Result<()> {
        let (before, permit) = self.load(slug, Verb::Update).await?;
        let mut integration = before.clone();
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
        self.0.update(&permit, &before, integration).await?;
        Ok(())
    }

    /// Takes models off the list.
    pub async fn delete_models(&self, slug: &str, models: &[&str]) -> Result<()> {
        let (before, permit) = self.load(slug, Verb::Update).await?;
        let mut integration = before.clone();
        integration.models.listed.retain(|model| !models.contains(&model.slug.as_str()));
        self.0.update(&permit, &before, integration).await?;
        Ok(())
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
            let workspace = self.0.workspace(Some(&named)).await?.id;
            let handle_slug = match handle_slug.as_deref() {
                Some(slug) => check::slug(slug, "default_provider_slug")?,
                None => integration.slug.clone(),
            };
            let handle = handle_of(self.0.parts, &integration, workspace, handle_slug);
            resolved.push((handle, enabled));
        }
        let organisation = self.0.organisation();
        let write = async |act: &mut Act| {
            let mut tenant = act.tenant(organisation);
            let there = tenant.virtual_keys().list_of_integration(integration.id).await?;
            // The integration's own event: that it was let be used, or not, even if nothing changes.
            act.update(&permit, &integration, integration.clone()).await?;
            for (handle, enabled) in &resolved {
                let mut of_workspace =
                    there.iter().filter(|known| known.workspace_id == handle.workspace_id);
                if *enabled {
                    if of_workspace.next().is_none() {
                        act.insert(&permit, handle).await?;
                    }
                } else {
                    for known in of_workspace {
                        act.remove(&permit, known).await?;
                    }
                }
            }
            Ok(())
        };
        self.0.act(write).await
    }

    async fn workspaces_using(&self, integration: &Integration) -> Result<Vec<WorkspaceId>> {
        let mut reader = self.0.parts.db.read().await?;
        let mut tenant = reader.tenant(self.0.organisation());
        let handles = tenant.virtual_keys().list_of_integration(integration.id).await?;
        let mut ids: Vec<WorkspaceId> = handles.iter().map(|handle| handle.workspace_id).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    async fn load(&self, slug: &str, verb: Verb) -> Result<(Integration, Permit)> {
        let missing = || ControlError::NotFound("integration");
        let slug = Slug::parse(slug).map_err(|_| missing())?;
        let mut reader = self.0.parts.db.read().await?;
        let found = reader.tenant(self.0.organisation()).integrations().find_by_slug(&slug).await?;
        let integration = found.ok_or_else(missing)?;
        let permit = self.permit(verb, integration.workspace_id).map_err(|error| match error {
            ControlError::NotFound(_) => missing(),
            other => other,
        })?;
        Ok((integration, permit))
    }

    fn permit(&self, verb: Verb, owner: Option<WorkspaceId>) -> Result<Permit> {
        let (scope, place) = match owner {
            None => {
                let scope = match verb {
                    Verb::Create => Scope::OrganisationIntegrationsCreate,
                    Verb::Read => Scope::OrganisationIntegrationsRead,
                    Verb::Update => Scope::OrganisationIntegrationsUpdate,
                    Verb::Delete => Scope::OrganisationIntegrationsDelete,
                };
                (scope, self.0.here())
            }
            Some(workspace) => {
                let scope = match verb {
                    Verb::Create => Scope::WorkspaceIntegrationsCreate,
                    Verb::Read => Scope::WorkspaceIntegrationsRead,
                    Verb::Update => Scope::WorkspaceIntegrationsUpdate,
                    Verb::Delete => Scope::WorkspaceIntegrationsDelete,
                };
                (scope, self.0.within(workspace))
            }
        };
        self.0.permit(scope, place)
    }

    /// `slug`, or with a number behind it when it is taken.
    pub(crate) async fn free_slug(&self, slug: &Slug) -> Result<Slug> {
        let mut reader = self.0.parts.db.read().await?;
        let mut tenant = reader.tenant(self.0.organisation());
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
