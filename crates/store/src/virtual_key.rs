//! Virtual keys: integrations as workspaces see them.

use portcullis_domain::{
    AuditResource, IntegrationId, OrganisationId, Reach, Slug, Timestamp, VirtualKey, VirtualKeyId,
    WorkspaceId,
};
use serde_json::{Value as Json, json};

use crate::{
    List, Page, Reader, Result, Rows, Subject,
    entity::{self, Stored},
    value::{Row, Value, values},
};

impl Reader {
    /// Hands every virtual key of every organisation to `take`, one at a time: for the snapshot.
    pub async fn load_virtual_keys(
        &mut self,
        take: &mut (dyn FnMut(VirtualKey) + Send),
    ) -> Result<()> {
        entity::load(self, take).await
    }
}

impl Rows<'_, VirtualKey> {
    /// The virtual key of that slug in a workspace.
    pub async fn find_by_slug(
        &mut self,
        workspace: WorkspaceId,
        slug: &Slug,
    ) -> Result<Option<VirtualKey>> {
        let mut conditions = self.conditions();
        conditions.compare("workspace_id =", Some(workspace));
        conditions.compare("slug =", Some(slug));
        Ok(self.all(conditions).await?.pop())
    }

    /// A page of those within a reach.
    pub async fn list(&mut self, reach: &Reach, page: Page) -> Result<List<VirtualKey>> {
        let mut conditions = self.conditions();
        let within = conditions.reach("workspace_id", reach);
        conditions.and(&within);
        self.page(conditions, page).await
    }

    /// Those that use an integration, oldest first.
    pub async fn list_of_integration(
        &mut self,
        integration: IntegrationId,
    ) -> Result<Vec<VirtualKey>> {
        let mut conditions = self.conditions();
        conditions.compare("integration_id =", Some(integration));
        self.all(conditions).await
    }
}

impl Stored for VirtualKey {
    type Id = VirtualKeyId;
    const TABLE: &'static str = "virtual_keys";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "organisation_id",
        "workspace_id",
        "created_at",
        "slug",
        "name",
        "note",
        "integration_id",
        "expires_at",
        "updated_at",
    ];
    const FIXED: &'static [&'static str] = &["id", "organisation_id", "workspace_id", "created_at"];
    const RESOURCE: AuditResource = AuditResource::VirtualKey;

    fn organisation(&self) -> OrganisationId {
        self.organisation_id
    }

    fn workspace(&self) -> Option<WorkspaceId> {
        Some(self.workspace_id)
    }

    fn subject(&self) -> Option<Subject> {
        Some(Subject::VirtualKey(self.id))
    }

    fn version(&self) -> Timestamp {
        self.updated_at
    }

    fn set_version(&mut self, at: Timestamp) {
        self.updated_at = at;
    }

    fn audit_id(&self) -> String {
        self.id.to_string()
    }

    fn audit_name(&self) -> String {
        self.name.clone()
    }

    fn shown(&self) -> Json {
        json!({
            "slug": self.slug.as_str(),
            "name": self.name,
            "note": self.note,
            "workspace_id": self.workspace_id,
            "integration_id": self.integration_id,
            "expires_at": self.expires_at.map(|at| at.to_string()),
        })
    }

    fn values(&self) -> Vec<Value> {
        values![
            self.id,
            self.organisation_id,
            self.workspace_id,
            self.created_at,
            &self.slug,
            self.name.as_str(),
            self.note.as_deref(),
            self.integration_id,
            self.expires_at,
            self.updated_at,
        ]
    }

    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
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
}
