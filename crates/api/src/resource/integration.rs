//! `/integrations`, with their models and workspaces.

use http::Method;
use portcullis_control::{
    Caller, CredentialChange, IntegrationChange, IntegrationScope, NewIntegration, ProviderSettings,
};
use portcullis_domain::{AuditAction, AuditResource, Integration, IntegrationModel, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    answer::{Done, Json, List, done, list},
    ask::Ask,
    body::{self, NoBody, Unenforced, is_nothing, nothing},
    error::ApiError,
    query::{
        CURRENT_PAGE, CURRENT_PAGE_CAMEL, Kind, PAGE_SIZE, PAGE_SIZE_CAMEL, Param, WORKSPACE_ID,
    },
    route::{Route, admin},
    schema,
};

const TYPES: &[&str] = &["workspace", "organisation", "all"];
const LIST: &[Param] = &[
    WORKSPACE_ID,
    Param::new("type", Kind::OneOf(TYPES), "Whose: of workspaces, of the organisation, or all."),
    PAGE_SIZE,
    PAGE_SIZE_CAMEL,
    CURRENT_PAGE,
    CURRENT_PAGE_CAMEL,
];
const SLUGS: &[Param] =
    &[Param::new("slugs", Kind::Text, "The models to take off the list, comma-separated.")];

// Which of the two counts depends on whose the integration is.
const LISTING: &[Scope] = &[Scope::OrganisationIntegrationsList, Scope::WorkspaceIntegrationsList];
const CREATING: &[Scope] =
    &[Scope::OrganisationIntegrationsCreate, Scope::WorkspaceIntegrationsCreate];
const READING: &[Scope] = &[Scope::OrganisationIntegrationsRead, Scope::WorkspaceIntegrationsRead];
const UPDATING: &[Scope] =
    &[Scope::OrganisationIntegrationsUpdate, Scope::WorkspaceIntegrationsUpdate];
const DELETING: &[Scope] =
    &[Scope::OrganisationIntegrationsDelete, Scope::WorkspaceIntegrationsDelete];

pub(crate) fn routes() -> Vec<Route> {
    use AuditAction::{Create, Delete, List, Read, Update};
    let audited = |action| (action, AuditResource::Integration);
    let (all, one) = ("/v1/integrations", "/v1/integrations/{slug}");
    let models = "/v1/integrations/{slug}/models";
    let workspaces = "/v1/integrations/{slug}/workspaces";
    let get = Method::GET;
    vec![
        admin(get.clone(), all, LISTING, audited(List), "List integrations", list_all).query(LIST),
        admin(Method::POST, all, CREATING, audited(Create), "Create an integration", create),
        admin(get.clone(), one, READING, audited(Read), "Retrieve an integration", retrieve),
        admin(Method::PUT, one, UPDATING, audited(Update), "Update an integration", update),
        admin(Method::DELETE, one, DELETING, audited(Delete), "Delete an integration", delete),
        admin(
            get.clone(),
            models,
            READING,
            audited(Read),
            "List which models of an integration may be used",
            list_models,
        ),
        admin(
            Method::PUT,
            models,
            UPDATING,
            audited(Update),
            "Set which models of an integration may be used",
            put_models,
        ),
        admin(
            Method::DELETE,
            models,
            UPDATING,
            audited(Update),
            "Take models off an integration's list",
            delete_models,
        )
        .query(SLUGS),
        admin(
            get,
            workspaces,
            READING,
            audited(Read),
            "List which workspaces may use an integration",
            list_workspaces,
        ),
        admin(
            Method::PUT,
            workspaces,
            UPDATING,
            audited(Update),
            "Set which workspaces may use an integration",
            put_workspaces,
        ),
    ]
}

