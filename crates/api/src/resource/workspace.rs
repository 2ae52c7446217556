//! `/admin/workspaces`.

use http::Method;
use portcullis_control::{Caller, NewWorkspace, WorkspaceChange, WorkspaceQuery};
use portcullis_domain::{
    AuditAction, AuditResource, Environment, Scope, UserId, Workspace, WorkspaceDefaults,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    answer::{Done, Json, List, done, list},
    ask::Ask,
    body::{Metadata, MetadataBody, NoBody, Unenforced, nullable},
    error::ApiError,
    query::{CURRENT_PAGE, CURRENT_PAGE_CAMEL, Kind, PAGE_SIZE, PAGE_SIZE_CAMEL, Param},
    resource::{
        environment::{self, EnvironmentShown},
        workspace_member::{self, WorkspaceMemberShown},
    },
    route::{Route, admin},
    schema,
};

const LIST: &[Param] = &[
    Param::new("name", Kind::Text, "With this text in the name."),
    Param::new("exact_name", Kind::Text, "Of exactly this name."),
    Param::new("status", Kind::OneOf(&["active", "archived"]), "None are archived."),
    PAGE_SIZE,
    PAGE_SIZE_CAMEL,
    CURRENT_PAGE,
    CURRENT_PAGE_CAMEL,
];

pub(crate) fn routes() -> Vec<Route> {
    use AuditAction::{Create, Delete, List, Read, Update};
    let audited = |action| (action, AuditResource::Workspace);
    let (all, one) = ("/v1/admin/workspaces", "/v1/admin/workspaces/{workspaceId}");
    vec![
        admin(
            Method::GET,
            all,
            &[Scope::WorkspacesList],
            audited(List),
            "List workspaces",
            list_all,
        )
        .query(LIST),
        admin(
            Method::POST,
            all,
            &[Scope::WorkspacesCreate],
            audited(Create),
            "Create a workspace",
            create,
        ),
        admin(
            Method::GET,
            one,
            &[Scope::WorkspacesRead],
            audited(Read),
            "Retrieve a workspace with its people and environments",
            retrieve,
        ),
        admin(
            Method::PUT,
            one,
            &[Scope::WorkspacesUpdate],
            audited(Update),
            "Update a workspace",
            update,
        ),
        admin(
            Method::DELETE,
            one,
            &[Scope::WorkspacesDelete],
            audited(Delete),
            "Delete a workspace",
            delete,
        ),
    ]
}

/// A workspace to create.
#[derive(Deserialize, JsonSchema)]
struct NewWorkspaceBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: String,
    /// Made from the name when not given.
    #[schemars(regex(pattern = schema::SLUG))]
    slug: Option<String>,
    #[schemars(length(max = 2000))]
    description: Option<String>,
    defaults: Option<DefaultsBody>,
    /// People of the organisation who belong to it from the beginning, as members.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    users: Vec<UserId>,
    #[serde(flatten)]
    unenforced: Unenforced,
}

/// What to change of a workspace; what is left out stays.
#[derive(Deserialize, JsonSchema)]
struct WorkspaceChangeBody {
    #[schemars(length(min = 1, max = 255), regex(pattern = schema::NAME))]
    name: Option<String>,
    #[schemars(length(max = 2000))]
    description: Option<String>,
    defaults: Option<DefaultsBody>,
    #[serde(flatten)]
    unenforced: Unenforced,
}

/// What calls in a workspace get unless they say otherwise.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "WorkspaceDefaultsBody")]
struct DefaultsBody {
    metadata: Option<MetadataBody>,
    /// The slug of the saved config of calls that name none, and whose API key has none.
    #[serde(default, deserialize_with = "nullable")]
    config_id: Option<Option<String>>,
    /// Slugs of guardrails that look at every request.
    #[schemars(length(max = 50), inner(regex(pattern = schema::SLUG)))]
    input_guardrails: Option<Vec<String>>,
    /// Slugs of guardrails that look at every answer.
    #[schemars(length(max = 50), inner(regex(pattern = schema::SLUG)))]
    output_guardrails: Option<Vec<String>>,
    /// The slug of the saved config of people's own keys.
    #[serde(default, deserialize_with = "nullable")]
    user_api_key_config: Option<Option<String>>,
}

/// A workspace.
#[derive(Serialize, JsonSchema)]
struct WorkspaceShown {
    id: String,
    slug: String,
    name: String,
    description: Option<String>,
    created_at: String,
    last_updated_at: String,
    defaults: DefaultsShown,
    usage_limits: Vec<Value>,
    rate_limits: Vec<Value>,
    object: &'static str,
}

