//! `/providers`.

use axum::{
    Router,
    extract::Path,
    routing::{get, put},
};
use portcullis_control::{Control, NewProvider, ProviderChange, VirtualKeyDetail};
use portcullis_domain::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    body::{Body, Unenforced, instant},
    caller::Caller,
    error::{ApiResult, ok},
    page::Query,
};

pub(crate) fn routes() -> Router<Control> {
    Router::new()
        .route("/providers", get(list).post(create))
        .route("/providers/{slug}", put(update).get(retrieve).delete(delete))
}

#[derive(Deserialize)]
struct Create {
    name: String,
    integration_id: String,
    workspace_id: Option<String>,
    slug: Option<String>,
    note: Option<String>,
    #[serde(default, deserialize_with = "instant")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(flatten)]
    unenforced: Unenforced,
}

#[derive(Deserialize)]
struct Update {
    name: Option<String>,
    note: Option<String>,
    #[serde(default, deserialize_with = "instant")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(flatten)]
    unenforced: Unenforced,
}

async fn create(caller: Caller, Body(body): Body<Create>) -> ApiResult {
    body.unenforced.refuse()?;
    let new = NewProvider {
        name: body.name,
        integration: body.integration_id,
        workspace: body.workspace_id,
        slug: body.slug,
        note: body.note,
        expires_at: body.expires_at.flatten(),
    };
    let provider = caller.control.providers(&caller.actor).create(new).await?;
    Ok(ok(json!({"id": provider.id, "slug": provider.slug.as_str(), "object": "provider"})))
}

async fn list(caller: Caller, query: Query) -> ApiResult {
    let providers = caller
        .control
        .providers(&caller.actor)
        .list(query.text("workspace_id"), query.page()?)
        .await?;
    let now = caller.control.now();
    let data: Vec<Value> = providers.items.iter().map(|one| shown(one, now)).collect();
    Ok(ok(json!({"object": "list", "total": providers.total, "data": data})))
}

async fn retrieve(caller: Caller, Path(slug): Path<String>, query: Query) -> ApiResult {
    let workspace = query.text("workspace_id");
    let detail = caller.control.providers(&caller.actor).retrieve(&slug, workspace).await?;
    Ok(ok(shown(&detail, caller.control.now())))
}

async fn update(
    caller: Caller,
    Path(slug): Path<String>,
    query: Query,
    Body(body): Body<Update>,
) -> ApiResult {
    body.unenforced.refuse()?;
    let change = ProviderChange { name: body.name, note: body.note, expires_at: body.expires_at };
    let workspace = query.text("workspace_id");
    let provider = caller.control.providers(&caller.actor).update(&slug, workspace, change).await?;
    Ok(ok(json!({"id": provider.id, "slug": provider.slug.as_str()})))
}

async fn delete(caller: Caller, Path(slug): Path<String>, query: Query) -> ApiResult {
    let workspace = query.text("workspace_id");
    caller.control.providers(&caller.actor).delete(&slug, workspace).await?;
    Ok(ok(json!({})))
}

fn shown(detail: &VirtualKeyDetail, now: Timestamp) -> Value {
    let provider = &detail.virtual_key;
    json!({
        "id": provider.id,
        "name": provider.name,
        "integration_id": detail.integration.id,
        "integration_slug": detail.integration.slug.as_str(),
        "ai_provider_id": detail.integration.provider,
        "note": provider.note,
        "status": if provider.is_expired(now) { "expired" } else { "active" },
        "usage_limits": null,
        "reset_usage": null,
        "created_at": provider.created_at.to_string(),
        "last_updated_at": provider.updated_at.to_string(),
        "slug": provider.slug.as_str(),
        // The Python client wants an object in a list of providers and a list in one: null is both.
        "rate_limits": null,
        "expires_at": provider.expires_at.map(|at| at.to_string()),
        "workspace_id": provider.workspace_id,
        "object": "provider",
    })
}
