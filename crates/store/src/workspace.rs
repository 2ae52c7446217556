//! Workspaces and their environments.

use std::collections::HashMap;

use portcullis_domain::{
    AuditResource, Environment, EnvironmentId, OrganisationId, Reach, Slug, Timestamp, Workspace,
    WorkspaceId,
};
use serde_json::{Value as Json, json};

use crate::{
    List, Page, Reader, Result, Rows, Subject,
    conditions::Conditions,
    entity::{self, Stored},
    value::{Row, Value, json, values},
};

/// Which workspaces are wanted.
#[derive(Clone, Debug)]
pub struct WorkspaceFilter {
    /// Those within a reach.
    pub reach: Reach,
    /// With this text in the name, whatever its case.
    pub name: Option<String>,
    /// Of exactly this name.
    pub exact_name: Option<String>,
}

impl Reader {
    /// Hands every workspace of every organisation to `take`, one at a time: for the snapshot.
    pub async fn load_workspaces(
        &mut self,
        take: &mut (dyn FnMut(Workspace) + Send),
    ) -> Result<()> {
        let mut environments: HashMap<WorkspaceId, Vec<Environment>> = HashMap::new();
        entity::load(self, &mut |environment: Environment| {
            environments.entry(environment.workspace_id).or_default().push(environment);
        })
        .await?;
        entity::load(self, &mut |mut workspace: Workspace| {
            workspace.environments = environments.remove(&workspace.id).unwrap_or_default();
            workspace.environments.sort_unstable_by_key(|environment| environment.id);
            take(workspace);
        })
        .await
    }
}

impl Rows<'_, Workspace> {
    /// The workspace of that slug.
    pub async fn find_by_slug(&mut self, slug: &Slug) -> Result<Option<Workspace>> {
        self.find_by("slug", slug).await
    }

    /// A page of them.
    pub async fn list(&mut self, filter: &WorkspaceFilter, page: Page) -> Result<List<Workspace>> {
        let mut conditions = self.conditions();
        let within = conditions.reach("id", &filter.reach);
        conditions.and(&within);
        if let Some(name) = &filter.name {
            let name = conditions.bind(entity::pattern("%", &name.to_lowercase()));
            conditions.and(&format!("LOWER(name) LIKE {name} ESCAPE '!'"));
        }
        conditions.compare("name =", filter.exact_name.as_deref());
        self.page(conditions, page).await
    }
}

impl Rows<'_, Environment> {
    /// The environments of a workspace, oldest first.
    pub async fn all_of(&mut self, workspace: WorkspaceId) -> Result<Vec<Environment>> {
        let mut conditions = self.conditions();
        conditions.compare("workspace_id =", Some(workspace));
        self.all(conditions).await
    }
}

impl Stored for Workspace {
    type Id = WorkspaceId;
    const TABLE: &'static str = "workspaces";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "organisation_id",
        "created_at",
        "slug",
        "name",
        "description",
        "defaults",
        "default_environment_id",
        "updated_at",
    ];
    const FIXED: &'static [&'static str] = &["id", "organisation_id", "created_at"];
    const RESOURCE: AuditResource = AuditResource::Workspace;

    fn organisation(&self) -> OrganisationId {
        self.organisation_id
    }

    fn workspace(&self) -> Option<WorkspaceId> {
        Some(self.id)
    }

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Workspace(self.id))
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
            "defaults": self.defaults,
            "default_environment_id": self.default_environment,
        })
    }

    fn values(&self) -> Vec<Value> {
        values![
            self.id,
            self.organisation_id,
            self.created_at,
            &self.slug,
            self.name.as_str(),
            self.description.as_deref(),
            json(&self.defaults),
            self.default_environment,
            self.updated_at,
        ]
    }

    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            organisation_id: row.id("organisation_id")?,
            slug: row.slug("slug")?,
            name: row.text("name")?,
            description: row.opt_text("description")?,
            defaults: row.json("defaults")?,
            default_environment: row.id("default_environment_id")?,
            environments: Vec::new(),
            created_at: row.instant("created_at")?,
            updated_at: row.instant("updated_at")?,
        })
    }

    async fn complete(reader: &mut Reader, rows: &mut [Self]) -> Result<()> {
        let Some(first) = rows.first() else { return Ok(()) };
        let mut conditions = Conditions::of("organisation_id", first.organisation_id);
        conditions.within("workspace_id", rows.iter().map(|row| row.id.into()));
        let mut environments =
            reader.tenant(first.organisation_id).environments().all(conditions).await?;
        environments.sort_unstable_by_key(|environment| environment.id);
        for environment in environments {
            let row = rows.iter_mut().find(|row| row.id == environment.workspace_id);
            row.into_iter().for_each(|row| row.environments.push(environment.clone()));
        }
        Ok(())
    }
}

impl Stored for Environment {
    type Id = EnvironmentId;
    const TABLE: &'static str = "environments";
    const COLUMNS: &'static [&'static str] =
        &["id", "organisation_id", "workspace_id", "created_at", "slug", "name", "updated_at"];
    const FIXED: &'static [&'static str] = &["id", "organisation_id", "workspace_id", "created_at"];
    const RESOURCE: AuditResource = AuditResource::Environment;

    fn organisation(&self) -> OrganisationId {
        self.organisation_id
    }

    fn workspace(&self) -> Option<WorkspaceId> {
        Some(self.workspace_id)
    }

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Workspace(self.workspace_id))
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
            "workspace_id": self.workspace_id,
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
            created_at: row.instant("created_at")?,
            updated_at: row.instant("updated_at")?,
        })
    }
}
