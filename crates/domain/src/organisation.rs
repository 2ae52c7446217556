//! Tenants.

use serde::{Deserialize, Serialize};

use crate::{OrganisationId, RoleSettings, Slug, Timestamp, WorkspaceId};

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
    /// What it says of its people and their keys.
    pub settings: OrganisationSettings,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// What an organisation says of its people, their keys and their calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrganisationSettings {
    /// What the roles of its workspaces may do.
    pub roles: RoleSettings,
    /// Whether people may make API keys of their own.
    pub personal_api_keys: bool,
    /// Whether calls may name saved targets only.
    pub block_inline: bool,
    /// Who is written to about billing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_contact: Option<String>,
}

impl Default for OrganisationSettings {
    fn default() -> Self {
        Self {
            roles: RoleSettings::default(),
            personal_api_keys: true,
            block_inline: false,
            billing_contact: None,
        }
    }
}