/// A workspace with its people and environments.
#[derive(Serialize, JsonSchema)]
struct WorkspaceFull {
    #[serde(flatten)]
    workspace: WorkspaceShown,
    users: Vec<WorkspaceMemberShown>,
    environments: Vec<EnvironmentShown>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WorkspaceDefaultsShown")]
struct DefaultsShown {
    metadata: Metadata,
    is_default: u8,
    config_id: Option<String>,
    input_guardrails: Vec<String>,
    output_guardrails: Vec<String>,
    user_api_key_config: Option<String>,
    object: &'static str,
}

async fn create(ask: Ask<Caller, NewWorkspaceBody>) -> Result<Json<WorkspaceShown>, ApiError> {
    let body = ask.body;
    body.unenforced.refuse()?;
    let defaults = body.defaults.unwrap_or_default();
    let new = NewWorkspace {
        name: body.name,
        slug: body.slug,
        description: body.description,
        defaults: WorkspaceDefaults {
            metadata: defaults.metadata.map(MetadataBody::texts).transpose()?.unwrap_or_default(),
            config: defaults.config_id.flatten(),
            input_guardrails: defaults.input_guardrails.unwrap_or_default(),
            output_guardrails: defaults.output_guardrails.unwrap_or_default(),
            user_api_key_config: defaults.user_api_key_config.flatten(),
        },
        users: body.users,
    };
    let workspace = ask.control.workspaces(&ask.who).create(new).await?;
    Ok(Json(shown(workspace, false)))
}

async fn list_all(ask: Ask<Caller, NoBody>) -> Result<Json<List<WorkspaceShown>>, ApiError> {
    let text = |name| ask.query.text(name).map(str::to_owned);
    let query = WorkspaceQuery { name: text("name"), exact_name: text("exact_name") };
    let page = ask.query.page()?;
    let status = ask.query.one_of("status", |status| match status {
        "active" => Some(true),
        "archived" => Some(false),
        _ => None,
    })?;
    let workspaces = ask.control.workspaces(&ask.who);
    let mut found = workspaces.list(query, page).await?;
    if status == Some(false) {
        found = portcullis_control::List { items: Vec::new(), total: 0 };
    }
    let default = workspaces.default_id().await?;
    Ok(list(found, |workspace| {
        let is_default = Some(workspace.id) == default;
        shown(workspace, is_default)
    }))
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<WorkspaceFull>, ApiError> {
    let workspaces = ask.control.workspaces(&ask.who);
    let mut workspace = workspaces.retrieve(ask.path("workspaceId")).await?;
    let is_default = workspaces.default_id().await? == Some(workspace.id);
    let people = ask.control.workspace_members(&ask.who).all(&workspace).await?;
    let environments = std::mem::take(&mut workspace.environments);
    let default = workspace.default_environment;
    let show = |environment: Environment| {
        let is_default = environment.id == default;
        environment::shown(environment, is_default)
    };
    Ok(Json(WorkspaceFull {
        workspace: shown(workspace, is_default),
        users: people.into_iter().map(workspace_member::shown).collect(),
        environments: environments.into_iter().map(show).collect(),
    }))
}

async fn update(ask: Ask<Caller, WorkspaceChangeBody>) -> Result<Json<WorkspaceShown>, ApiError> {
    let named = ask.path("workspaceId").to_owned();
    let body = ask.body;
    body.unenforced.refuse()?;
    let defaults = body.defaults.unwrap_or_default();
    let change = WorkspaceChange {
        name: body.name,
        description: body.description,
        metadata: defaults.metadata.map(MetadataBody::texts).transpose()?,
        config: defaults.config_id,
        input_guardrails: defaults.input_guardrails,
        output_guardrails: defaults.output_guardrails,
        user_api_key_config: defaults.user_api_key_config,
    };
    let workspaces = ask.control.workspaces(&ask.who);
    let workspace = workspaces.update(&named, change).await?;
    let is_default = workspaces.default_id().await? == Some(workspace.id);
    Ok(Json(shown(workspace, is_default)))
}

/// The Python client sends the workspace's name in the body; it is not read.
async fn delete(ask: Ask<Caller, NoBody>) -> Result<Json<Done>, ApiError> {
    ask.control.workspaces(&ask.who).delete(ask.path("workspaceId")).await?;
    Ok(done())
}

fn shown(workspace: Workspace, is_default: bool) -> WorkspaceShown {
    let defaults = workspace.defaults;
    WorkspaceShown {
        id: workspace.id.to_string(),
        slug: workspace.slug.to_string(),
        name: workspace.name,
        description: workspace.description,
        created_at: workspace.created_at.to_string(),
        last_updated_at: workspace.updated_at.to_string(),
        defaults: DefaultsShown {
            metadata: defaults.metadata,
            is_default: u8::from(is_default),
            config_id: defaults.config,
            input_guardrails: defaults.input_guardrails,
            output_guardrails: defaults.output_guardrails,
            user_api_key_config: defaults.user_api_key_config,
            object: "workspace",
        },
        usage_limits: Vec::new(),
        rate_limits: Vec::new(),
        object: "workspace",
    }
}
