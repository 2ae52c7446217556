//! Integrations: sealed provider credentials.

use portcullis_domain::{
    AuditResource, Integration, IntegrationId, OrganisationId, Reach, Slug, Timestamp, WorkspaceId,
};
use serde_json::{Value as Json, json};

use crate::{
    List, Page, Reader, Result, Rows, Subject,
    entity::{self, Stored},
    value::{Row, Value, json, values},
};

/// Whose integrations are wanted.
#[derive(Clone, Debug)]
pub struct IntegrationFilter {
    /// Whether those of the organisation itself are.
    pub of_organisation: bool,
    /// Those of which workspaces are.
    pub of_workspaces: Reach,
}

impl Reader {
    /// Hands every integration of every organisation to `take`, one at a time: for the snapshot.
    pub async fn load_integrations(
        &mut self,
        take: &mut (dyn FnMut(Integration) + Send),
    ) -> Result<()> {
        entity::load(self, take).await
    }
}

impl Rows<'_, Integration> {
    /// The integration of that slug.
    pub async fn find_by_slug(&mut self, slug: &Slug) -> Result<Option<Integration>> {
        self.find_by("slug", slug).await
    }

    /// A page of them.
    pub async fn list(
        &mut self,
        filter: &IntegrationFilter,
        page: Page,
    ) -> Result<List<Integration>> {
        let mut conditions = self.conditions();
        let mut owners = Vec::new();
        if filter.of_organisation {
            owners.push("workspace_id IS NULL".to_owned());
        }
        owners.push(match &filter.of_workspaces {
            Reach::Everywhere => "workspace_id IS NOT NULL".to_owned(),
            reach => conditions.reach("workspace_id", reach),
        });
        conditions.any(&owners);
        self.page(conditions, page).await
    }

    /// Every integration that a workspace owns, oldest first.
    pub async fn all_of(&mut self, workspace: WorkspaceId) -> Result<Vec<Integration>> {
        let mut conditions = self.conditions();
        conditions.compare("workspace_id =", Some(workspace));
        self.all(conditions).await
    }
}

impl Stored for Integration {
    type Id = IntegrationId;
    const TABLE: &'static str = "integrations";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "organisation_id",
        "workspace_id",
        "created_at",
        "slug",
        "name",
        "description",
        "provider",
        "credential",
        "key_hint",
        "key_fingerprint",
        "models",
        "updated_at",
    ];
    const FIXED: &'static [&'static str] = &["id", "organisation_id", "workspace_id", "created_at"];
    const RESOURCE: AuditResource = AuditResource::Integration;

    fn organisation(&self) -> OrganisationId {
        self.organisation_id
    }

    fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace_id
    }

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Integration(self.id))
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
            "description": self.description,
            "workspace_id": self.workspace_id,
            "ai_provider_id": self.provider,
            "key": self.key_hint,
            "key_fingerprint": self.key_fingerprint,
            "models": self.models,
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
            self.description.as_deref(),
            self.provider.as_str(),
            &self.credential,
            self.key_hint.as_str(),
            self.key_fingerprint.as_str(),
            json(&self.models),
            self.updated_at,
        ]
    }

    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            organisation_id: row.id("organisation_id")?,
            workspace_id: row.opt_id("workspace_id")?,
            slug: row.slug("slug")?,
            name: row.text("name")?,
            description: row.opt_text("description")?,
            provider: row.text("provider")?,
            credential: row.sealed("credential")?,
            key_hint: row.text("key_hint")?,
            key_fingerprint: row.text("key_fingerprint")?,
            models: row.json("models")?,
            created_at: row.instant("created_at")?,
            updated_at: row.instant("updated_at")?,
        })
    }
}
