//! `/virtual-keys`.

use http::Method;
use portcullis_control::{
    AzureDeployment, Caller, CredentialChange, NewIntegration, NewVirtualKey, ProviderSettings,
    VirtualKeyChange, VirtualKeyDetail,
};
use portcullis_domain::{AuditAction, AuditResource, Scope, Timestamp, VirtualKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    answer::{Done, Json, List, done, list},
    ask::Ask,
    body::{self, NoBody, Unenforced, instant, instant_schema},
    error::ApiError,
    query::{CURRENT_PAGE, CURRENT_PAGE_CAMEL, PAGE_SIZE, PAGE_SIZE_CAMEL, Param, WORKSPACE_ID},
    route::{Route, admin},
    schema,
};

const LIST: &[Param] =
    &[WORKSPACE_ID, PAGE_SIZE, PAGE_SIZE_CAMEL, CURRENT_PAGE, CURRENT_PAGE_CAMEL];
const ONE: &[Param] = &[WORKSPACE_ID];

pub(crate) fn routes() -> Vec<Route> {
    use AuditAction::{Create, Delete, Duplicate, List, Read, Update};
    let audited = |action| (action, AuditResource::VirtualKey);
    let one = "/v1/virtual-keys/{slug}";
    vec![
        admin(
            Method::GET,
            "/v1/virtual-keys",
            &[Scope::VirtualKeysList],
            audited(List),
            "List virtual keys",
            list_all,
        )
        .query(LIST),
        admin(
            Method::POST,
            "/v1/virtual-keys",
            &[Scope::VirtualKeysCreate],
            audited(Create),
            "Create a virtual key",
            create,
        ),
        admin(
            Method::GET,
            one,
            &[Scope::VirtualKeysRead, Scope::VirtualKeysCopy],
            audited(Read),
            "Retrieve a virtual key",
            retrieve,
        )
        .query(ONE),
        admin(
            Method::PUT,
            one,
            &[Scope::VirtualKeysUpdate],
            audited(Update),
            "Update a virtual key",
            update,
        )
        .query(ONE),
        admin(
            Method::DELETE,
            one,
            &[Scope::VirtualKeysDelete],
            audited(Delete),
            "Delete a virtual key",
            delete,
        )
        .query(ONE),
        admin(
            Method::POST,
            "/v1/virtual-keys/{slug}/duplicate",
            &[Scope::VirtualKeysDuplicate],
            audited(Duplicate),
            "Make a second virtual key of the same credential",
            duplicate,
        )
        .query(ONE),
    ]
}

/// A virtual key to create.
#[derive(Deserialize, JsonSchema)]
struct NewVirtualKeyBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: String,
    /// The provider's name, `openai` for one.
    #[schemars(schema_with = "schema::provider")]
    provider: String,
    /// Made from the name when not given.
    #[schemars(regex(pattern = schema::SLUG))]
    slug: Option<String>,
    #[schemars(length(max = 2000))]
    note: Option<String>,
    /// The workspace, by id or slug.
    workspace_id: Option<String>,
    #[serde(default, deserialize_with = "instant")]
    #[schemars(schema_with = "instant_schema")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(flatten)]
    credential: CredentialFields,
    #[serde(flatten)]
    unenforced: Unenforced,
}

/// What to change of a virtual key; what is left out stays.
#[derive(Deserialize, JsonSchema)]
struct VirtualKeyChangeBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: Option<String>,
    #[schemars(length(max = 2000))]
    note: Option<String>,
    #[serde(default, deserialize_with = "instant")]
    #[schemars(schema_with = "instant_schema")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(flatten)]
    credential: CredentialFields,
    #[serde(flatten)]
    unenforced: Unenforced,
}

/// What is different in the copy.
#[derive(Deserialize, JsonSchema)]
struct DuplicateBody {
    /// The original's when not given.
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: Option<String>,
    /// The original's with a number when not given.
    #[schemars(regex(pattern = schema::SLUG))]
    slug: Option<String>,
}

/// The credential's fields as this resource spells them.
#[derive(Deserialize, JsonSchema)]
struct CredentialFields {
    /// The provider's key. It is sealed, and never shown again.
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
    #[schemars(with = "Option<Map<String, Value>>")]
    configurations: Option<ProviderSettings>,
}

#[derive(Deserialize, JsonSchema)]
struct Deployment {
    #[serde(rename = "apiVersion")]
    api_version: String,
    alias: Option<String>,
    #[serde(default)]
    is_default: bool,
    #[serde(rename = "deploymentName")]
    deployment_name: String,
}

/// A virtual key that was made.
#[derive(Serialize, JsonSchema)]
struct VirtualKeyMade {
    success: bool,
    data: VirtualKeyName,
    id: String,
    slug: String,
    object: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct VirtualKeyName {
    id: String,
    slug: String,
}

/// A virtual key. Its credential is not in it.
#[derive(Serialize, JsonSchema)]
struct VirtualKeyShown {
    id: String,
    name: String,
    note: Option<String>,
    status: Status,
    usage_limits: Option<Value>,
    reset_usage: Option<f64>,
    created_at: String,
    last_updated_at: String,
    slug: String,
    provider: String,
    ai_provider_name: String,
    integration_id: String,
    /// The masked key.
    key: String,
    /// A keyed digest of the key.
    key_fingerprint: String,
    model_config: Map<String, Value>,
    rate_limits: Vec<Value>,
    expires_at: Option<String>,
    secret_mappings: Vec<Value>,
    workspace_id: String,
    object: &'static str,
}

/// Whether it can be used.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Active,
    Expired,
}