/// An integration to create.
#[derive(Deserialize, JsonSchema)]
struct NewIntegrationBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: String,
    /// Made from the name when not given.
    #[schemars(regex(pattern = schema::SLUG))]
    slug: Option<String>,
    /// The provider's name, `openai` for one.
    #[schemars(schema_with = "schema::provider")]
    ai_provider_id: String,
    /// The provider's key. It is sealed, and never shown again.
    key: Option<String>,
    #[schemars(length(max = 2000))]
    description: Option<String>,
    /// The workspace that owns it, by id or slug; the organisation does when not given.
    workspace_id: Option<String>,
    #[schemars(with = "Option<Map<String, Value>>")]
    configurations: Option<ProviderSettings>,
    /// Whether a provider of it is made at once; true when not given.
    create_default_provider: Option<bool>,
    #[schemars(regex(pattern = schema::SLUG))]
    default_provider_slug: Option<String>,
    /// Prices of one's own: not applied by this version, and refused unless empty.
    #[serde(default)]
    #[schemars(schema_with = "nothing")]
    pricing_adjustments: Value,
    #[serde(flatten)]
    unenforced: Unenforced,
}

/// What to change of an integration; what is left out stays.
#[derive(Deserialize, JsonSchema)]
struct IntegrationChangeBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: Option<String>,
    key: Option<String>,
    #[schemars(length(max = 2000))]
    description: Option<String>,
    #[schemars(with = "Option<Map<String, Value>>")]
    configurations: Option<ProviderSettings>,
    /// Prices of one's own: not applied by this version, and refused unless empty.
    #[serde(default)]
    #[schemars(schema_with = "nothing")]
    pricing_adjustments: Value,
    #[serde(flatten)]
    unenforced: Unenforced,
}

#[derive(Deserialize, JsonSchema)]
struct PutModelsBody {
    /// Merged into the list by their slugs.
    models: Vec<PutModel>,
    /// Whether models that are not listed may be used.
    allow_all_models: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
struct PutModel {
    slug: String,
    enabled: bool,
    /// Prices of one's own: not applied by this version, and refused unless empty.
    #[serde(default)]
    #[schemars(schema_with = "nothing")]
    pricing_config: Value,
}

#[derive(Deserialize, JsonSchema)]
struct PutWorkspacesBody {
    #[serde(default)]
    workspaces: Vec<PutWorkspace>,
    global_workspace_access: Option<GlobalAccess>,
}

#[derive(Deserialize, JsonSchema)]
struct PutWorkspace {
    /// The workspace, by id or slug.
    id: String,
    enabled: bool,
    #[schemars(regex(pattern = schema::SLUG))]
    default_provider_slug: Option<String>,
    #[serde(flatten)]
    unenforced: Unenforced,
}

/// Access for every workspace: this version grants it workspace by workspace.
#[derive(Deserialize, JsonSchema)]
struct GlobalAccess {
    #[serde(default)]
    enabled: bool,
}

/// An integration's names.
#[derive(Serialize, JsonSchema)]
struct IntegrationName {
    id: String,
    slug: String,
}

/// An integration. Its credential is not in it.
#[derive(Serialize, JsonSchema)]
struct IntegrationShown {
    id: String,
    organisation_id: String,
    workspace_id: Option<String>,
    #[serde(rename = "type")]
    owner: Owner,
    ai_provider_id: String,
    name: String,
    status: &'static str,
    created_at: String,
    last_updated_at: String,
    slug: String,
    description: Option<String>,
    object: &'static str,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Owner {
    Workspace,
    Organisation,
}

/// An integration in full. Every secret in it is masked.
#[derive(Serialize, JsonSchema)]
struct IntegrationFull {
    #[serde(flatten)]
    integration: IntegrationShown,
    masked_key: String,
    /// A keyed digest of the key.
    key_fingerprint: String,
    configurations: Value,
    global_workspace_access_settings: GlobalAccessShown,
    allow_all_models: bool,
    workspace_count: usize,
    secret_mappings: Vec<Value>,
}

#[derive(Serialize, JsonSchema)]
struct GlobalAccessShown {
    enabled: bool,
    usage_limits: Vec<Value>,
    rate_limits: Vec<Value>,
}

#[derive(Serialize, JsonSchema)]
struct ModelsShown {
    total: usize,
    models: Vec<ModelShown>,
    allow_all_models: bool,
}

#[derive(Serialize, JsonSchema)]
struct ModelShown {
    slug: String,
    name: String,
    enabled: bool,
}

#[derive(Serialize, JsonSchema)]
struct WorkspacesShown {
    total: usize,
    workspaces: Vec<WorkspaceShown>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "IntegrationWorkspace")]
