//! `/virtual-keys`.

use axum::{
    Router,
    extract::Path,
    routing::{get, put},
};
use portcullis_control::{
    AzureDeployment, Control, CredentialChange, NewIntegration, NewVirtualKey, ProviderSettings,
    VirtualKeyChange, VirtualKeyDetail,
};
use portcullis_domain::{Secret, Timestamp};
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
        .route("/virtual-keys", get(list).post(create))
        .route("/virtual-keys/{slug}", put(update).get(retrieve).delete(delete))
}

#[derive(Deserialize)]
struct Create {
    name: String,
    provider: String,
    slug: Option<String>,
    note: Option<String>,
    workspace_id: Option<String>,
    #[serde(default, deserialize_with = "instant")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(flatten)]
    credential: CredentialFields,
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
    credential: CredentialFields,
    #[serde(flatten)]
    unenforced: Unenforced,
}

/// The credential's fields as this resource spells them.
#[derive(Deserialize)]
struct CredentialFields {
    key: Option<String>,
    #[serde(rename = "apiVersion")]
    api_version: Option<String>,
    #[serde(rename = "resourceName")]
    resource_name: Option<String>,
    #[serde(rename = "deploymentName")]
    deployment_name: Option<String>,
    #[serde(rename = "deploymentConfig")]
    deployment_config: Option<Vec<Deployment>>,
    #[serde(alias = "customHost")]
    custom_host: Option<String>,
    configurations: Option<ProviderSettings>,
}

#[derive(Deserialize)]
struct Deployment {
    #[serde(rename = "apiVersion")]
    api_version: String,
    alias: Option<String>,
    #[serde(default)]
    is_default: bool,
    #[serde(rename = "deploymentName")]
    deployment_name: String,
}

impl CredentialFields {
    fn key(&self) -> Option<Secret<String>> {
        self.key.clone().filter(|key| !key.is_empty()).map(Secret::new)
    }

    /// `None` when no setting is named.
    fn settings(self) -> Option<ProviderSettings> {
        let named = self.configurations.is_some()
            || self.api_version.is_some()
            || self.resource_name.is_some()
            || self.deployment_name.is_some()
            || self.deployment_config.is_some()
            || self.custom_host.is_some();
        if !named {
            return None;
        }
        let mut settings = self.configurations.unwrap_or_default();
        settings.azure_api_version = self.api_version.or(settings.azure_api_version);
        settings.azure_resource_name = self.resource_name.or(settings.azure_resource_name);
        settings.azure_deployment_id = self.deployment_name.or(settings.azure_deployment_id);
        settings.custom_host = self.custom_host.or(settings.custom_host);
        if let Some(deployments) = self.deployment_config {
            let deployments = deployments.into_iter().map(|deployment| AzureDeployment {
                azure_model_slug: deployment.alias.clone(),
                alias: deployment.alias,
                azure_api_version: deployment.api_version,
                azure_deployment_name: deployment.deployment_name,
                is_default: deployment.is_default,
            });
            settings.azure_deployment_config = Some(deployments.collect());
        }
        Some(settings)
    }
}

async fn create(caller: Caller, Body(body): Body<Create>) -> ApiResult {
    body.unenforced.refuse()?;
    let new = NewVirtualKey {
        integration: NewIntegration {
            name: body.name,
            slug: body.slug,
            provider: body.provider,
            key: body.credential.key(),
            settings: body.credential.settings().unwrap_or_default(),
            description: None,
            workspace: body.workspace_id,
            default_provider: None,
        },
        note: body.note,
        expires_at: body.expires_at.flatten(),
    };
    let key = caller.control.virtual_keys(&caller.actor).create(new).await?;
    let (id, slug) = (key.id, key.slug.as_str());
    Ok(ok(json!({
        "success": true,
        "data": {"id": id, "slug": slug},
        "id": id,
        "slug": slug,
        "object": "virtual-key",
    })))
}

async fn list(caller: Caller, query: Query) -> ApiResult {
    let keys = caller
        .control
        .virtual_keys(&caller.actor)
        .list(query.text("workspace_id"), query.page()?)
        .await?;
    let now = caller.control.now();
    let data: Vec<Value> = keys.items.iter().map(|key| shown(key, now)).collect();
    Ok(ok(json!({"object": "list", "total": keys.total, "data": data})))
}

async fn retrieve(caller: Caller, Path(slug): Path<String>, query: Query) -> ApiResult {
    let workspace = query.text("workspace_id");
    let detail = caller.control.virtual_keys(&caller.actor).retrieve(&slug, workspace).await?;
    Ok(ok(shown(&detail, caller.control.now())))
}

async fn update(
    caller: Caller,
    Path(slug): Path<String>,
    query: Query,
    Body(body): Body<Update>,
) -> ApiResult {
    body.unenforced.refuse()?;
    let change = VirtualKeyChange {
        name: body.name,
        note: body.note,
        expires_at: body.expires_at,
        credential: CredentialChange {
            key: body.credential.key(),
            settings: body.credential.settings(),
        },
    };
    let workspace = query.text("workspace_id");
    caller.control.virtual_keys(&caller.actor).update(&slug, workspace, change).await?;
    Ok(ok(json!({})))
}

async fn delete(caller: Caller, Path(slug): Path<String>, query: Query) -> ApiResult {
    let workspace = query.text("workspace_id");
    caller.control.virtual_keys(&caller.actor).delete(&slug, workspace).await?;
    Ok(ok(json!({})))
}

fn shown(detail: &VirtualKeyDetail, now: Timestamp) -> Value {
    let key = &detail.virtual_key;
    json!({
        "id": key.id,
        "name": key.name,
        "note": key.note,
        "status": if key.is_expired(now) { "expired" } else { "active" },
        "usage_limits": null,
        "reset_usage": null,
        "created_at": key.created_at.to_string(),
        "last_updated_at": key.updated_at.to_string(),
        "slug": key.slug.as_str(),
        "provider": detail.integration.provider,
        "ai_provider_name": detail.integration.provider,
        "integration_id": detail.integration.id,
        "key": detail.integration.key_hint,
        "model_config": {},
        "rate_limits": [],
        "expires_at": key.expires_at.map(|at| at.to_string()),
        "secret_mappings": [],
        "workspace_id": key.workspace_id,
        "object": "virtual-key",
    })
}
