//! `/auth/api-keys`: people's own API keys in the organisation they are in.

use http::Method;
use portcullis_control::{NewPersonalKey, Person};
use portcullis_domain::{AuditAction, AuditResource, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    answer::{Done, Json, List, done, list},
    ask::Ask,
    body::{NoBody, instant, instant_schema},
    error::ApiError,
    query::{CURRENT_PAGE, CURRENT_PAGE_CAMEL, PAGE_SIZE, PAGE_SIZE_CAMEL, Param},
    resource::api_key::{ApiKeyMade, ApiKeyRotated, ApiKeyShown, ScopeFields, parse_id, shown},
    route::{Route, own},
    schema,
};

const LIST: &[Param] = &[PAGE_SIZE, PAGE_SIZE_CAMEL, CURRENT_PAGE, CURRENT_PAGE_CAMEL];

pub(crate) fn routes() -> Vec<Route> {
    let audited = |action| (action, AuditResource::ApiKey);
    let all = "/auth/api-keys";
    vec![
        own(Method::GET, all, audited(AuditAction::List), "List one's own API keys", list_all)
            .query(LIST),
        own(Method::POST, all, audited(AuditAction::Create), "Create an API key", create),
        own(
            Method::POST,
            "/auth/api-keys/{id}/rotate",
            audited(AuditAction::Rotate),
            "Give one's API key a new secret",
            rotate,
        ),
        own(
            Method::DELETE,
            "/auth/api-keys/{id}",
            audited(AuditAction::Delete),
            "Delete one's API key",
            delete,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct NewPersonalKeyBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: String,
    #[schemars(length(max = 2000))]
    description: Option<String>,
    /// The workspace, by id or slug; not needed by whoever belongs to one only.
    workspace_id: Option<String>,
    /// The environment of the workspace, by slug.
    environment: Option<String>,
    #[serde(flatten)]
    scopes: ScopeFields,
    #[serde(default, deserialize_with = "instant")]
    #[schemars(schema_with = "instant_schema")]
    expires_at: Option<Option<Timestamp>>,
}

#[derive(Deserialize, JsonSchema)]
struct RotateOwnBody {
    /// How long the old secret stays valid: 0, or 30 minutes to 90 days.
    #[schemars(schema_with = "schema::overlap")]
    key_transition_period_ms: Option<i64>,
}

async fn list_all(ask: Ask<Person, NoBody>) -> Result<Json<List<ApiKeyShown>>, ApiError> {
    let keys = ask.control.personal_keys(&ask.who)?.list(ask.query.page()?).await?;
    let now = ask.control.now();
    Ok(list(keys, |key| shown(key, now)))
}

async fn create(ask: Ask<Person, NewPersonalKeyBody>) -> Result<Json<ApiKeyMade>, ApiError> {
    let body = ask.body;
    let new = NewPersonalKey {
        name: body.name,
        description: body.description,
        workspace: body.workspace_id,
        environment: body.environment,
        grant: body.scopes.parse()?.unwrap_or_default(),
        expires_at: body.expires_at.flatten(),
    };
    let (key, token) = ask.control.personal_keys(&ask.who)?.create(new).await?;
    let (id, key) = (key.id.to_string(), token.danger_expose().to_owned());
    Ok(Json(ApiKeyMade { id, key, object: "api-key" }))
}

async fn rotate(ask: Ask<Person, RotateOwnBody>) -> Result<Json<ApiKeyRotated>, ApiError> {
    let id = parse_id(ask.path("id"))?;
    let keys = ask.control.personal_keys(&ask.who)?;
    let rotated = keys.rotate(id, ask.body.key_transition_period_ms).await?;
    Ok(Json(ApiKeyRotated {
        id: id.to_string(),
        key: rotated.token.danger_expose().to_owned(),
        key_transition_expires_at: rotated.overlap_until.to_string(),
        object: "api-key",
    }))
}

async fn delete(ask: Ask<Person, NoBody>) -> Result<Json<Done>, ApiError> {
    let id = parse_id(ask.path("id"))?;
    ask.control.personal_keys(&ask.who)?.delete(id).await?;
    Ok(done())
}
