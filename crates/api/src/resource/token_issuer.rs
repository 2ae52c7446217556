//! `/v1/admin/organisation/token-issuer`: whose signed tokens are taken for API keys.

use http::Method;
use portcullis_control::{Caller, NewTokenIssuer, TokenKeys};
use portcullis_domain::{
    AuditAction, AuditResource, Scope, ScopeSet, TokenIssuer, TokenKey, TokenKeyMaterial,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    answer::{Done, Json, done},
    ask::Ask,
    body::NoBody,
    error::ApiError,
    route::{Route, admin},
    schema,
};

pub(crate) fn routes() -> Vec<Route> {
    let audited = |action| (action, AuditResource::TokenIssuer);
    let path = "/v1/admin/organisation/token-issuer";
    vec![
        admin(
            Method::GET,
            path,
            &[Scope::OrganisationSettingsRead],
            audited(AuditAction::Read),
            "Retrieve the issuer of tokens",
            retrieve,
        ),
        admin(
            Method::PUT,
            path,
            &[Scope::OrganisationSettingsUpdate],
            audited(AuditAction::Update),
            "Set whose signed tokens are taken for API keys",
            put,
        ),
        admin(
            Method::DELETE,
            path,
            &[Scope::OrganisationSettingsUpdate],
            audited(AuditAction::Delete),
            "Take no signed tokens any more",
            delete,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct IssuerBody {
    /// Where its keys are published; asked again every few minutes. Either this or `jwks`.
    jwks_url: Option<String>,
    /// Its keys, as a JSON Web Key Set (RFC 7517).
    jwks: Option<Map<String, Value>>,
    /// What `iss` must be.
    issuer: Option<String>,
    /// What must be among `aud`.
    audience: Option<String>,
    /// What its tokens can hold at most; none can be granted that the caller does not hold.
    #[schemars(schema_with = "schema::scopes")]
    scopes: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct IssuerShown {
    organisation_id: String,
    jwks_url: Option<String>,
    keys: Vec<KeyShown>,
    issuer: Option<String>,
    audience: Option<String>,
    scopes: Vec<&'static str>,
    /// Why the URL was of no use when it was last asked; the keys that were known are still taken.
    fetch_error: Option<String>,
    created_at: String,
    last_updated_at: String,
    object: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct KeyShown {
    kid: String,
    alg: &'static str,
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<IssuerShown>, ApiError> {
    Ok(Json(shown(ask.control.token_issuers(&ask.who).retrieve().await?)))
}

async fn put(ask: Ask<Caller, IssuerBody>) -> Result<Json<IssuerShown>, ApiError> {
    let IssuerBody { jwks_url, jwks, issuer, audience, scopes } = ask.body;
    let keys = match (jwks_url, jwks) {
        (Some(url), None) => TokenKeys::Url(url),
        (None, Some(jwks)) => TokenKeys::Given(Value::Object(jwks).to_string()),
        _ => {
            let message = "give jwks_url or jwks, and not both";
            return Err(ApiError::Malformed(message.to_owned()));
        }
    };
    let scopes = ScopeSet::parse(scopes.iter().map(String::as_str))
        .map_err(|error| ApiError::Malformed(format!("scopes: {error}")))?;
    let new = NewTokenIssuer { keys, issuer, audience, scopes };
    Ok(Json(shown(ask.control.token_issuers(&ask.who).put(new).await?)))
}

async fn delete(ask: Ask<Caller, NoBody>) -> Result<Json<Done>, ApiError> {
    ask.control.token_issuers(&ask.who).delete().await?;
    Ok(done())
}

fn shown(issuer: TokenIssuer) -> IssuerShown {
    let key = |key: TokenKey| KeyShown {
        kid: key.kid,
        alg: match key.material {
            TokenKeyMaterial::Rsa { .. } => "RS256",
            TokenKeyMaterial::P256 { .. } => "ES256",
        },
    };
    IssuerShown {
        organisation_id: issuer.organisation_id.to_string(),
        jwks_url: issuer.jwks_url,
        keys: issuer.keys.into_iter().map(key).collect(),
        issuer: issuer.issuer,
        audience: issuer.audience,
        scopes: issuer.scopes.iter().map(Scope::name).collect(),
        fetch_error: issuer.fetch_error,
        created_at: issuer.created_at.to_string(),
        last_updated_at: issuer.updated_at.to_string(),
        object: "token-issuer",
    }
}