struct WorkspaceShown {
    id: String,
    enabled: bool,
    /// An object to clients; nothing here has any.
    usage_limits: Option<Value>,
    rate_limits: Option<Value>,
}

async fn create(ask: Ask<Caller, NewIntegrationBody>) -> Result<Json<IntegrationName>, ApiError> {
    let body = ask.body;
    body.unenforced.refuse()?;
    refuse_prices(&body.pricing_adjustments, "pricing_adjustments")?;
    let new = NewIntegration {
        name: body.name,
        slug: body.slug,
        provider: body.ai_provider_id,
        key: body::secret(body.key),
        settings: body.configurations.unwrap_or_default(),
        description: body.description,
        workspace: body.workspace_id,
        default_provider: body
            .create_default_provider
            .unwrap_or(true)
            .then_some(body.default_provider_slug),
    };
    let integration = ask.control.integrations(&ask.who).create(new).await?;
    let (id, slug) = (integration.id.to_string(), integration.slug.to_string());
    Ok(Json(IntegrationName { id, slug }))
}

async fn list_all(ask: Ask<Caller, NoBody>) -> Result<Json<List<IntegrationShown>>, ApiError> {
    let owner = ask.query.one_of("type", |text| match text {
        "all" => Some(IntegrationScope::All),
        "organisation" => Some(IntegrationScope::Organisation),
        "workspace" => Some(IntegrationScope::Workspace),
        _ => None,
    })?;
    let (workspace, page) = (ask.query.text("workspace_id"), ask.query.page()?);
    let integrations = ask.control.integrations(&ask.who);
    let integrations = integrations.list(owner.unwrap_or_default(), workspace, page).await?;
    Ok(list(integrations, shown))
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<IntegrationFull>, ApiError> {
    let detail = ask.control.integrations(&ask.who).retrieve(ask.path("slug")).await?;
    let integration = detail.integration;
    Ok(Json(IntegrationFull {
        masked_key: integration.key_hint.clone(),
        key_fingerprint: integration.key_fingerprint.clone(),
        allow_all_models: integration.models.allow_all,
        integration: shown(integration),
        configurations: detail.settings,
        global_workspace_access_settings: GlobalAccessShown {
            enabled: false,
            usage_limits: Vec::new(),
            rate_limits: Vec::new(),
        },
        workspace_count: detail.workspace_count,
        secret_mappings: Vec::new(),
    }))
}

async fn update(ask: Ask<Caller, IntegrationChangeBody>) -> Result<Json<Done>, ApiError> {
    let slug = ask.path("slug").to_owned();
    let body = ask.body;
    body.unenforced.refuse()?;
    refuse_prices(&body.pricing_adjustments, "pricing_adjustments")?;
    let change = IntegrationChange {
        name: body.name,
        description: body.description,
        credential: CredentialChange {
            key: body::secret(body.key),
            settings: body.configurations,
            keeps_others: false,
        },
    };
    ask.control.integrations(&ask.who).update(&slug, change).await?;
    Ok(done())
}

async fn delete(ask: Ask<Caller, NoBody>) -> Result<Json<Done>, ApiError> {
    ask.control.integrations(&ask.who).delete(ask.path("slug")).await?;
    Ok(done())
}

async fn list_models(ask: Ask<Caller, NoBody>) -> Result<Json<ModelsShown>, ApiError> {
    let detail = ask.control.integrations(&ask.who).retrieve(ask.path("slug")).await?;
    let models = detail.integration.models;
    let show = |model: IntegrationModel| ModelShown {
        slug: model.slug.clone(),
        name: model.slug,
        enabled: model.enabled,
    };
    Ok(Json(ModelsShown {
        total: models.listed.len(),
        models: models.listed.into_iter().map(show).collect(),
        allow_all_models: models.allow_all,
    }))
}

async fn put_models(ask: Ask<Caller, PutModelsBody>) -> Result<Json<Done>, ApiError> {
    let slug = ask.path("slug").to_owned();
    let body = ask.body;
    let mut models = Vec::with_capacity(body.models.len());
    for model in body.models {
        refuse_prices(&model.pricing_config, "models.pricing_config")?;
        models.push(IntegrationModel { slug: model.slug, enabled: model.enabled });
    }
    let integrations = ask.control.integrations(&ask.who);
    integrations.put_models(&slug, models, body.allow_all_models).await?;
    Ok(done())
}

async fn delete_models(ask: Ask<Caller, NoBody>) -> Result<Json<Done>, ApiError> {
    let slugs = ask.query.text("slugs").ok_or_else(|| {
        ApiError::Malformed("slugs: name the models to take off the list, comma-separated".into())
    })?;
    let slugs: Vec<&str> = slugs.split(',').map(str::trim).collect();
    ask.control.integrations(&ask.who).delete_models(ask.path("slug"), &slugs).await?;
    Ok(done())
}

async fn list_workspaces(ask: Ask<Caller, NoBody>) -> Result<Json<WorkspacesShown>, ApiError> {
    let access = ask.control.integrations(&ask.who).workspaces(ask.path("slug")).await?;
    let workspaces: Vec<_> = access
        .iter()
        .map(|one| WorkspaceShown {
            id: one.workspace.to_string(),
            enabled: one.enabled,
            usage_limits: None,
            rate_limits: None,
        })
        .collect();
    Ok(Json(WorkspacesShown { total: workspaces.len(), workspaces }))
}

async fn put_workspaces(ask: Ask<Caller, PutWorkspacesBody>) -> Result<Json<Done>, ApiError> {
    let slug = ask.path("slug").to_owned();
    let body = ask.body;
    if body.global_workspace_access.is_some_and(|access| access.enabled) {
        let message = "global_workspace_access: this version grants access workspace by workspace";
        return Err(ApiError::Malformed(message.to_owned()));
    }
    let mut changes = Vec::with_capacity(body.workspaces.len());
    for workspace in body.workspaces {
        workspace.unenforced.refuse()?;
        changes.push((workspace.id, workspace.enabled, workspace.default_provider_slug));
    }
    ask.control.integrations(&ask.who).put_workspaces(&slug, changes).await?;
    Ok(done())
}

/// Prices of one's own come with budgets; accepted but not applied, they would make costs wrong.
fn refuse_prices(value: &Value, field: &str) -> Result<(), ApiError> {
    if is_nothing(value) {
        Ok(())
    } else {
        let message = format!("{field}: this version does not apply prices of one's own");
        Err(ApiError::Malformed(message))
    }
}

fn shown(integration: Integration) -> IntegrationShown {
    IntegrationShown {
        id: integration.id.to_string(),
        organisation_id: integration.organisation_id.to_string(),
        owner: match integration.workspace_id {
            Some(_) => Owner::Workspace,
            None => Owner::Organisation,
        },
        workspace_id: integration.workspace_id.map(|id| id.to_string()),
        ai_provider_id: integration.provider,
        name: integration.name,
        status: "active",
        created_at: integration.created_at.to_string(),
        last_updated_at: integration.updated_at.to_string(),
        slug: integration.slug.to_string(),
        description: integration.description,
        object: "integration",
    }
}
