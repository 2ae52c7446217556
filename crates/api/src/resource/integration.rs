//! `/integrations`, with their models and workspaces.

use axum::{
    Router,
    extract::Path,
    routing::{get, put},
};
use portcullis_control::{
    Control, CredentialChange, IntegrationChange, IntegrationScope, NewIntegration,
    ProviderSettings,
};
use portcullis_domain::{Integration, IntegrationModel, Secret};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    body::{Body, Unenforced},
    caller::Caller,
    error::{ApiError, ApiResult, ok},
    page::Query,
};

pub(crate) fn routes() -> Router<Control> {
    Router::new()
        .route("/integrations", get(list).post(create))
        .route("/integrations/{slug}", put(update).get(retrieve).delete(delete))
        .route("/integrations/{slug}/models", put(put_models).get(models).delete(delete_models))
        .route("/integrations/{slug}/workspaces", put(put_workspaces).get(workspaces))
}

#[derive(Deserialize)]
struct Create {
    name: String,
    slug: Option<String>,
    ai_provider_id: String,
    key: Option<String>,
    description: Option<String>,
    workspace_id: Option<String>,
    configurations: Option<ProviderSettings>,
    create_default_provider: Option<bool>,
    default_provider_slug: Option<String>,
    #[serde(default)]
    pricing_adjustments: Value,
    #[serde(flatten)]
    unenforced: Unenforced,
}

#[derive(Deserialize)]
struct Update {
    name: Option<String>,
    key: Option<String>,
    description: Option<String>,
    configurations: Option<ProviderSettings>,
    #[serde(default)]
    pricing_adjustments: Value,
    #[serde(flatten)]
    unenforced: Unenforced,
}

#[derive(Deserialize)]
struct PutModels {
    models: Vec<Model>,
    allow_all_models: Option<bool>,
}

#[derive(Deserialize)]
struct Model {
    slug: String,
    enabled: bool,
    #[serde(default)]
    pricing_config: Value,
}

#[derive(Deserialize)]
struct PutWorkspaces {
    #[serde(default)]
    workspaces: Vec<WorkspaceAccess>,
    #[serde(default)]
    global_workspace_access: Value,
}

#[derive(Deserialize)]
struct WorkspaceAccess {
    id: String,
    enabled: bool,
    default_provider_slug: Option<String>,
    #[serde(flatten)]
    unenforced: Unenforced,
}

async fn create(caller: Caller, Body(body): Body<Create>) -> ApiResult {
    body.unenforced.refuse()?;
    refuse_prices(&body.pricing_adjustments, "pricing_adjustments")?;
    let new = NewIntegration {
        name: body.name,
        slug: body.slug,
        provider: body.ai_provider_id,
        key: secret(body.key),
        settings: body.configurations.unwrap_or_default(),
        description: body.description,
        workspace: body.workspace_id,
        default_provider: body
            .create_default_provider
            .unwrap_or(true)
            .then_some(body.default_provider_slug),
    };
    let integration = caller.control.integrations(&caller.actor).create(new).await?;
    Ok(ok(json!({"id": integration.id, "slug": integration.slug.as_str()})))
}

async fn list(caller: Caller, query: Query) -> ApiResult {
    let scope = match query.text("type") {
        None | Some("all") => IntegrationScope::All,
        Some("organisation") => IntegrationScope::Organisation,
        Some("workspace") => IntegrationScope::Workspace,
        Some(_) => {
            let message = "type: must be workspace, organisation or all";
            return Err(ApiError::Malformed(message.to_owned()));
        }
    };
    let integrations = caller
        .control
        .integrations(&caller.actor)
        .list(scope, query.text("workspace_id"), query.page()?)
        .await?;
    let data: Vec<Value> = integrations.items.iter().map(shown).collect();
    Ok(ok(json!({"object": "list", "total": integrations.total, "data": data})))
}

async fn retrieve(caller: Caller, Path(slug): Path<String>) -> ApiResult {
    let detail = caller.control.integrations(&caller.actor).retrieve(&slug).await?;
    let mut body = shown(&detail.integration);
    body["masked_key"] = json!(detail.integration.key_hint);
    body["configurations"] = detail.settings;
    body["global_workspace_access_settings"] =
        json!({"enabled": false, "usage_limits": [], "rate_limits": []});
    body["allow_all_models"] = json!(detail.integration.models.allow_all);
    body["workspace_count"] = json!(detail.workspace_count);
    body["secret_mappings"] = json!([]);
    Ok(ok(body))
}

