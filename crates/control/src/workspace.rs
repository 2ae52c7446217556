//! Workspaces.

use portcullis_domain::{
    Environment, OrganisationId, Permit, Reach, Scope, Slug, UserId, Workspace, WorkspaceDefaults,
    WorkspaceId, WorkspaceMember, WorkspaceRole,
};
use portcullis_store::{Act, List, Page, WorkspaceFilter};

use crate::{ControlError, Result, WorkspaceMembers, check, desk::Desk, mint::Mint};

/// Use cases of workspaces.
pub struct Workspaces<'a>(pub(crate) Desk<'a>);

/// A workspace to create.
#[derive(Default)]
pub struct NewWorkspace {
    /// Its name.
    pub name: String,
    /// Its slug; made from the name when not given.
    pub slug: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What calls in it get.
    pub defaults: WorkspaceDefaults,
    /// Who belongs to it from the beginning, as members.
    pub users: Vec<UserId>,
}

/// What to change of a workspace; `None` leaves a field as it is.
#[derive(Default)]
pub struct WorkspaceChange {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The metadata of its calls.
    pub metadata: Option<std::collections::BTreeMap<String, String>>,
    /// The saved config of its calls; `Some(None)` is none.
    pub config: Option<Option<String>>,
    /// Guardrails that look at every request.
    pub input_guardrails: Option<Vec<String>>,
    /// Guardrails that look at every answer.
    pub output_guardrails: Option<Vec<String>>,
    /// The saved config of people's own keys; `Some(None)` is none.
    pub user_api_key_config: Option<Option<String>>,
}

/// Which workspaces are wanted.
#[derive(Default)]
pub struct WorkspaceQuery {
    /// With this text in the name.
    pub name: Option<String>,
    /// Of exactly this name.
    pub exact_name: Option<String>,
}

impl Workspaces<'_> {
    /// Creates a workspace with the environments that every one begins with.
    pub async fn create(&self, new: NewWorkspace) -> Result<Workspace> {
        let permit = self.0.permit(Scope::WorkspacesCreate, self.0.here())?;
        let mint = self.0.parts.mint();
        check::name(&new.name, "name")?;
        let mut workspace = draw(mint, self.0.organisation(), &new.name, "ws-");
        workspace.slug = match new.slug.as_deref() {
            Some(slug) => check::slug(slug, "slug")?,
            None => slug_of(mint, &new.name),
        };
        workspace.description = new.description;
        workspace.defaults = new.defaults;
        check_fields(&workspace)?;
        let mut members = Vec::with_capacity(new.users.len());
        if !new.users.is_empty() {
            // Whoever lets people in must be able to, and must hold what they get.
            self.0.permit(Scope::WorkspaceUsersCreate, self.0.here())?;
            WorkspaceMembers(self.0).check_grant(&workspace, WorkspaceRole::Member)?;
            let mut reader = self.0.parts.db.read().await?;
            let mut tenant = reader.tenant(self.0.organisation());
            let known = tenant.members().of_ids(&new.users).await?;
            for user in &new.users {
                if !known.iter().any(|member| member.user_id == *user) {
                    return Err(ControlError::NotFound("user"));
                }
                members.push(place(mint, &workspace, *user, WorkspaceRole::Member));
            }
        }
        let write = async |act: &mut Act| {
            insert(act, &permit, &workspace).await?;
            for member in &members {
                act.insert(&permit, member).await?;
            }
            Ok(())
        };
        self.0.act(write).await?;
        Ok(workspace)
    }

    /// The workspaces the actor may see, newest first.
    pub async fn list(&self, query: WorkspaceQuery, page: Page) -> Result<List<Workspace>> {
        let reach = self.0.reach(Scope::WorkspacesList, None).await?;
        let filter = WorkspaceFilter { reach, name: query.name, exact_name: query.exact_name };
        let mut reader = self.0.parts.db.read().await?;
        Ok(reader.tenant(self.0.organisation()).workspaces().list(&filter, page).await?)
    }

    /// One workspace, by id or slug.
    pub async fn retrieve(&self, named: &str) -> Result<Workspace> {
        Ok(self.load(named, Scope::WorkspacesRead).await?.0)
    }

    /// The organisation's default workspace.
    pub async fn default_id(&self) -> Result<Option<WorkspaceId>> {
        let mut reader = self.0.parts.db.read().await?;
        let organisation = reader.organisations().find(self.0.organisation()).await?;
        Ok(organisation.map(|found| found.default_workspace))
    }

    /// Changes a workspace.
    pub async fn update(&self, named: &str, change: WorkspaceChange) -> Result<Workspace> {
        let (before, permit) = self.load(named, Scope::WorkspacesUpdate).await?;
        let mut workspace = before.clone();
        if let Some(name) = change.name {
            workspace.name = name;
        }
        if let Some(description) = change.description {
            workspace.description = Some(description);
        }
        let defaults = &mut workspace.defaults;
        if let Some(metadata) = change.metadata {
            defaults.metadata = metadata;
        }
        if let Some(config) = change.config {
            defaults.config = config;
        }
        if let Some(guardrails) = change.input_guardrails {
            defaults.input_guardrails = guardrails;
        }
        if let Some(guardrails) = change.output_guardrails {
            defaults.output_guardrails = guardrails;
        }
        if let Some(config) = change.user_api_key_config {
            defaults.user_api_key_config = config;
        }
        check_fields(&workspace)?;
        let environments = workspace.environments.clone();
        let mut workspace = self.0.update(&permit, &before, workspace).await?;
        workspace.environments = environments;
        Ok(workspace)
    }

    /// Deletes a workspace with its API keys. The default one stays; any other must hold no
    /// providers and no integrations any more.
    pub async fn delete(&self, named: &str) -> Result<()> {
        let (workspace, permit) = self.load(named, Scope::WorkspacesDelete).await?;
        if self.default_id().await? == Some(workspace.id) {
            let message = "the organisation's default workspace cannot be deleted";
            return Err(ControlError::Conflict(message.to_owned()));
        }
        let organisation = self.0.organisation();
        let write = async |act: &mut Act| {
            let mut tenant = act.tenant(organisation);
            let integrations = tenant.integrations().all_of(workspace.id).await?;
            let reach = Reach::Only(vec![workspace.id]);
            let providers = tenant.virtual_keys().list(&reach, Page::first(1)).await?;
            if !integrations.is_empty() || providers.total > 0 {
                let message = "the workspace still holds providers or integrations: delete them \
                               first";
                return Err(ControlError::Conflict(message.to_owned()));
            }
            let keys = tenant.api_keys().all_of(None, Some(workspace.id)).await?;
            let members = tenant.workspace_members().all_of(workspace.id).await?;
            for key in keys.iter().filter(|key| key.kind.is_workspace_bound()) {
                act.remove(&permit, key).await?;
            }
            for member in &members {
                act.remove(&permit, member).await?;
            }
            act.remove(&permit, &workspace).await?;
            Ok(())
        };
        self.0.act(write).await
    }

    async fn load(&self, named: &str, scope: Scope) -> Result<(Workspace, Permit)> {
        let workspace = self.0.named_workspace(named).await?;
        let permit = self.0.permit_found(scope, self.0.within(workspace.id), "workspace")?;
        Ok((workspace, permit))
    }
}

