//! Issuers of tokens.

use portcullis_domain::{AuditResource, OrganisationId, Timestamp, TokenIssuer, WorkspaceId};
use serde_json::{Value as Json, json};

use crate::{
    Reader, Result, Subject,
    entity::{self, Stored},
    value::{Row, Value, json, values},
};

impl Reader {
    /// Hands every issuer of every organisation to `take`, one at a time: for the snapshot, and for
    /// whoever keeps their keys up to date.
    pub async fn load_token_issuers(
        &mut self,
        take: &mut (dyn FnMut(TokenIssuer) + Send),
    ) -> Result<()> {
        entity::load(self, take).await
    }
}

impl Stored for TokenIssuer {
    type Id = OrganisationId;
    const TABLE: &'static str = "token_issuers";
    const COLUMNS: &'static [&'static str] = &[
        "organisation_id",
        "created_at",
        "jwks_url",
        "keys",
        "issuer",
        "audience",
        "scopes",
        "fetch_error",
        "updated_at",
    ];
    const FIXED: &'static [&'static str] = &["organisation_id", "created_at"];
    const KEY: &'static str = "organisation_id";
    const RESOURCE: AuditResource = AuditResource::TokenIssuer;

    fn organisation(&self) -> OrganisationId {
        self.organisation_id
    }

    fn workspace(&self) -> Option<WorkspaceId> {
        None
    }

    fn subject(&self) -> Option<Subject> {
        Some(Subject::TokenIssuer(self.organisation_id))
    }

    fn version(&self) -> Timestamp {
        self.updated_at
    }

    fn set_version(&mut self, at: Timestamp) {
        self.updated_at = at;
    }

    fn audit_id(&self) -> String {
        self.organisation_id.to_string()
    }

    fn audit_name(&self) -> String {
        self.issuer.clone().or_else(|| self.jwks_url.clone()).unwrap_or_default()
    }

    fn shown(&self) -> Json {
        json!({
            "jwks_url": self.jwks_url,
            "keys": self.keys,
            "issuer": self.issuer,
            "audience": self.audience,
            "scopes": self.scopes,
            "fetch_error": self.fetch_error,
        })
    }

    fn values(&self) -> Vec<Value> {
        values![
            self.organisation_id,
            self.created_at,
            self.jwks_url.as_deref(),
            json(&self.keys),
            self.issuer.as_deref(),
            self.audience.as_deref(),
            json(&self.scopes),
            self.fetch_error.as_deref(),
            self.updated_at,
        ]
    }

    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            organisation_id: row.id("organisation_id")?,
            jwks_url: row.opt_text("jwks_url")?,
            keys: row.json("keys")?,
            issuer: row.opt_text("issuer")?,
            audience: row.opt_text("audience")?,
            scopes: row.json("scopes")?,
            fetch_error: row.opt_text("fetch_error")?,
            created_at: row.instant("created_at")?,
            updated_at: row.instant("updated_at")?,
        })
    }
}
