//! Environments: the named stages of a workspace.

use portcullis_domain::{Environment, EnvironmentId, Permit, Scope, Slug, Workspace};

use crate::{ControlError, Result, check, desk::Desk};

/// Use cases of environments.
pub struct Environments<'a>(pub(crate) Desk<'a>);

/// What to change of an environment; `None` leaves a field as it is.
#[derive(Default)]
pub struct EnvironmentChange {
    /// Its name.
    pub name: Option<String>,
    /// Whether keys belong to it when they name none: `Some(true)` makes it so.
    pub is_default: Option<bool>,
}

const MAX_ENVIRONMENTS: usize = 50;

impl Environments<'_> {
    /// Adds an environment to a workspace.
    pub async fn create(
        &self,
        workspace: &str,
        name: &str,
        slug: Option<&str>,
    ) -> Result<Environment> {
        let (workspace, permit) = self.workspace(workspace, Scope::WorkspacesUpdate).await?;
        check::name(name, "name")?;
        if workspace.environments.len() >= MAX_ENVIRONMENTS {
            let message = "the workspace has as many environments as it can have";
            return Err(ControlError::Conflict(message.to_owned()));
        }
        let mint = self.0.parts.mint();
        let now = mint.now();
        let environment = Environment {
            id: mint.id(),
            organisation_id: workspace.organisation_id,
            workspace_id: workspace.id,
            slug: match slug {
                Some(slug) => check::slug(slug, "slug")?,
                None => Slug::from_name(name, "environment"),
            },
            name: name.to_owned(),
            created_at: now,
            updated_at: now,
        };
        self.0.create(&permit, &environment).await?;
        Ok(environment)
    }

    /// A workspace's environments, oldest first, and which is the default.
    pub async fn list(&self, workspace: &str) -> Result<(Vec<Environment>, EnvironmentId)> {
        let (workspace, _) = self.workspace(workspace, Scope::WorkspacesRead).await?;
        Ok((workspace.environments, workspace.default_environment))
    }

    /// One environment, by id or slug, and whether it is the default.
    pub async fn retrieve(&self, workspace: &str, named: &str) -> Result<(Environment, bool)> {
        let (workspace, _) = self.workspace(workspace, Scope::WorkspacesRead).await?;
        let found = find(&workspace, named)?.clone();
        let is_default = found.id == workspace.default_environment;
        Ok((found, is_default))
    }

    /// Changes an environment.
    pub async fn update(
        &self,
        workspace: &str,
        named: &str,
        change: EnvironmentChange,
    ) -> Result<()> {
        let (workspace, permit) = self.workspace(workspace, Scope::WorkspacesUpdate).await?;
        let before = find(&workspace, named)?;
        let mut after = before.clone();
        if let Some(name) = change.name {
            check::name(&name, "name")?;
            after.name = name;
        }
        let is_default = workspace.default_environment == before.id;
        if change.is_default == Some(false) && is_default {
            let message = "make another environment the default one instead";
            return Err(ControlError::invalid("is_default", message));
        }
        let mut with_default = workspace.clone();
        with_default.default_environment = before.id;
        let write = async |act: &mut portcullis_store::Act| {
            act.update(&permit, before, after.clone()).await?;
            if change.is_default == Some(true) && !is_default {
                act.update(&permit, &workspace, with_default.clone()).await?;
            }
            Ok(())
        };
        self.0.act(write).await
    }

    /// Deletes an environment that no key belongs to and that is not the default one.
    pub async fn delete(&self, workspace: &str, named: &str) -> Result<()> {
        let (workspace, permit) = self.workspace(workspace, Scope::WorkspacesUpdate).await?;
        let environment = find(&workspace, named)?;
        if workspace.default_environment == environment.id {
            let message = "the default environment cannot be deleted: make another one the default";
            return Err(ControlError::Conflict(message.to_owned()));
        }
        self.0.remove(&permit, environment).await
    }

    async fn workspace(&self, named: &str, scope: Scope) -> Result<(Workspace, Permit)> {
        let workspace = self.0.named_workspace(named).await?;
        let permit = self.0.permit_found(scope, self.0.within(workspace.id), "workspace")?;
        Ok((workspace, permit))
    }
}

fn find<'w>(workspace: &'w Workspace, named: &str) -> Result<&'w Environment> {
    let is_it = |environment: &&Environment| {
        environment.slug.as_str() == named || environment.id.to_string() == named
    };
    workspace.environments.iter().find(is_it).ok_or(ControlError::NotFound("environment"))
}
