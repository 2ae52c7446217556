//! Virtual keys: integrations as workspaces see them.

use portcullis_domain::{
    IntegrationId, OrganisationId, Permit, Slug, VirtualKey, VirtualKeyId, WorkspaceId,
};

use crate::{
    List, Page, Reader, Result, Subject, Tx, tenant,
    value::{Row, values},
};

/// Changes virtual keys.
pub struct VirtualKeys<'t>(&'t mut Tx);

/// One organisation's virtual keys.
pub struct VirtualKeysOf<'r> {
    pub(crate) reader: &'r mut Reader,
    pub(crate) organisation: OrganisationId,
}

macro_rules! columns {
    () => {
        "id, organisation_id, workspace_id, slug, name, note, integration_id, expires_at,
         created_at, updated_at"
    };
}

impl Reader {
    /// Hands every virtual key of every organisation to `take`, one at a time: for the snapshot.
    pub async fn load_virtual_keys(
        &mut self,
        take: &mut (dyn FnMut(VirtualKey) + Send),
    ) -> Result<()> {
        self.each_sound(concat!("SELECT ", columns!(), " FROM virtual_keys"), read, take).await
    }
}

impl Tx {
    /// The virtual keys, to change.
    pub fn virtual_keys(&mut self) -> VirtualKeys<'_> {
        VirtualKeys(self)
    }
}

impl VirtualKeysOf<'_> {
    /// The virtual key of that id.
    pub async fn find(&mut self, id: VirtualKeyId) -> Result<Option<VirtualKey>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM virtual_keys WHERE organisation_id = $1 AND id = $2"
        );
        let row = self.reader.optional(sql, values![self.organisation, id]).await?;
        row.as_ref().map(read).transpose()
    }

    /// The virtual key of that slug in a workspace.
    pub async fn find_by_slug(
        &mut self,
        workspace: WorkspaceId,
        slug: &Slug,
    ) -> Result<Option<VirtualKey>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM virtual_keys WHERE organisation_id = $1 AND workspace_id = $2 AND slug = $3"
        );
        let row = self.reader.optional(sql, values![self.organisation, workspace, slug]).await?;
        row.as_ref().map(read).transpose()
    }

    /// A page of them; of one workspace, when given.
    pub async fn list(
        &mut self,
        workspace: Option<WorkspaceId>,
        page: Page,
    ) -> Result<List<VirtualKey>> {
        let from = "FROM virtual_keys
            WHERE organisation_id = $1 AND ($2 IS NULL OR workspace_id = $2)";
        let values = values![self.organisation, workspace];
        tenant::list(self.reader, columns!(), from, values, page, read).await
    }

    /// Those that use an integration, oldest first.
    pub async fn list_of_integration(
        &mut self,
        integration: IntegrationId,
    ) -> Result<Vec<VirtualKey>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM virtual_keys WHERE organisation_id = $1 AND integration_id = $2 ORDER BY id"
        );
        self.reader.all(sql, values![self.organisation, integration], read).await
    }
}

impl VirtualKeys<'_> {
    /// Adds a virtual key.
    pub async fn insert(&mut self, permit: &Permit, key: &VirtualKey) -> Result<()> {
        tenant::check(permit, key.organisation_id, Some(key.workspace_id))?;
        self.0
            .execute(
                concat!(
                    "INSERT INTO virtual_keys (",
                    columns!(),
                    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
                ),
                values![
                    key.id,
                    permit.organisation(),
                    key.workspace_id,
                    &key.slug,
                    key.name.as_str(),
                    key.note.as_deref(),
                    key.integration_id,
                    key.expires_at,
                    key.created_at,
                    key.updated_at,
                ],
            )
            .await?;
        self.announce(permit, key.id).await
    }

    /// Writes everything but id, owner and instant of creation. `false` when it is not there.
    pub async fn update(&mut self, permit: &Permit, key: &VirtualKey) -> Result<bool> {
        tenant::check(permit, key.organisation_id, Some(key.workspace_id))?;
        let changed = self
            .0
            .execute(
                "UPDATE virtual_keys SET slug = $4, name = $5, note = $6, integration_id = $7,
                     expires_at = $8, updated_at = $9
                 WHERE organisation_id = $1 AND ($2 IS NULL OR workspace_id = $2) AND id = $3",
                values![
                    permit.organisation(),
                    permit.workspace(),
                    key.id,
                    &key.slug,
                    key.name.as_str(),
                    key.note.as_deref(),
                    key.integration_id,
                    key.expires_at,
                    key.updated_at,
                ],
            )
            .await?;
        if changed == 0 {
            return Ok(false);
        }
        self.announce(permit, key.id).await?;
        Ok(true)
    }

    /// Removes a virtual key; its integration stays. `false` when it is not there.
    pub async fn remove(&mut self, permit: &Permit, id: VirtualKeyId) -> Result<bool> {
        let sql = "DELETE FROM virtual_keys
             WHERE organisation_id = $1 AND ($2 IS NULL OR workspace_id = $2) AND id = $3";
        let values = values![permit.organisation(), permit.workspace(), id];
        if self.0.execute(sql, values).await? == 0 {
            return Ok(false);
        }
        self.announce(permit, id).await?;
        Ok(true)
    }

    async fn announce(&mut self, permit: &Permit, id: VirtualKeyId) -> Result<()> {
        self.0.announce(permit.organisation(), Subject::VirtualKey(id)).await
    }
}

fn read(row: &Row) -> Result<VirtualKey> {
    Ok(VirtualKey {
        id: row.id("id")?,
        organisation_id: row.id("organisation_id")?,
        workspace_id: row.id("workspace_id")?,
        slug: row.slug("slug")?,
        name: row.text("name")?,
        note: row.opt_text("note")?,
        integration_id: row.id("integration_id")?,
        expires_at: row.opt_instant("expires_at")?,
        created_at: row.instant("created_at")?,
        updated_at: row.instant("updated_at")?,
    })
}
