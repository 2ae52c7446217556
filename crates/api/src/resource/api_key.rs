//! `/api-keys`.

use axum::{
    Router,
    extract::Path,
    routing::{get, post, put},
};
use portcullis_control::{ApiKeyChange, Control, NewApiKey};
use portcullis_domain::{
    ApiKey, ApiKeyDefaults, ApiKeyId, ApiKeyKind, ScopeSet, Timestamp, UserId,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    body::{Body, Unenforced, instant},
    caller::Caller,
    error::{ApiError, ApiResult, ok},
    page::Query,
};

pub(crate) fn routes() -> Router<Control> {
    Router::new()
        .route("/api-keys", get(list))
        .route("/api-keys/{id}", put(update).get(retrieve).delete(delete))
        .route("/api-keys/{id}/rotate", post(rotate))
        .route("/api-keys/{type}/{sub_type}", post(create))
}

/// `type` and `sub-type` come in the body too and are ignored there (admin reference §0.4).
#[derive(Deserialize)]
struct Create {
    name: String,
    description: Option<String>,
    workspace_id: Option<String>,
    environment: Option<String>,
    user_id: Option<UserId>,
    scopes: Vec<String>,
    defaults: Option<Defaults>,
    #[serde(default, deserialize_with = "instant")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(default)]
    rotation_policy: Value,
    #[serde(flatten)]
    unenforced: Unenforced,
}

#[derive(Deserialize)]
struct Update {
    name: Option<String>,
    description: Option<String>,
    scopes: Option<Vec<String>>,
    defaults: Option<Defaults>,
    #[serde(default, deserialize_with = "instant")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(default)]
    rotation_policy: Value,
    #[serde(flatten)]
    unenforced: Unenforced,
}

#[derive(Deserialize)]
struct Defaults {
    #[serde(default)]
    metadata: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    config_id: Value,
}

#[derive(Deserialize)]
struct Rotate {
    key_transition_period_ms: Option<i64>,
}

impl Defaults {
    fn parse(self) -> Result<ApiKeyDefaults, ApiError> {
        if !self.config_id.is_null() {
            let message = "defaults.config_id: this version has no saved configs";
            return Err(ApiError::Malformed(message.to_owned()));
        }
        let mut defaults = ApiKeyDefaults::default();
        for (name, value) in self.metadata.unwrap_or_default() {
            let Value::String(text) = value else {
                return Err(ApiError::Malformed(format!(
                    "defaults.metadata: the value of '{name}' must be a string"
                )));
            };
            if text.chars().count() > 128 || name.chars().count() > 128 {
                let message = "defaults.metadata: names and values have at most 128 characters";
                return Err(ApiError::Malformed(message.to_owned()));
            }
            defaults.metadata.insert(name, text);
        }
        Ok(defaults)
    }
}

async fn create(
    caller: Caller,
    Path((kind, sub_kind)): Path<(String, String)>,
    Body(body): Body<Create>,
) -> ApiResult {
    let kind = ApiKeyKind::parse(&format!("{kind}-{sub_kind}")).ok_or_else(|| {
        ApiError::RouteUnknown(
            "API keys are created under organisation/service, workspace/service and \
             workspace/user"
                .to_owned(),
        )
    })?;
    body.unenforced.refuse()?;
    refuse_rotation_policy(&body.rotation_policy)?;
    let new = NewApiKey {
        kind,
        name: body.name,
        description: body.description,
        workspace: body.workspace_id,
        environment: body.environment,
        user_id: body.user_id,
        scopes: scopes(&body.scopes)?,
        defaults: body.defaults.map(Defaults::parse).transpose()?.unwrap_or_default(),
        expires_at: body.expires_at.flatten(),
    };
    let (key, token) = caller.control.api_keys(&caller.actor).create(new).await?;
    Ok(ok(json!({"id": key.id, "key": token.danger_expose(), "object": "api-key"})))
}

async fn list(caller: Caller, query: Query) -> ApiResult {
    let keys = caller
        .control
        .api_keys(&caller.actor)
        .list(query.text("workspace_id"), query.page()?)
        .await?;
    let now = caller.control.now();
    let data: Vec<Value> = keys.items.iter().map(|key| shown(key, now)).collect();
    Ok(ok(json!({"object": "list", "total": keys.total, "data": data})))
}

async fn retrieve(caller: Caller, Path(id): Path<String>) -> ApiResult {
    let key = caller.control.api_keys(&caller.actor).retrieve(parse_id(&id)?).await?;
    Ok(ok(shown(&key, caller.control.now())))
}

async fn update(caller: Caller, Path(id): Path<String>, Body(body): Body<Update>) -> ApiResult {
    body.unenforced.refuse()?;
    refuse_rotation_policy(&body.rotation_policy)?;
    let change = ApiKeyChange {
        name: body.name,
        description: body.description,
        scopes: body.scopes.as_deref().map(scopes).transpose()?,
        defaults: body.defaults.map(Defaults::parse).transpose()?,
        expires_at: body.expires_at,
    };
    caller.control.api_keys(&caller.actor).update(parse_id(&id)?, change).await?;
    Ok(ok(json!({})))
}

async fn delete(caller: Caller, Path(id): Path<String>) -> ApiResult {
    caller.control.api_keys(&caller.actor).delete(parse_id(&id)?).await?;
    Ok(ok(json!({})))
}

async fn rotate(caller: Caller, Path(id): Path<String>, Body(body): Body<Rotate>) -> ApiResult {
    let id = parse_id(&id)?;
    let keys = caller.control.api_keys(&caller.actor);
    let rotated = keys.rotate(id, body.key_transition_period_ms).await?;
    Ok(ok(json!({
        "id": id,
        "key": rotated.token.danger_expose(),
        "key_transition_expires_at": rotated.overlap_until.to_string(),
        "object": "api-key",
    })))
}

/// An id that is none names nothing.
fn parse_id(text: &str) -> Result<ApiKeyId, ApiError> {
    ApiKeyId::parse(text).map_err(|_| portcullis_control::ControlError::NotFound("API key").into())
}

fn scopes(names: &[String]) -> Result<ScopeSet, ApiError> {
    ScopeSet::parse(names.iter().map(String::as_str))
        .map_err(|error| ApiError::Malformed(format!("scopes: {error}")))
}

fn refuse_rotation_policy(value: &Value) -> Result<(), ApiError> {
    if value.is_null() {
        Ok(())
    } else {
        let message = "rotation_policy: this version rotates keys on demand only; leave it out";
        Err(ApiError::Malformed(message.to_owned()))
    }
}

fn shown(key: &ApiKey, now: Timestamp) -> Value {
    json!({
        "id": key.id,
        "key": key.hint,
        "name": key.name,
        "description": key.description,
        "type": key.kind.name(),
        "organisation_id": key.organisation_id,
        "workspace_id": key.kind.is_workspace_bound().then_some(key.workspace_id),
        "environment_id": key.environment_id,
        "user_id": key.user_id,
        "status": if key.is_expired(now) { "expired" } else { "active" },
        "created_at": key.created_at.to_string(),
        "last_updated_at": key.updated_at.to_string(),
        "creation_mode": "api",
        "rate_limits": [],
        "usage_limits": null,
        "reset_usage": null,
        "scopes": key.scopes,
        "defaults": {"metadata": key.defaults.metadata, "config_id": null},
        "alert_emails": [],
        "expires_at": key.expires_at.map(|at| at.to_string()),
        "key_transition_expires_at":
            key.previous.as_ref().filter(|p| now < p.until).map(|p| p.until.to_string()),
        "object": "api-key",
    })
}