async fn update(caller: Caller, Path(slug): Path<String>, Body(body): Body<Update>) -> ApiResult {
    body.unenforced.refuse()?;
    refuse_prices(&body.pricing_adjustments, "pricing_adjustments")?;
    let change = IntegrationChange {
        name: body.name,
        description: body.description,
        credential: CredentialChange { key: secret(body.key), settings: body.configurations },
    };
    caller.control.integrations(&caller.actor).update(&slug, change).await?;
    Ok(ok(json!({})))
}

async fn delete(caller: Caller, Path(slug): Path<String>) -> ApiResult {
    caller.control.integrations(&caller.actor).delete(&slug).await?;
    Ok(ok(json!({})))
}

async fn models(caller: Caller, Path(slug): Path<String>) -> ApiResult {
    let detail = caller.control.integrations(&caller.actor).retrieve(&slug).await?;
    let models = &detail.integration.models;
    let shown: Vec<Value> = models
        .listed
        .iter()
        .map(|model| json!({"slug": model.slug, "name": model.slug, "enabled": model.enabled}))
        .collect();
    let body = json!({
        "total": shown.len(),
        "models": shown,
        "allow_all_models": models.allow_all,
    });
    Ok(ok(body))
}

async fn put_models(
    caller: Caller,
    Path(slug): Path<String>,
    Body(body): Body<PutModels>,
) -> ApiResult {
    let mut models = Vec::with_capacity(body.models.len());
    for model in body.models {
        refuse_prices(&model.pricing_config, "models.pricing_config")?;
        models.push(IntegrationModel { slug: model.slug, enabled: model.enabled });
    }
    let integrations = caller.control.integrations(&caller.actor);
    integrations.put_models(&slug, models, body.allow_all_models).await?;
    Ok(ok(json!({})))
}

async fn delete_models(caller: Caller, Path(slug): Path<String>, query: Query) -> ApiResult {
    let slugs = query.text("slugs").ok_or_else(|| {
        ApiError::Malformed("slugs: name the models to take off the list, comma-separated".into())
    })?;
    let slugs: Vec<&str> = slugs.split(',').map(str::trim).collect();
    caller.control.integrations(&caller.actor).delete_models(&slug, &slugs).await?;
    Ok(ok(json!({})))
}

async fn workspaces(caller: Caller, Path(slug): Path<String>) -> ApiResult {
    let access = caller.control.integrations(&caller.actor).workspaces(&slug).await?;
    let shown: Vec<Value> = access
        .iter()
        .map(|one| {
            json!({"id": one.workspace, "enabled": one.enabled, "usage_limits": [], "rate_limits": []})
        })
        .collect();
    Ok(ok(json!({"total": shown.len(), "workspaces": shown})))
}

async fn put_workspaces(
    caller: Caller,
    Path(slug): Path<String>,
    Body(body): Body<PutWorkspaces>,
) -> ApiResult {
    if body.global_workspace_access.get("enabled") == Some(&Value::Bool(true)) {
        let message = "global_workspace_access: this version grants access workspace by workspace";
        return Err(ApiError::Malformed(message.to_owned()));
    }
    let mut changes = Vec::with_capacity(body.workspaces.len());
    for workspace in body.workspaces {
        workspace.unenforced.refuse()?;
        changes.push((workspace.id, workspace.enabled, workspace.default_provider_slug));
    }
    caller.control.integrations(&caller.actor).put_workspaces(&slug, changes).await?;
    Ok(ok(json!({})))
}

fn secret(key: Option<String>) -> Option<Secret<String>> {
    key.filter(|key| !key.is_empty()).map(Secret::new)
}

/// Prices of one's own come with budgets; accepted but not applied, they would make costs wrong.
fn refuse_prices(value: &Value, field: &str) -> Result<(), ApiError> {
    let is_empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    if is_empty {
        Ok(())
    } else {
        let message = format!("{field}: this version does not apply prices of one's own");
        Err(ApiError::Malformed(message))
    }
}

fn shown(integration: &Integration) -> Value {
    json!({
        "id": integration.id,
        "organisation_id": integration.organisation_id,
        "workspace_id": integration.workspace_id,
        "type": if integration.workspace_id.is_some() { "workspace" } else { "organisation" },
        "ai_provider_id": integration.provider,
        "name": integration.name,
        "status": "active",
        "created_at": integration.created_at.to_string(),
        "last_updated_at": integration.updated_at.to_string(),
        "slug": integration.slug.as_str(),
        "description": integration.description,
        "object": "integration",
    })
}