/// A new workspace, not yet written.
pub(crate) fn draw(
    mint: Mint<'_>,
    organisation: OrganisationId,
    name: &str,
    slug: &str,
) -> Workspace {
    let (id, now) = (mint.id(), mint.now());
    let environment = |name: &str| Environment {
        id: mint.id(),
        organisation_id: organisation,
        workspace_id: id,
        slug: Slug::from_name(name, "environment"),
        name: name.to_owned(),
        created_at: now,
        updated_at: now,
    };
    let environments =
        vec![environment("Production"), environment("Staging"), environment("Development")];
    Workspace {
        id,
        organisation_id: organisation,
        slug: Slug::from_name(slug, "ws").with_suffix(&mint.suffix()),
        name: name.to_owned(),
        description: None,
        defaults: WorkspaceDefaults::default(),
        default_environment: environments[0].id,
        environments,
        created_at: now,
        updated_at: now,
    }
}

/// Adds a workspace with its environments.
pub(crate) async fn insert(
    act: &mut Act,
    permit: &Permit,
    workspace: &Workspace,
) -> portcullis_store::Result<()> {
    act.insert(permit, workspace).await?;
    for environment in &workspace.environments {
        act.insert(permit, environment).await?;
    }
    Ok(())
}

/// Somebody's place in a workspace, not yet written.
pub(crate) fn place(
    mint: Mint<'_>,
    workspace: &Workspace,
    user: UserId,
    role: WorkspaceRole,
) -> WorkspaceMember {
    let now = mint.now();
    WorkspaceMember {
        organisation_id: workspace.organisation_id,
        workspace_id: workspace.id,
        user_id: user,
        role,
        created_at: now,
        updated_at: now,
    }
}

fn slug_of(mint: Mint<'_>, name: &str) -> Slug {
    let name: String = name.chars().take(40).collect();
    Slug::from_name(&format!("ws-{name}"), "ws").with_suffix(&mint.suffix())
}

fn check_fields(workspace: &Workspace) -> Result<()> {
    check::name(&workspace.name, "name")?;
    check::description(workspace.description.as_deref(), "description")?;
    let defaults = &workspace.defaults;
    check::metadata(&defaults.metadata)?;
    check::guardrails(&defaults.input_guardrails, &defaults.output_guardrails)?;
    if let Some(config) = &defaults.config {
        check::reference(config, "defaults.config_id")?;
    }
    match &defaults.user_api_key_config {
        None => Ok(()),
        Some(config) => check::reference(config, "defaults.user_api_key_config"),
    }
}
