//! Organisations.

use portcullis_domain::{
    AuditResource, Organisation, OrganisationId, Slug, Timestamp, WorkspaceId,
};
use serde_json::{Value as Json, json};

use crate::{
    Reader, Result, Subject,
    entity::{self, Stored},
    value::{Row, Value, json, values},
};

/// The organisations of the instance.
pub struct Organisations<'r>(&'r mut Reader);

impl Reader {
    /// The organisations of the instance: for the operator, sign-in and the snapshot, never for
    /// what a tenant asks.
    pub fn organisations(&mut self) -> Organisations<'_> {
        Organisations(self)
    }

    /// Hands every organisation to `take`, one at a time.
    pub async fn load_organisations(
        &mut self,
        take: &mut (dyn FnMut(Organisation) + Send),
    ) -> Result<()> {
        entity::load(self, take).await
    }
}

impl Organisations<'_> {
    /// The organisation of that id.
    pub async fn find(&mut self, id: OrganisationId) -> Result<Option<Organisation>> {
        self.find_by("id", id).await
    }

    /// The organisation of that slug.
    pub async fn find_by_slug(&mut self, slug: &Slug) -> Result<Option<Organisation>> {
        self.find_by("slug", slug).await
    }

    /// How many there are.
    pub async fn count(&mut self) -> Result<i64> {
        self.0.one("SELECT COUNT(*) AS total FROM organisations", values![]).await?.int("total")
    }

    async fn find_by(
        &mut self,
        column: &str,
        value: impl Into<Value>,
    ) -> Result<Option<Organisation>> {
        let sql = format!("{} WHERE {column} = $1", entity::select::<Organisation>());
        let row = self.0.optional(sql, vec![value.into()]).await?;
        row.as_ref().map(Organisation::read).transpose()
    }
}

impl Stored for Organisation {
    type Id = OrganisationId;
    const TABLE: &'static str = "organisations";
    const COLUMNS: &'static [&'static str] =
        &["id", "created_at", "slug", "name", "default_workspace_id", "settings", "updated_at"];
    const FIXED: &'static [&'static str] = &["id", "created_at"];
    const OWNER: &'static str = "id";
    const RESOURCE: AuditResource = AuditResource::Organisation;

    fn organisation(&self) -> OrganisationId {
        self.id
    }

    fn workspace(&self) -> Option<WorkspaceId> {
        None
    }

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Organisation(self.id))
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
            "default_workspace_id": self.default_workspace,
            "settings": self.settings,
        })
    }

    fn values(&self) -> Vec<Value> {
        values![
            self.id,
            self.created_at,
            &self.slug,
            self.name.as_str(),
            self.default_workspace,
            json(&self.settings),
            self.updated_at,
        ]
    }

    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            slug: row.slug("slug")?,
            name: row.text("name")?,
            default_workspace: row.id("default_workspace_id")?,
            settings: row.json("settings")?,
            created_at: row.instant("created_at")?,
            updated_at: row.instant("updated_at")?,
        })
    }
}
