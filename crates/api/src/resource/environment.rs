//! `/admin/workspaces/{workspaceId}/environments`: the stages of a workspace. The reference has
//! none.

use http::Method;
use portcullis_control::{Caller, EnvironmentChange};
use portcullis_domain::{AuditAction, AuditResource, Environment, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Done, Json, List, done, list},
    ask::Ask,
    body::NoBody,
    error::ApiError,
    route::{Route, admin},
    schema,
};

pub(crate) fn routes() -> Vec<Route> {
    use AuditAction::{Create, Delete, List, Read, Update};
    let audited = |action| (action, AuditResource::Environment);
    let all = "/v1/admin/workspaces/{workspaceId}/environments";
    let one = "/v1/admin/workspaces/{workspaceId}/environments/{environmentId}";
    let reading = &[Scope::WorkspacesRead];
    let updating = &[Scope::WorkspacesUpdate];
    vec![
        admin(Method::GET, all, reading, audited(List), "List environments", list_all),
        admin(Method::POST, all, updating, audited(Create), "Create an environment", create),
        admin(Method::GET, one, reading, audited(Read), "Retrieve an environment", retrieve),
        admin(Method::PUT, one, updating, audited(Update), "Update an environment", update),
        admin(Method::DELETE, one, updating, audited(Delete), "Delete an environment", delete),
    ]
}

/// An environment to create.
#[derive(Deserialize, JsonSchema)]
struct NewEnvironmentBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: String,
    /// Made from the name when not given.
    #[schemars(regex(pattern = schema::SLUG))]
    slug: Option<String>,
}

/// What to change of an environment; what is left out stays.
#[derive(Deserialize, JsonSchema)]
struct EnvironmentChangeBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: Option<String>,
    /// True makes it the one that keys belong to when they name none.
    is_default: Option<bool>,
}

/// An environment.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EnvironmentShown {
    id: String,
    workspace_id: String,
    slug: String,
    name: String,
    is_default: bool,
    created_at: String,
    last_updated_at: String,
    object: &'static str,
}

async fn create(ask: Ask<Caller, NewEnvironmentBody>) -> Result<Json<EnvironmentShown>, ApiError> {
    let workspace = ask.path("workspaceId").to_owned();
    let NewEnvironmentBody { name, slug } = ask.body;
    let environments = ask.control.environments(&ask.who);
    let environment = environments.create(&workspace, &name, slug.as_deref()).await?;
    Ok(Json(shown(environment, false)))
}

async fn list_all(ask: Ask<Caller, NoBody>) -> Result<Json<List<EnvironmentShown>>, ApiError> {
    let environments = ask.control.environments(&ask.who);
    let (items, default) = environments.list(ask.path("workspaceId")).await?;
    let all = portcullis_control::List { total: items.len() as u64, items };
    Ok(list(all, |environment| {
        let is_default = environment.id == default;
        shown(environment, is_default)
    }))
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<EnvironmentShown>, ApiError> {
    let environments = ask.control.environments(&ask.who);
    let (workspace, named) = (ask.path("workspaceId"), ask.path("environmentId"));
    let (environment, is_default) = environments.retrieve(workspace, named).await?;
    Ok(Json(shown(environment, is_default)))
}

async fn update(ask: Ask<Caller, EnvironmentChangeBody>) -> Result<Json<Done>, ApiError> {
    let workspace = ask.path("workspaceId").to_owned();
    let named = ask.path("environmentId").to_owned();
    let EnvironmentChangeBody { name, is_default } = ask.body;
    let change = EnvironmentChange { name, is_default };
    ask.control.environments(&ask.who).update(&workspace, &named, change).await?;
    Ok(done())
}

async fn delete(ask: Ask<Caller, NoBody>) -> Result<Json<Done>, ApiError> {
    let (workspace, named) = (ask.path("workspaceId"), ask.path("environmentId"));
    ask.control.environments(&ask.who).delete(workspace, named).await?;
    Ok(done())
}

pub(crate) fn shown(environment: Environment, is_default: bool) -> EnvironmentShown {
    EnvironmentShown {
        id: environment.id.to_string(),
        workspace_id: environment.workspace_id.to_string(),
        slug: environment.slug.to_string(),
        name: environment.name,
        is_default,
        created_at: environment.created_at.to_string(),
        last_updated_at: environment.updated_at.to_string(),
        object: "environment",
    }
}
