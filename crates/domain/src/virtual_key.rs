//! Provider credentials: an integration holds one sealed; a virtual key is how a workspace sees it.

use serde::{Deserialize, Serialize};

use crate::{IntegrationId, OrganisationId, Sealed, Slug, Timestamp, VirtualKeyId, WorkspaceId};

/// One provider credential with its settings, sealed.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// Its organisation.
    pub organisation_id: OrganisationId,
    /// The workspace that owns it; `None` when the organisation does.
    pub workspace_id: Option<WorkspaceId>,
    /// Its slug, unique in the organisation.
    pub slug: Slug,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The provider's name in the catalogue, `openai` for one.
    pub provider: String,
    /// The credential and the provider's settings (`providers::Credential` as JSON), sealed.
    /// Bound to table `integrations`, this row, field `credential`.
    pub credential: Sealed,
    /// The masked key, to recognise it by.
    pub key_hint: String,
    /// A keyed digest of the key, by which whoever has it can find where it is used.
    pub key_fingerprint: String,
    /// Which models may be used.
    pub models: IntegrationModels,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// Which models of an integration may be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntegrationModels {
    /// Whether models that are not listed are allowed.
    pub allow_all: bool,
    /// The models that were listed.
    #[serde(default)]
    pub listed: Vec<IntegrationModel>,
}

/// One listed model of an integration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntegrationModel {
    /// The model's name as the provider spells it.
    pub slug: String,
    /// Whether it may be used.
    pub enabled: bool,
}

/// An integration as one workspace sees it: what `@slug` names on the data plane. The admin API
/// calls it a virtual key or a provider; both are views of this.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualKey {
    /// Its id.
    pub id: VirtualKeyId,
    /// Its organisation.
    pub organisation_id: OrganisationId,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// Its slug, unique in the workspace.
    pub slug: Slug,
    /// Its name.
    pub name: String,
    /// A note for people.
    pub note: Option<String>,
    /// The credential behind it.
    pub integration_id: IntegrationId,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Default for IntegrationModels {
    fn default() -> Self {
        Self { allow_all: true, listed: Vec::new() }
    }
}

impl IntegrationModels {
    /// Whether calls may ask for `model`.
    pub fn allows(&self, model: &str) -> bool {
        let listed = self.listed.iter().find(|listed| listed.slug == model);
        listed.map_or(self.allow_all, |listed| listed.enabled)
    }

    /// Whether there are models that calls may not ask for.
    pub fn is_restricted(&self) -> bool {
        !self.allow_all || self.listed.iter().any(|listed| !listed.enabled)
    }
}

impl VirtualKey {
    /// Whether the virtual key is past its expiry at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
