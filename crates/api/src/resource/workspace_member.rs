//! `/admin/workspaces/{workspaceId}/users`.

use http::Method;
use portcullis_control::{Caller, ControlError, WorkspaceMemberDetail, WorkspaceMemberFilter};
use portcullis_domain::{AuditAction, AuditResource, Scope, UserId, WorkspaceRole};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    answer::{Done, Json, List, done, list},
    ask::Ask,
    body::NoBody,
    error::ApiError,
    query::{CURRENT_PAGE, CURRENT_PAGE_CAMEL, Kind, PAGE_SIZE, PAGE_SIZE_CAMEL, Param},
    route::{Route, admin},
};

const ROLES: &[&str] = &["admin", "manager", "member"];
const LIST: &[Param] = &[
    Param::new("role", Kind::OneOf(ROLES), "Of this role only."),
    Param::new("email", Kind::Text, "Of this e-mail address only."),
    PAGE_SIZE,
    PAGE_SIZE_CAMEL,
    CURRENT_PAGE,
    CURRENT_PAGE_CAMEL,
];

pub(crate) fn routes() -> Vec<Route> {
    use AuditAction::{Create, Delete, List, Read, Update};
    let audited = |action| (action, AuditResource::WorkspaceMember);
    let all = "/v1/admin/workspaces/{workspaceId}/users";
    let one = "/v1/admin/workspaces/{workspaceId}/users/{userId}";
    vec![
        admin(
            Method::GET,
            all,
            &[Scope::WorkspaceUsersList],
            audited(List),
            "List the people of a workspace",
            list_all,
        )
        .query(LIST),
        admin(
            Method::POST,
            all,
            &[Scope::WorkspaceUsersCreate],
            audited(Create),
            "Add people of the organisation to a workspace",
            create,
        ),
        admin(
            Method::GET,
            one,
            &[Scope::WorkspaceUsersRead],
            audited(Read),
            "Retrieve somebody's place in a workspace",
            retrieve,
        ),
        admin(
            Method::PUT,
            one,
            &[Scope::WorkspaceUsersUpdate],
            audited(Update),
            "Give somebody another role in a workspace",
            update,
        ),
        admin(
            Method::DELETE,
            one,
            &[Scope::WorkspaceUsersDelete],
            audited(Delete),
            "Take somebody out of a workspace",
            delete,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct NewMembersBody {
    users: Vec<NewMember>,
}

#[derive(Deserialize, JsonSchema)]
struct NewMember {
    #[schemars(with = "String", extend("format" = "uuid"))]
    id: UserId,
    role: WorkspaceRoleBody,
}

#[derive(Deserialize, JsonSchema)]
struct MemberChangeBody {
    role: WorkspaceRoleBody,
}

/// What somebody is in a workspace.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WorkspaceRoleBody {
    Admin,
    Manager,
    Member,
}

/// Somebody's place in a workspace.
#[derive(Serialize, JsonSchema)]
pub(crate) struct WorkspaceMemberShown {
    object: &'static str,
    id: String,
    first_name: String,
    last_name: String,
    org_role: &'static str,
    role: &'static str,
    created_at: String,
    last_updated_at: String,
    status: &'static str,
    workspace_id: String,
    email: String,
    /// What they may do in the workspace.
    scopes: Vec<&'static str>,
    settings: Map<String, Value>,
}

impl From<WorkspaceRoleBody> for WorkspaceRole {
    fn from(role: WorkspaceRoleBody) -> Self {
        match role {
            WorkspaceRoleBody::Admin => Self::Admin,
            WorkspaceRoleBody::Manager => Self::Manager,
            WorkspaceRoleBody::Member => Self::Member,
        }
    }
}

async fn create(ask: Ask<Caller, NewMembersBody>) -> Result<Json<Done>, ApiError> {
    let workspace = ask.path("workspaceId").to_owned();
    let people = ask.body.users.into_iter().map(|user| (user.id, user.role.into())).collect();
    ask.control.workspace_members(&ask.who).create(&workspace, people).await?;
    Ok(done())
}

async fn list_all(ask: Ask<Caller, NoBody>) -> Result<Json<List<WorkspaceMemberShown>>, ApiError> {
    let filter = WorkspaceMemberFilter {
        role: ask.query.one_of("role", WorkspaceRole::parse)?,
        email: ask.query.text("email").map(str::to_owned),
    };
    let (workspace, page) = (ask.path("workspaceId"), ask.query.page()?);
    let members = ask.control.workspace_members(&ask.who);
    Ok(list(members.list(workspace, filter, page).await?, shown))
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<WorkspaceMemberShown>, ApiError> {
    let members = ask.control.workspace_members(&ask.who);
    let user = parse_id(ask.path("userId"))?;
    Ok(Json(shown(members.retrieve(ask.path("workspaceId"), user).await?)))
}

async fn update(ask: Ask<Caller, MemberChangeBody>) -> Result<Json<Done>, ApiError> {
    let user = parse_id(ask.path("userId"))?;
    let members = ask.control.workspace_members(&ask.who);
    members.update(ask.path("workspaceId"), user, ask.body.role.into()).await?;
    Ok(done())
}

async fn delete(ask: Ask<Caller, NoBody>) -> Result<Json<Done>, ApiError> {
    let user = parse_id(ask.path("userId"))?;
    ask.control.workspace_members(&ask.who).delete(ask.path("workspaceId"), user).await?;
    Ok(done())
}

/// An id that is none names nobody.
pub(crate) fn parse_id(text: &str) -> Result<UserId, ApiError> {
    UserId::parse(text).map_err(|_| ControlError::NotFound("user").into())
}

pub(crate) fn shown(detail: WorkspaceMemberDetail) -> WorkspaceMemberShown {
    let WorkspaceMemberDetail { place, member, scopes } = detail;
    WorkspaceMemberShown {
        object: "workspace-user",
        id: member.user_id.to_string(),
        first_name: member.first_name,
        last_name: member.last_name,
        org_role: member.role.name(),
        role: place.role.name(),
        created_at: place.created_at.to_string(),
        last_updated_at: place.updated_at.to_string(),
        status: "active",
        workspace_id: place.workspace_id.to_string(),
        email: member.email,
        scopes: scopes.iter().map(Scope::name).collect(),
        settings: Map::new(),
    }
}
