//! API keys.

use portcullis_domain::{
    ApiKey, ApiKeyDigest, ApiKeyId, ApiKeyKind, OrganisationId, Permit, PreviousDigest, WorkspaceId,
};

use crate::{
    Error, List, Page, Reader, Result, Subject, Tx, tenant,
    value::{Row, json, values},
};

/// Changes API keys.
pub struct ApiKeys<'t>(&'t mut Tx);

/// One organisation's API keys.
pub struct ApiKeysOf<'r> {
    pub(crate) reader: &'r mut Reader,
    pub(crate) organisation: OrganisationId,
}

macro_rules! columns {
    () => {
        "id, organisation_id, workspace_id, environment_id, user_id, kind, name, description,
         digest, hint, previous_digest, previous_until, scopes, defaults, expires_at, created_at,
         updated_at"
    };
}

impl Reader {
    /// Hands every API key of every organisation to `take`, one at a time: for the snapshot.
    pub async fn load_api_keys(&mut self, take: &mut (dyn FnMut(ApiKey) + Send)) -> Result<()> {
        self.each_sound(concat!("SELECT ", columns!(), " FROM api_keys"), read, take).await
    }
}

impl Tx {
    /// The API keys, to change.
    pub fn api_keys(&mut self) -> ApiKeys<'_> {
        ApiKeys(self)
    }
}

impl ApiKeysOf<'_> {
    /// The API key of that id.
    pub async fn find(&mut self, id: ApiKeyId) -> Result<Option<ApiKey>> {
        let sql =
            concat!("SELECT ", columns!(), " FROM api_keys WHERE organisation_id = $1 AND id = $2");
        let row = self.reader.optional(sql, values![self.organisation, id]).await?;
        row.as_ref().map(read).transpose()
    }

    /// A page of them; of one workspace and of one kind, when given.
    pub async fn list(
        &mut self,
        workspace: Option<WorkspaceId>,
        kind: Option<ApiKeyKind>,
        page: Page,
    ) -> Result<List<ApiKey>> {
        let from = "FROM api_keys WHERE organisation_id = $1
            AND ($2 IS NULL OR workspace_id = $2) AND ($3 IS NULL OR kind = $3)";
        let values = values![self.organisation, workspace, kind.map(ApiKeyKind::name)];
        tenant::list(self.reader, columns!(), from, values, page, read).await
    }
}

impl ApiKeys<'_> {
    /// Adds an API key.
    pub async fn insert(&mut self, permit: &Permit, key: &ApiKey) -> Result<()> {
        tenant::check(permit, key.organisation_id, place(key))?;
        let previous = key.previous.as_ref();
        self.0
            .execute(
                concat!(
                    "INSERT INTO api_keys (",
                    columns!(),
                    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
                        $16, $17)"
                ),
                values![
                    key.id,
                    permit.organisation(),
                    key.workspace_id,
                    key.environment_id,
                    key.user_id,
                    key.kind.name(),
                    key.name.as_str(),
                    key.description.as_deref(),
                    &key.digest.0,
                    key.hint.as_str(),
                    previous.map(|previous| &previous.digest.0),
                    previous.map(|previous| previous.until),
                    json(&key.scopes),
                    json(&key.defaults),
                    key.expires_at,
                    key.created_at,
                    key.updated_at,
                ],
            )
            .await?;
        self.announce(permit, key.id).await
    }

    /// Writes everything that may change: environment, name, description, digests, hint, scopes,
    /// defaults, expiry and the instant of the change. `false` when it is not there.
    pub async fn update(&mut self, permit: &Permit, key: &ApiKey) -> Result<bool> {
        tenant::check(permit, key.organisation_id, place(key))?;
        let previous = key.previous.as_ref();
        let changed = self
            .0
            .execute(
                "UPDATE api_keys SET environment_id = $5, name = $6, description = $7, digest = $8,
                     hint = $9, previous_digest = $10, previous_until = $11, scopes = $12,
                     defaults = $13, expires_at = $14, updated_at = $15
                 WHERE organisation_id = $1 AND id = $3
                     AND ($2 IS NULL OR (workspace_id = $2 AND kind <> $4))",
                values![
                    permit.organisation(),
                    permit.workspace(),
                    key.id,
                    ApiKeyKind::OrganisationService.name(),
                    key.environment_id,
                    key.name.as_str(),
                    key.description.as_deref(),
                    &key.digest.0,
                    key.hint.as_str(),
                    previous.map(|previous| &previous.digest.0),
                    previous.map(|previous| previous.until),
                    json(&key.scopes),
                    json(&key.defaults),
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

    /// Removes an API key. `false` when it is not there.
    pub async fn remove(&mut self, permit: &Permit, id: ApiKeyId) -> Result<bool> {
        // An organisation's keys name the default workspace, but whoever is confined to that
        // workspace must not touch them.
        let changed = self
            .0
            .execute(
                "DELETE FROM api_keys WHERE organisation_id = $1 AND id = $3
                     AND ($2 IS NULL OR (workspace_id = $2 AND kind <> $4))",
                values![
                    permit.organisation(),
                    permit.workspace(),
                    id,
                    ApiKeyKind::OrganisationService.name(),
                ],
            )
            .await?;
        if changed == 0 {
            return Ok(false);
        }
        self.announce(permit, id).await?;
        Ok(true)
    }

    async fn announce(&mut self, permit: &Permit, id: ApiKeyId) -> Result<()> {
        self.0.announce(permit.organisation(), Subject::ApiKey(id)).await
    }
}

/// The workspace a permit must hold for; `None` for the organisation as a whole.
fn place(key: &ApiKey) -> Option<WorkspaceId> {
    key.kind.is_workspace_bound().then_some(key.workspace_id)
}

fn read(row: &Row) -> Result<ApiKey> {
    let digest = |column: &'static str, bytes: Vec<u8>| {
        bytes.try_into().map(ApiKeyDigest).map_err(|_| Error::Corrupt(column))
    };
    let previous = match (row.opt_bytes("previous_digest")?, row.opt_instant("previous_until")?) {
        (Some(bytes), Some(until)) => {
            Some(PreviousDigest { digest: digest("previous_digest", bytes)?, until })
        }
        _ => None,
    };
    Ok(ApiKey {
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
        expires_at: row.opt_instant("expires_at")?,
        created_at: row.instant("created_at")?,
        updated_at: row.instant("updated_at")?,
    })
}
