//! Workspaces: a team's or project's space in an organisation, with its environments.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{EnvironmentId, OrganisationId, Slug, Timestamp, WorkspaceId};

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
    /// What calls in it get unless they say otherwise.
    pub defaults: WorkspaceDefaults,
    /// The environment keys belong to when none is named.
    pub default_environment: EnvironmentId,
    /// Its environments; few.
    pub environments: Vec<Environment>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// What calls in a workspace get unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkspaceDefaults {
    /// Metadata over the API key's and the request's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The saved config that calls without one get, and whose API key has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Guardrails that look at every request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub input_guardrails: Vec<String>,
    /// Guardrails that look at every answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output_guardrails: Vec<String>,
    /// The saved config that people's own keys get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_api_key_config: Option<String>,
}

/// A named stage of a workspace. API keys belong to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its id.
    pub id: EnvironmentId,
    /// Its organisation.
    pub organisation_id: OrganisationId,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// Its slug, unique in the workspace: `production`, `staging`, `development` by default.
    pub slug: Slug,
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Workspace {
    /// The environment of that id.
    pub fn environment(&self, id: EnvironmentId) -> Option<&Environment> {
        self.environments.iter().find(|environment| environment.id == id)
    }
}
