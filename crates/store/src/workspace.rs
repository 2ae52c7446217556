//! Workspaces and their environments.

use std::collections::HashMap;

use portcullis_domain::{Environment, OrganisationId, Permit, Slug, Workspace, WorkspaceId};

use crate::{
    List, Page, Reader, Result, Subject, Tx, tenant,
    value::{Row, values},
};

/// Changes workspaces.
pub struct Workspaces<'t>(&'t mut Tx);

/// One organisation's workspaces.
pub struct WorkspacesOf<'r> {
    pub(crate) reader: &'r mut Reader,
    pub(crate) organisation: OrganisationId,
}

macro_rules! columns {
    () => {
        "id, organisation_id, slug, name, description, default_environment_id, created_at,
         updated_at"
    };
}

impl Reader {
    /// Hands every workspace of every organisation to `take`, one at a time: for the snapshot.
    pub async fn load_workspaces(
        &mut self,
        take: &mut (dyn FnMut(Workspace) + Send),
    ) -> Result<()> {
        let mut environments: HashMap<WorkspaceId, Vec<Environment>> = HashMap::new();
        let sql = "SELECT id, workspace_id, slug, name FROM environments ORDER BY id";
        self.each_sound(sql, read_owned_environment, &mut |(workspace, environment)| {
            environments.entry(workspace).or_default().push(environment);
        })
        .await?;
        let sql = concat!("SELECT ", columns!(), " FROM workspaces");
        self.each_sound(sql, read, &mut |mut workspace| {
            workspace.environments = environments.remove(&workspace.id).unwrap_or_default();
            take(workspace);
        })
        .await
    }
}

impl Tx {
    /// The workspaces, to change.
    pub fn workspaces(&mut self) -> Workspaces<'_> {
        Workspaces(self)
    }
}

impl WorkspacesOf<'_> {
    /// The workspace of that id.
    pub async fn find(&mut self, id: WorkspaceId) -> Result<Option<Workspace>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM workspaces WHERE organisation_id = $1 AND id = $2"
        );
        let row = self.reader.optional(sql, values![self.organisation, id]).await?;
        self.whole(row).await
    }

    /// The workspace of that slug.
    pub async fn find_by_slug(&mut self, slug: &Slug) -> Result<Option<Workspace>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM workspaces WHERE organisation_id = $1 AND slug = $2"
        );
        let row = self.reader.optional(sql, values![self.organisation, slug]).await?;
        self.whole(row).await
    }

    /// A page of them; only `only`, when given.
    pub async fn list(&mut self, only: Option<WorkspaceId>, page: Page) -> Result<List<Workspace>> {
        let from = "FROM workspaces WHERE organisation_id = $1 AND ($2 IS NULL OR id = $2)";
        let values = values![self.organisation, only];
        let mut list = tenant::list(self.reader, columns!(), from, values, page, read).await?;
        for workspace in &mut list.items {
            workspace.environments = self.environments(workspace.id).await?;
        }
        Ok(list)
    }

    async fn whole(&mut self, row: Option<Row>) -> Result<Option<Workspace>> {
        let Some(mut workspace) = row.as_ref().map(read).transpose()? else { return Ok(None) };
        workspace.environments = self.environments(workspace.id).await?;
        Ok(Some(workspace))
    }

    async fn environments(&mut self, workspace: WorkspaceId) -> Result<Vec<Environment>> {
        let sql = "SELECT id, slug, name FROM environments
             WHERE organisation_id = $1 AND workspace_id = $2 ORDER BY id";
        self.reader.all(sql, values![self.organisation, workspace], read_environment).await
    }
}

impl Workspaces<'_> {
    /// Adds a workspace with its environments.
    pub async fn insert(&mut self, permit: &Permit, workspace: &Workspace) -> Result<()> {
        tenant::check(permit, workspace.organisation_id, Some(workspace.id))?;
        self.0
            .execute(
                concat!(
                    "INSERT INTO workspaces (",
                    columns!(),
                    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
                ),
                values![
                    workspace.id,
                    permit.organisation(),
                    &workspace.slug,
                    workspace.name.as_str(),
                    workspace.description.as_deref(),
                    workspace.default_environment,
                    workspace.created_at,
                    workspace.updated_at,
                ],
            )
            .await?;
        for environment in &workspace.environments {
            self.insert_environment(permit, workspace.id, environment).await?;
        }
        self.announce(permit, workspace.id).await
    }

    /// Writes slug, name, description, default environment and the instant of the change.
    /// Environments stay as they are. `false` when it is not there.
    pub async fn update(&mut self, permit: &Permit, workspace: &Workspace) -> Result<bool> {
        tenant::check(permit, workspace.organisation_id, Some(workspace.id))?;
        let changed = self
            .0
            .execute(
                "UPDATE workspaces SET slug = $3, name = $4, description = $5,
                     default_environment_id = $6, updated_at = $7
                 WHERE organisation_id = $1 AND id = $2",
                values![
                    permit.organisation(),
                    workspace.id,
                    &workspace.slug,
                    workspace.name.as_str(),
                    workspace.description.as_deref(),
                    workspace.default_environment,
                    workspace.updated_at,
                ],
            )
            .await?;
        self.changed(permit, workspace.id, changed).await
    }

    /// Removes a workspace with its environments and memberships. Fails with
    /// [`Error::Referenced`](crate::Error::Referenced) while keys or integrations belong to it.
    /// `false` when it is not there.
    pub async fn remove(&mut self, permit: &Permit, id: WorkspaceId) -> Result<bool> {
        tenant::check(permit, permit.organisation(), Some(id))?;
        let sql = "DELETE FROM workspaces WHERE organisation_id = $1 AND id = $2";
        let changed = self.0.execute(sql, values![permit.organisation(), id]).await?;
        self.changed(permit, id, changed).await
    }

    async fn insert_environment(
        &mut self,
        permit: &Permit,
        workspace: WorkspaceId,
        environment: &Environment,
    ) -> Result<()> {
        self.0
            .execute(
                "INSERT INTO environments (id, organisation_id, workspace_id, slug, name)
                 VALUES ($1, $2, $3, $4, $5)",
                values![
                    environment.id,
                    permit.organisation(),
                    workspace,
                    &environment.slug,
                    environment.name.as_str(),
                ],
            )
            .await?;
        Ok(())
    }

    async fn changed(&mut self, permit: &Permit, id: WorkspaceId, rows: u64) -> Result<bool> {
        if rows == 0 {
            return Ok(false);
        }
        self.announce(permit, id).await?;
        Ok(true)
    }

    async fn announce(&mut self, permit: &Permit, id: WorkspaceId) -> Result<()> {
        self.0.announce(permit.organisation(), Subject::Workspace(id)).await
    }
}

fn read(row: &Row) -> Result<Workspace> {
    Ok(Workspace {
        id: row.id("id")?,
        organisation_id: row.id("organisation_id")?,
        slug: row.slug("slug")?,
        name: row.text("name")?,
        description: row.opt_text("description")?,
        default_environment: row.id("default_environment_id")?,
        environments: Vec::new(),
        created_at: row.instant("created_at")?,
        updated_at: row.instant("updated_at")?,
    })
}

fn read_environment(row: &Row) -> Result<Environment> {
    Ok(Environment { id: row.id("id")?, slug: row.slug("slug")?, name: row.text("name")? })
}

fn read_owned_environment(row: &Row) -> Result<(WorkspaceId, Environment)> {
    Ok((row.id("workspace_id")?, read_environment(row)?))
}
