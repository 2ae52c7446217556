//! `/admin/organisation/kms`: the organisation's own KMS key.

use axum::{
    Router,
    routing::{get, post},
};
use portcullis_control::{Control, KmsDetail};
use serde_json::{Map, Value, json};

use crate::{
    body::Body,
    caller::Caller,
    error::{ApiError, ApiResult, ok},
    page::Query,
};

pub(crate) fn routes() -> Router<Control> {
    const KMS: &str = "/admin/organisation/kms";
    Router::new()
        .route(KMS, get(retrieve).put(connect).delete(disconnect))
        .route(&format!("{KMS}/guide"), get(guide))
        .route(&format!("{KMS}/verify"), post(verify))
        .route(&format!("{KMS}/rotate"), post(rotate))
}

async fn retrieve(caller: Caller) -> ApiResult {
    let kms = caller.control.kms(&caller.actor);
    let detail = kms.retrieve().await?;
    let mut answer = shown(&detail);
    // What a form needs to ask for another one.
    let providers = kms.providers().iter().map(|provider| {
        let parameters = provider.parameters.iter().map(|parameter| {
            json!({
                "name": parameter.name,
                "help": parameter.help,
                "example": parameter.example,
                "required": parameter.required,
                "secret": parameter.secret,
            })
        });
        json!({
            "name": provider.name,
            "title": provider.title,
            "help": provider.help,
            "parameters": parameters.collect::<Vec<_>>(),
        })
    });
    answer["providers"] = providers.collect();
    Ok(ok(answer))
}

async fn connect(caller: Caller, Body(body): Body<Map<String, Value>>) -> ApiResult {
    let (provider, given) = divided(body)?;
    let detail = caller.control.kms(&caller.actor).connect(&provider, &given).await?;
    Ok(ok(shown(&detail)))
}

async fn disconnect(caller: Caller) -> ApiResult {
    let detail = caller.control.kms(&caller.actor).disconnect().await?;
    Ok(ok(shown(&detail)))
}

async fn guide(caller: Caller, query: Query) -> ApiResult {
    let given = query.into_pairs().into_iter().map(|(name, value)| (name, Value::from(value)));
    let (provider, given) = divided(given.collect())?;
    let guide = caller.control.kms(&caller.actor).guide(&provider, &given).await?;
    let documents = guide.documents.iter().map(|document| {
        let parsed: Option<Value> = serde_json::from_str(&document.text).ok();
        json!({"title": document.title, "text": document.text, "json": parsed})
    });
    Ok(ok(json!({
        "object": "kms_guide",
        "provider": provider,
        "principal": guide.principal,
        "documents": documents.collect::<Vec<_>>(),
    })))
}

async fn verify(caller: Caller) -> ApiResult {
    let (described, at) = caller.control.kms(&caller.actor).verify().await?;
    Ok(ok(json!({
        "object": "kms_verification",
        "status": "ok",
        "key_id": described.key_id,
        "origin": described.origin,
        "verified_at": at.to_string(),
    })))
}

async fn rotate(caller: Caller) -> ApiResult {
    let (id, detail) = caller.control.kms(&caller.actor).rotate().await?;
    let mut answer = shown(&detail);
    answer["data_key_id"] = json!(id);
    Ok(ok(answer))
}

/// The provider's name, and what it is told.
fn divided(mut given: Map<String, Value>) -> Result<(String, Map<String, Value>), ApiError> {
    match given.remove("provider") {
        Some(Value::String(provider)) => Ok((provider, given)),
        Some(_) => Err(ApiError::Malformed("provider: must be a string".to_owned())),
        None => Err(ApiError::Malformed("the request has a missing field `provider`".to_owned())),
    }
}

fn shown(detail: &KmsDetail) -> Value {
    let keys = &detail.keys;
    let status = match (&detail.failure, keys.work.first(), keys.connection) {
        (Some(error), _, _) if !error.is_transient() => "unusable",
        (Some(_), _, _) => "unavailable",
        (None, Some(work), _) if work.kind.name() == "rewrap" => "rewrapping",
        (None, Some(_), _) => "resealing",
        (None, None, Some(_)) => "active",
        (None, None, None) => "default",
    };
    let progress: Vec<Value> = keys
        .work
        .iter()
        .map(|work| {
            json!({
                "kind": work.kind.name(),
                "total": work.total,
                "done": work.done,
                "failed": work.failed,
                "error": work.error,
                "started_at": work.started_at.to_string(),
                "updated_at": work.updated_at.to_string(),
            })
        })
        .collect();
    let data_keys: Vec<Value> = keys
        .data_keys
        .iter()
        .map(|key| {
            json!({
                "id": key.id,
                "status": key.state.name(),
                "kms": key.kms,
                "kms_key_id": key.kms_key_id,
                "uses": key.uses,
                "created_at": key.created_at.to_string(),
            })
        })
        .collect();
    let mut answer = json!({
        "object": "organisation_kms",
        "provider": keys.kms,
        "key_id": keys.kms_key_id,
        "status": status,
        "error": detail.failure.as_ref().map(|error| json!({
            "code": error.kms_failure().map(|failure| failure.code()),
            "message": error.to_string(),
        })),
        "verified_at": keys.verified_at.map(|at| at.to_string()),
        "progress": progress,
        "data_keys": data_keys,
    });
    // As it was given, but for what must never be shown again.
    for (name, value) in &detail.parameters {
        answer[name] = json!(value);
    }
    answer
}
