//! `/providers`.

use http::Method;
use portcullis_control::{Caller, NewProvider, ProviderChange, VirtualKeyDetail};
use portcullis_domain::{AuditAction, AuditResource, Scope, Timestamp, VirtualKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    answer::{Done, Json, List, done, list},
    ask::Ask,
    body::{NoBody, Unenforced, instant, instant_schema},
    error::ApiError,
    query::{CURRENT_PAGE, CURRENT_PAGE_CAMEL, PAGE_SIZE, PAGE_SIZE_CAMEL, Param, WORKSPACE_ID},
    resource::virtual_key::Status,
    route::{Route, admin},
    schema,
};

const LIST: &[Param] =
    &[WORKSPACE_ID, PAGE_SIZE, PAGE_SIZE_CAMEL, CURRENT_PAGE, CURRENT_PAGE_CAMEL];
const ONE: &[Param] = &[WORKSPACE_ID];

pub(crate) fn routes() -> Vec<Route> {
    use AuditAction::{Create, Delete, List, Read, Update};
    let audited = |action| (action, AuditResource::VirtualKey);
    let (all, one) = ("/v1/providers", "/v1/providers/{slug}");
    let list = audited(List);
    vec![
        admin(Method::GET, all, &[Scope::ProvidersList], list, "List providers", list_all)
            .query(LIST),
        admin(
            Method::POST,
            all,
            &[Scope::ProvidersCreate],
            audited(Create),
            "Create a provider of an integration",
            create,
        ),
        admin(
            Method::GET,
            one,
            &[Scope::ProvidersRead],
            audited(Read),
            "Retrieve a provider",
            retrieve,
        )
        .query(ONE),
        admin(
            Method::PUT,
            one,
            &[Scope::ProvidersUpdate],
            audited(Update),
            "Update a provider",
            update,
        )
        .query(ONE),
        admin(
            Method::DELETE,
            one,
            &[Scope::ProvidersDelete],
            audited(Delete),
            "Delete a provider",
            delete,
        )
        .query(ONE),
    ]
}

/// A provider to create.
#[derive(Deserialize, JsonSchema)]
struct NewProviderBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: String,
    /// The integration, by id or slug.
    integration_id: String,
    /// The workspace, by id or slug.
    workspace_id: Option<String>,
    /// Made from the name when not given.
    #[schemars(regex(pattern = schema::SLUG))]
    slug: Option<String>,
    #[schemars(length(max = 2000))]
    note: Option<String>,
    #[serde(default, deserialize_with = "instant")]
    #[schemars(schema_with = "instant_schema")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(flatten)]
    unenforced: Unenforced,
}

/// What to change of a provider; what is left out stays.
#[derive(Deserialize, JsonSchema)]
struct ProviderChangeBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: Option<String>,
    #[schemars(length(max = 2000))]
    note: Option<String>,
    #[serde(default, deserialize_with = "instant")]
    #[schemars(schema_with = "instant_schema")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(flatten)]
    unenforced: Unenforced,
}

/// A provider's names.
#[derive(Serialize, JsonSchema)]
struct ProviderName {
    id: String,
    slug: String,
    object: &'static str,
}

/// A provider.
#[derive(Serialize, JsonSchema)]
struct ProviderShown {
    id: String,
    name: String,
    integration_id: String,
    integration_slug: String,
    ai_provider_id: String,
    note: Option<String>,
    status: Status,
    usage_limits: Option<Value>,
    reset_usage: Option<f64>,
    created_at: String,
    last_updated_at: String,
    slug: String,
    /// The Python client wants an object in a list of providers and a list in one: null is both.
    rate_limits: Option<Value>,
    expires_at: Option<String>,
    workspace_id: String,
    object: &'static str,
}

async fn create(ask: Ask<Caller, NewProviderBody>) -> Result<Json<ProviderName>, ApiError> {
    let body = ask.body;
    body.unenforced.refuse()?;
    let new = NewProvider {
        name: body.name,
        integration: body.integration_id,
        workspace: body.workspace_id,
        slug: body.slug,
        note: body.note,
        expires_at: body.expires_at.flatten(),
    };
    Ok(name(&ask.control.providers(&ask.who).create(new).await?))
}

async fn list_all(ask: Ask<Caller, NoBody>) -> Result<Json<List<ProviderShown>>, ApiError> {
    let workspace = ask.query.text("workspace_id");
    let providers = ask.control.providers(&ask.who).list(workspace, ask.query.page()?).await?;
    let now = ask.control.now();
    Ok(list(providers, |provider| shown(provider, now)))
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<ProviderShown>, ApiError> {
    let workspace = ask.query.text("workspace_id");
    let providers = ask.control.providers(&ask.who);
    let detail = providers.retrieve(ask.path("slug"), workspace).await?;
    Ok(Json(shown(detail, ask.control.now())))
}

async fn update(ask: Ask<Caller, ProviderChangeBody>) -> Result<Json<ProviderName>, ApiError> {
    let slug = ask.path("slug").to_owned();
    let body = ask.body;
    body.unenforced.refuse()?;
    let change = ProviderChange { name: body.name, note: body.note, expires_at: body.expires_at };
    let workspace = ask.query.text("workspace_id");
    Ok(name(&ask.control.providers(&ask.who).update(&slug, workspace, change).await?))
}

async fn delete(ask: Ask<Caller, NoBody>) -> Result<Json<Done>, ApiError> {
    let workspace = ask.query.text("workspace_id");
    ask.control.providers(&ask.who).delete(ask.path("slug"), workspace).await?;
    Ok(done())
}

fn name(provider: &VirtualKey) -> Json<ProviderName> {
    let (id, slug) = (provider.id.to_string(), provider.slug.to_string());
    Json(ProviderName { id, slug, object: "provider" })
}

fn shown(detail: VirtualKeyDetail, now: Timestamp) -> ProviderShown {
    let VirtualKeyDetail { virtual_key: provider, integration } = detail;
    ProviderShown {
        id: provider.id.to_string(),
        status: Status::of(provider.is_expired(now)),
        name: provider.name,
        integration_id: integration.id.to_string(),
        integration_slug: integration.slug.to_string(),
        ai_provider_id: integration.provider,
        note: provider.note,
        usage_limits: None,
        reset_usage: None,
        created_at: provider.created_at.to_string(),
        last_updated_at: provider.updated_at.to_string(),
        slug: provider.slug.to_string(),
        rate_limits: None,
        expires_at: provider.expires_at.map(|at| at.to_string()),
        workspace_id: provider.workspace_id.to_string(),
        object: "provider",
    }
}
