//! Tenants and their inner order.

use crate::{EnvironmentId, OrganisationId, Slug, Timestamp, WorkspaceId};

/// A tenant. Nothing crosses between two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Its id.
    pub id: OrganisationId,
    /// Its slug, unique in the instance.
    pub slug: Slug,
    /// Its name, for people.
    pub name: String,
    /// The workspace that organisation-wide keys use on the data plane, and that calls without a
    /// workspace mean.
    pub default_workspace: WorkspaceId,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A team's or project's space in an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Whose it is.
    pub organisation_id: OrganisationId,
    /// Its slug (`ws-…`), unique in the organisation.
    pub slug: Slug,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The environment keys belong to when none is named.
    pub default_environment: EnvironmentId,
    /// Its environments; few.
    pub environments: Vec<Environment>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A named stage of a workspace. API keys belong to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its id.
    pub id: EnvironmentId,
    /// Its slug, unique in the workspace: `production`, `staging`, `development` by default.
    pub slug: Slug,
    /// Its name.
    pub name: String,
}

impl Workspace {
    /// The environment of that id.
    pub fn environment(&self, id: EnvironmentId) -> Option<&Environment> {
        self.environments.iter().find(|environment| environment.id == id)
    }
}
