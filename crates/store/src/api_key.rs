//! API keys.

use portcullis_domain::{
    ApiKey, ApiKeyDigest, ApiKeyId, ApiKeyKind, ApiKeyMadeBy, AuditResource, OrganisationId,
    PreviousDigest, Reach, Timestamp, UserId, WorkspaceId,
};
use serde_json::{Value as Json, json};

use crate::{
    Error, List, Page, Reader, Result, Rows, Subject,
    entity::{self, Stored},
    value::{Row, Value, json, values},
};

/// Which API keys are wanted.
#[derive(Clone, Debug)]
pub struct ApiKeyFilter {
    /// Keys of these kinds, each within its reach.
    pub kinds: Vec<(ApiKeyKind, Reach)>,
    /// Of this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Of this person.
    pub user: Option<UserId>,
}

impl Reader {
    /// Hands every API key of every organisation to `take`, one at a time: for the snapshot.
    pub async fn load_api_keys(&mut self, take: &mut (dyn FnMut(ApiKey) + Send)) -> Result<()> {
        entity::load(self, take).await
    }
}

impl Rows<'_, ApiKey> {
    /// A page of them.
    pub async fn list(&mut self, filter: &ApiKeyFilter, page: Page) -> Result<List<ApiKey>> {
        let mut conditions = self.conditions();
        conditions.compare("workspace_id =", filter.workspace);
        conditions.compare("user_id =", filter.user);
        let mut kinds = Vec::new();
        for (kind, reach) in &filter.kinds {
            let name = conditions.bind(kind.name());
            kinds.push(match reach {
                Reach::Everywhere => format!("kind = {name}"),
                Reach::Only(_) => {
                    let within = conditions.reach("workspace_id", reach);
                    format!("(kind = {name} AND {within})")
                }
            });
        }
        conditions.any(&kinds);
        self.page(conditions, page).await
    }

    /// Every key of that name, oldest first.
    pub async fn named(&mut self, name: &str) -> Result<Vec<ApiKey>> {
        let mut conditions = self.conditions();
        conditions.compare("name =", Some(name));
        self.all(conditions).await
    }

    /// Every key of a person, or of a workspace, oldest first.
    pub async fn all_of(
        &mut self,
        user: Option<UserId>,
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<ApiKey>> {
        let mut conditions = self.conditions();
        conditions.compare("user_id =", user);
        conditions.compare("workspace_id =", workspace);
        self.all(conditions).await
    }
}

impl Stored for ApiKey {
    type Id = ApiKeyId;
    const TABLE: &'static str = "api_keys";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "organisation_id",
        "workspace_id",
        "kind",
        "user_id",
        "created_at",
        "environment_id",
        "name",
        "description",
        "digest",
        "hint",
        "previous_digest",
        "previous_until",
        "scopes",
        "defaults",
        "allowed_addresses",
        "made_by",
        "expires_at",
        "updated_at",
    ];
    const FIXED: &'static [&'static str] =
        &["id", "organisation_id", "workspace_id", "kind", "user_id", "created_at"];
    const RESOURCE: AuditResource = AuditResource::ApiKey;

    fn organisation(&self) -> OrganisationId {
        self.organisation_id
    }

    /// An organisation's keys name the default workspace, but whoever is confined to that workspace
    /// must not touch them.
    fn workspace(&self) -> Option<WorkspaceId> {
        self.kind.is_workspace_bound().then_some(self.workspace_id)
    }

    fn subject(&self) -> Option<Subject> {
        Some(Subject::ApiKey(self.id))
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
            "name": self.name,
            "description": self.description,
            "type": self.kind.name(),
            "workspace_id": self.workspace_id,
            "environment_id": self.environment_id,
            "user_id": self.user_id,
            "key": self.hint,
            "key_transition_expires_at": self.previous.as_ref().map(|p| p.until.to_string()),
            "scopes": self.scopes,
            "defaults": self.defaults,
            "allowed_addresses": self.allowed_addresses,
            "expires_at": self.expires_at.map(|at| at.to_string()),
        })
    }

    fn values(&self) -> Vec<Value> {
        let previous = self.previous.as_ref();
        values![
            self.id,
            self.organisation_id,
            self.workspace_id,
            self.kind.name(),
            self.user_id,
            self.created_at,
            self.environment_id,
            self.name.as_str(),
            self.description.as_deref(),
            &self.digest.0,
            self.hint.as_str(),
            previous.map(|previous| &previous.digest.0),
            previous.map(|previous| previous.until),
            json(&self.scopes),
            json(&self.defaults),
            json(&self.allowed_addresses),
            self.made_by.name(),
            self.expires_at,
            self.updated_at,
        ]
    }

    fn read(row: &Row) -> Result<Self> {
        let digest = |column: &'static str, bytes: Vec<u8>| {
            bytes.try_into().map(ApiKeyDigest).map_err(|_| Error::Corrupt(column))
        };
        let until = row.opt_instant("previous_until")?;
        let previous = match (row.opt_bytes("previous_digest")?, until) {
            (Some(bytes), Some(until)) => {
                Some(PreviousDigest { digest: digest("previous_digest", bytes)?, until })
            }
            _ => None,
        };
        Ok(Self {
            id: row.id("id")?,
            organisation_id: row.id("organisation_id")?,
            workspace_id: row.id("workspace_id")?,
            environment_id: row.id("environment_id")?,
            user_id: row.opt_id("user_id")?,
            kind: ApiKeyKind::parse(&row.text("kind")?).ok_or(Error::Corrupt("kind"))?,
            name: row.text("name")?,
            description: row.opt_text("description")?,
            digest: digest("digest", row.bytes("digest")?)?,
            hint: row.text("hint")?,
            previous,
            scopes: row.json("scopes")?,
            defaults: row.json("defaults")?,
            allowed_addresses: row.json("allowed_addresses")?,
            made_by: ApiKeyMadeBy::parse(&row.text("made_by")?).ok_or(Error::Corrupt("made_by"))?,
            is_token: false,
            expires_at: row.opt_instant("expires_at")?,
            created_at: row.instant("created_at")?,
            updated_at: row.instant("updated_at")?,
        })
    }
}
