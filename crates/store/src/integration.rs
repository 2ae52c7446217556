//! Integrations: sealed provider credentials.

use portcullis_domain::{Integration, IntegrationId, OrganisationId, Permit, Slug, WorkspaceId};

use crate::{
    List, Page, Reader, Result, Subject, Tx, tenant,
    value::{Row, json, values},
};

/// Changes integrations.
pub struct Integrations<'t>(&'t mut Tx);

/// One organisation's integrations.
pub struct IntegrationsOf<'r> {
    pub(crate) reader: &'r mut Reader,
    pub(crate) organisation: OrganisationId,
}

/// Whose integrations are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrationOwner {
    /// Everybody's.
    Any,
    /// Those of the organisation itself.
    Organisation,
    /// Those of workspaces, whichever.
    Workspaces,
    /// Those of one workspace.
    Workspace(WorkspaceId),
    /// What one workspace sees: its own and the organisation's.
    SeenBy(WorkspaceId),
}

macro_rules! columns {
    () => {
        "id, organisation_id, workspace_id, slug, name, description, provider, credential,
         key_hint, models, created_at, updated_at"
    };
}

impl Reader {
    /// Hands every integration of every organisation to `take`, one at a time: for the snapshot.
    pub async fn load_integrations(
        &mut self,
        take: &mut (dyn FnMut(Integration) + Send),
    ) -> Result<()> {
        self.each_sound(concat!("SELECT ", columns!(), " FROM integrations"), read, take).await
    }
}

impl Tx {
    /// The integrations, to change.
    pub fn integrations(&mut self) -> Integrations<'_> {
        Integrations(self)
    }
}

impl IntegrationsOf<'_> {
    /// The integration of that id.
    pub async fn find(&mut self, id: IntegrationId) -> Result<Option<Integration>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM integrations WHERE organisation_id = $1 AND id = $2"
        );
        let row = self.reader.optional(sql, values![self.organisation, id]).await?;
        row.as_ref().map(read).transpose()
    }

    /// The integration of that slug.
    pub async fn find_by_slug(&mut self, slug: &Slug) -> Result<Option<Integration>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM integrations WHERE organisation_id = $1 AND slug = $2"
        );
        let row = self.reader.optional(sql, values![self.organisation, slug]).await?;
        row.as_ref().map(read).transpose()
    }

    /// A page of them.
    pub async fn list(&mut self, owner: IntegrationOwner, page: Page) -> Result<List<Integration>> {
        let (from, values) = match owner {
            IntegrationOwner::Any => {
                ("FROM integrations WHERE organisation_id = $1", values![self.organisation])
            }
            IntegrationOwner::Organisation => (
                "FROM integrations WHERE organisation_id = $1 AND workspace_id IS NULL",
                values![self.organisation],
            ),
            IntegrationOwner::Workspaces => (
                "FROM integrations WHERE organisation_id = $1 AND workspace_id IS NOT NULL",
                values![self.organisation],
            ),
            IntegrationOwner::SeenBy(workspace) => (
                "FROM integrations
                 WHERE organisation_id = $1 AND (workspace_id IS NULL OR workspace_id = $2)",
                values![self.organisation, workspace],
            ),
            IntegrationOwner::Workspace(workspace) => (
                "FROM integrations WHERE organisation_id = $1 AND workspace_id = $2",
                values![self.organisation, workspace],
            ),
        };
        tenant::list(self.reader, columns!(), from, values, page, read).await
    }
}

impl Integrations<'_> {
    /// Adds an integration.
    pub async fn insert(&mut self, permit: &Permit, integration: &Integration) -> Result<()> {
        tenant::check(permit, integration.organisation_id, integration.workspace_id)?;
        self.0
            .execute(
                concat!(
                    "INSERT INTO integrations (",
                    columns!(),
                    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
                ),
                values![
                    integration.id,
                    permit.organisation(),
                    integration.workspace_id,
                    &integration.slug,
                    integration.name.as_str(),
                    integration.description.as_deref(),
                    integration.provider.as_str(),
                    &integration.credential,
                    integration.key_hint.as_str(),
                    json(&integration.models),
                    integration.created_at,
                    integration.updated_at,
                ],
            )
            .await?;
        self.announce(permit, integration.id).await
    }

    /// Writes everything but id, owner and instant of creation. `false` when it is not there.
    pub async fn update(&mut self, permit: &Permit, integration: &Integration) -> Result<bool> {
        tenant::check(permit, integration.organisation_id, integration.workspace_id)?;
        let changed = self
            .0
            .execute(
                "UPDATE integrations SET slug = $4, name = $5, description = $6, provider = $7,
                     credential = $8, key_hint = $9, models = $10, updated_at = $11
                 WHERE organisation_id = $1 AND ($2 IS NULL OR workspace_id = $2) AND id = $3",
                values![
                    permit.organisation(),
                    permit.workspace(),
                    integration.id,
                    &integration.slug,
                    integration.name.as_str(),
                    integration.description.as_deref(),
                    integration.provider.as_str(),
                    &integration.credential,
                    integration.key_hint.as_str(),
                    json(&integration.models),
                    integration.updated_at,
                ],
            )
            .await?;
        if changed == 0 {
            return Ok(false);
        }
        self.announce(permit, integration.id).await?;
        Ok(true)
    }

    /// Removes an integration. Fails with [`Error::Referenced`](crate::Error::Referenced) while
    /// virtual keys use it. `false` when it is not there.
    pub async fn remove(&mut self, permit: &Permit, id: IntegrationId) -> Result<bool> {
        let sql = "DELETE FROM integrations
             WHERE organisation_id = $1 AND ($2 IS NULL OR workspace_id = $2) AND id = $3";
        let values = values![permit.organisation(), permit.workspace(), id];
        if self.0.execute(sql, values).await? == 0 {
            return Ok(false);
        }
        self.announce(permit, id).await?;
        Ok(true)
    }

    async fn announce(&mut self, permit: &Permit, id: IntegrationId) -> Result<()> {
        self.0.announce(permit.organisation(), Subject::Integration(id)).await
    }
}

fn read(row: &Row) -> Result<Integration> {
    Ok(Integration {
        id: row.id("id")?,
        organisation_id: row.id("organisation_id")?,
        workspace_id: row.opt_id("workspace_id")?,
        slug: row.slug("slug")?,
        name: row.text("name")?,
        description: row.opt_text("description")?,
        provider: row.text("provider")?,
        credential: row.sealed("credential")?,
        key_hint: row.text("key_hint")?,
        models: row.json("models")?,
        created_at: row.instant("created_at")?,
        updated_at: row.instant("updated_at")?,
    })
}
