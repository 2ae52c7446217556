//! Who signs tokens that serve as API keys of an organisation (data-plane reference §2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ApiKey, ApiKeyDefaults, ApiKeyDigest, ApiKeyId, ApiKeyKind, ApiKeyMadeBy, OrganisationId,
    ScopeSet, Snapshot, Timestamp, Workspace,
};

/// An organisation's issuer of tokens. There is at most one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenIssuer {
    /// Whose.
    pub organisation_id: OrganisationId,
    /// Where its keys are published (RFC 7517 §5); `None` when they were given outright.
    pub jwks_url: Option<String>,
    /// Its keys: given outright, or what the URL answered last.
    pub keys: Vec<TokenKey>,
    /// What `iss` must be, if anything.
    pub issuer: Option<String>,
    /// What must be among `aud`, if anything.
    pub audience: Option<String>,
    /// What its tokens can hold at most, whatever they claim.
    pub scopes: ScopeSet,
    /// Why the URL was of no use when it was last asked.
    pub fetch_error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it or its keys were changed last.
    pub updated_at: Timestamp,
}

/// A public key that tokens are signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenKey {
    /// Its name.
    pub kid: String,
    /// What it is, in the fields of a JSON Web Key.
    #[serde(flatten)]
    pub material: TokenKeyMaterial,
}

/// A public key in the fields of a JSON Web Key (RFC 7518 §6): numbers in base64url.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum TokenKeyMaterial {
    /// For RS256.
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
    /// On the curve P-256, for ES256.
    #[serde(rename = "EC")]
    P256 {
        /// The point's first coordinate.
        x: String,
        /// Its second.
        y: String,
    },
}

/// What a token says whose signature was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// The workspace by id or slug, if it is confined to one.
    pub workspace: Option<String>,
    /// What it may do. Names that are no scope of ours were left out.
    pub scopes: ScopeSet,
    /// Who it is for, in the issuer's words.
    pub user: Option<String>,
    /// The saved config that its calls get.
    pub config: Option<String>,
    /// Metadata that its calls get.
    pub metadata: BTreeMap<String, String>,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

impl TokenIssuer {
    /// The API key that a token stands for; `None` when its workspace is not the organisation's.
    /// `id` is what logs and the audit trail know it by: it is not stored.
    pub fn api_key(
        &self,
        claims: TokenClaims,
        id: ApiKeyId,
        snapshot: &Snapshot,
    ) -> Option<ApiKey> {
        let organisation = snapshot.organisation(self.organisation_id)?;
        let (kind, workspace) = match &claims.workspace {
            Some(named) => {
                let found = snapshot.workspace_named(self.organisation_id, named)?;
                (ApiKeyKind::WorkspaceService, found)
            }
            None => {
                let default = snapshot.workspace(organisation.default_workspace)?;
                (ApiKeyKind::OrganisationService, default)
            }
        };
        Some(self.key_in(claims, id, kind, workspace))
    }

    fn key_in(
        &self,
        claims: TokenClaims,
        id: ApiKeyId,
        kind: ApiKeyKind,
        workspace: &Workspace,
    ) -> ApiKey {
        let mut metadata = claims.metadata;
        if let Some(user) = &claims.user {
            metadata.insert("_user".to_owned(), user.clone());
        }
        ApiKey {
            id,
            organisation_id: self.organisation_id,
            workspace_id: workspace.id,
            environment_id: workspace.default_environment,
            user_id: None,
            kind,
            name: claims.user.unwrap_or_else(|| "token".to_owned()),
            description: None,
            digest: ApiKeyDigest([0; 32]),
            hint: "token".to_owned(),
            previous: None,
            scopes: claims.scopes.intersection(&self.scopes),
            defaults: ApiKeyDefaults {
                metadata,
                config: claims.config,
                ..ApiKeyDefaults::default()
            },
            allowed_addresses: Vec::new(),
            made_by: ApiKeyMadeBy::Instance,
            is_token: true,
            expires_at: Some(claims.expires_at),
            created_at: self.updated_at,
            updated_at: self.updated_at,
        }
    }
}
