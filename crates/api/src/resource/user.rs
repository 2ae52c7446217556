//! `/admin/users`.

use http::Method;
use portcullis_control::{Caller, MemberFilter};
use portcullis_domain::{AuditAction, AuditResource, Member, OrganisationRole, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Done, Json, List, done, list},
    ask::Ask,
    body::NoBody,
    error::ApiError,
    query::{CURRENT_PAGE, CURRENT_PAGE_CAMEL, Kind, PAGE_SIZE, PAGE_SIZE_CAMEL, Param},
    resource::workspace_member::parse_id,
    route::{Route, admin},
};

pub(crate) const ROLES: &[&str] = &["owner", "admin", "member"];
const LIST: &[Param] = &[
    Param::new("role", Kind::OneOf(ROLES), "Of this role only."),
    Param::new("email", Kind::Text, "Of this e-mail address only."),
    PAGE_SIZE,
    PAGE_SIZE_CAMEL,
    CURRENT_PAGE,
    CURRENT_PAGE_CAMEL,
];

pub(crate) fn routes() -> Vec<Route> {
    use AuditAction::{Delete, List, Read, Update};
    let audited = |action| (action, AuditResource::Member);
    let (all, one) = ("/v1/admin/users", "/v1/admin/users/{userId}");
    vec![
        admin(
            Method::GET,
            all,
            &[Scope::OrganisationUsersList],
            audited(List),
            "List the people of the organisation",
            list_all,
        )
        .query(LIST),
        admin(
            Method::GET,
            one,
            &[Scope::OrganisationUsersRead],
            audited(Read),
            "Retrieve somebody",
            retrieve,
        ),
        admin(
            Method::PUT,
            one,
            &[Scope::OrganisationUsersUpdate],
            audited(Update),
            "Give somebody another role",
            update,
        ),
        admin(
            Method::DELETE,
            one,
            &[Scope::OrganisationUsersDelete],
            audited(Delete),
            "Take somebody out of the organisation",
            delete,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct UserChangeBody {
    role: OrganisationRoleBody,
}

/// What somebody is in an organisation.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OrganisationRoleBody {
    Owner,
    Admin,
    Member,
}

/// Somebody who belongs to the organisation.
#[derive(Serialize, JsonSchema)]
struct UserShown {
    object: &'static str,
    id: String,
    first_name: String,
    last_name: String,
    role: &'static str,
    email: String,
    created_at: String,
    last_updated_at: String,
    workspace_ids: Vec<String>,
}

impl From<OrganisationRoleBody> for OrganisationRole {
    fn from(role: OrganisationRoleBody) -> Self {
        match role {
            OrganisationRoleBody::Owner => Self::Owner,
            OrganisationRoleBody::Admin => Self::Admin,
            OrganisationRoleBody::Member => Self::Member,
        }
    }
}

async fn list_all(ask: Ask<Caller, NoBody>) -> Result<Json<List<UserShown>>, ApiError> {
    let filter = MemberFilter {
        role: ask.query.one_of("role", OrganisationRole::parse)?,
        email: ask.query.text("email").map(str::to_owned),
    };
    let page = ask.query.page()?;
    Ok(list(ask.control.members(&ask.who).list(filter, page).await?, shown))
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<UserShown>, ApiError> {
    let id = parse_id(ask.path("userId"))?;
    Ok(Json(shown(ask.control.members(&ask.who).retrieve(id).await?)))
}

async fn update(ask: Ask<Caller, UserChangeBody>) -> Result<Json<Done>, ApiError> {
    let id = parse_id(ask.path("userId"))?;
    ask.control.members(&ask.who).update(id, ask.body.role.into()).await?;
    Ok(done())
}

async fn delete(ask: Ask<Caller, NoBody>) -> Result<Json<Done>, ApiError> {
    let id = parse_id(ask.path("userId"))?;
    ask.control.members(&ask.who).delete(id).await?;
    Ok(done())
}

fn shown(member: Member) -> UserShown {
    UserShown {
        object: "user",
        id: member.user_id.to_string(),
        first_name: member.first_name,
        last_name: member.last_name,
        role: member.role.name(),
        email: member.email,
        created_at: member.created_at.to_string(),
        last_updated_at: member.updated_at.to_string(),
        workspace_ids: member.workspaces.iter().map(|p| p.workspace_id.to_string()).collect(),
    }
}