impl Status {
    pub(crate) const fn of(is_expired: bool) -> Self {
        if is_expired { Self::Expired } else { Self::Active }
    }
}

impl CredentialFields {
    /// `configurations` is all of the settings; of those that are named beside it, each is one.
    fn change(self) -> CredentialChange {
        let key = body::secret(self.key);
        let named = self.configurations.is_some()
            || self.api_version.is_some()
            || self.resource_name.is_some()
            || self.deployment_name.is_some()
            || self.deployment_config.is_some()
            || self.custom_host.is_some();
        if !named {
            return CredentialChange { key, ..CredentialChange::default() };
        }
        let keeps_others = self.configurations.is_none();
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
        CredentialChange { key, settings: Some(settings), keeps_others }
    }
}

async fn create(ask: Ask<Caller, NewVirtualKeyBody>) -> Result<Json<VirtualKeyMade>, ApiError> {
    let body = ask.body;
    body.unenforced.refuse()?;
    let CredentialChange { key, settings, .. } = body.credential.change();
    let new = NewVirtualKey {
        integration: NewIntegration {
            name: body.name,
            slug: body.slug,
            provider: body.provider,
            key,
            settings: settings.unwrap_or_default(),
            description: None,
            workspace: body.workspace_id,
            default_provider: None,
        },
        note: body.note,
        expires_at: body.expires_at.flatten(),
    };
    let key = ask.control.virtual_keys(&ask.who).create(new).await?;
    Ok(made(&key))
}

async fn duplicate(ask: Ask<Caller, DuplicateBody>) -> Result<Json<VirtualKeyMade>, ApiError> {
    let workspace = ask.query.text("workspace_id").map(str::to_owned);
    let slug = ask.path("slug").to_owned();
    let DuplicateBody { name, slug: new_slug } = ask.body;
    let keys = ask.control.virtual_keys(&ask.who);
    Ok(made(&keys.duplicate(&slug, workspace.as_deref(), name, new_slug).await?))
}

async fn list_all(ask: Ask<Caller, NoBody>) -> Result<Json<List<VirtualKeyShown>>, ApiError> {
    let workspace = ask.query.text("workspace_id");
    let keys = ask.control.virtual_keys(&ask.who);
    let found = keys.list(workspace, ask.query.page()?).await?;
    let now = ask.control.now();
    let mut items = Vec::with_capacity(found.items.len());
    for detail in found.items {
        let settings = keys.settings(&detail).await;
        items.push(shown(detail, settings, now));
    }
    Ok(list(portcullis_control::List { items, total: found.total }, |key| key))
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<VirtualKeyShown>, ApiError> {
    let workspace = ask.query.text("workspace_id");
    let keys = ask.control.virtual_keys(&ask.who);
    let detail = keys.retrieve(ask.path("slug"), workspace).await?;
    let settings = keys.settings(&detail).await;
    Ok(Json(shown(detail, settings, ask.control.now())))
}

async fn update(ask: Ask<Caller, VirtualKeyChangeBody>) -> Result<Json<Done>, ApiError> {
    let slug = ask.path("slug").to_owned();
    let body = ask.body;
    body.unenforced.refuse()?;
    let change = VirtualKeyChange {
        name: body.name,
        note: body.note,
        expires_at: body.expires_at,
        credential: body.credential.change(),
    };
    let workspace = ask.query.text("workspace_id");
    ask.control.virtual_keys(&ask.who).update(&slug, workspace, change).await?;
    Ok(done())
}

async fn delete(ask: Ask<Caller, NoBody>) -> Result<Json<Done>, ApiError> {
    let workspace = ask.query.text("workspace_id");
    ask.control.virtual_keys(&ask.who).delete(ask.path("slug"), workspace).await?;
    Ok(done())
}

fn made(key: &VirtualKey) -> Json<VirtualKeyMade> {
    let (id, slug) = (key.id.to_string(), key.slug.to_string());
    Json(VirtualKeyMade {
        success: true,
        data: VirtualKeyName { id: id.clone(), slug: slug.clone() },
        id,
        slug,
        object: "virtual-key",
    })
}

fn shown(
    detail: VirtualKeyDetail,
    model_config: Map<String, Value>,
    now: Timestamp,
) -> VirtualKeyShown {
    let VirtualKeyDetail { virtual_key: key, integration } = detail;
    VirtualKeyShown {
        id: key.id.to_string(),
        status: Status::of(key.is_expired(now)),
        name: key.name,
        note: key.note,
        usage_limits: None,
        reset_usage: None,
        created_at: key.created_at.to_string(),
        last_updated_at: key.updated_at.to_string(),
        slug: key.slug.to_string(),
        provider: integration.provider.clone(),
        ai_provider_name: integration.provider,
        integration_id: integration.id.to_string(),
        key: integration.key_hint,
        key_fingerprint: integration.key_fingerprint,
        model_config,
        rate_limits: Vec::new(),
        expires_at: key.expires_at.map(|at| at.to_string()),
        secret_mappings: Vec::new(),
        workspace_id: key.workspace_id.to_string(),
        object: "virtual-key",
    }
}
