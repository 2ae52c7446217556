//! `/admin/users/invites`.

use http::Method;
use portcullis_control::{Caller, ControlError, InviteQuery, NewInvite};
use portcullis_domain::{
    AuditAction, AuditResource, Invite, InviteId, InviteStatus, OrganisationRole, Scope, ScopeSet,
    Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Done, Json, List, done, list},
    ask::Ask,
    body::NoBody,
    error::ApiError,
    query::{CURRENT_PAGE, CURRENT_PAGE_CAMEL, Kind, PAGE_SIZE, PAGE_SIZE_CAMEL, Param},
    resource::{
        user::{OrganisationRoleBody, ROLES},
        workspace_member::WorkspaceRoleBody,
    },
    route::{Route, admin},
    schema,
};

const STATUSES: &[&str] = &["pending", "cancelled", "accepted", "expired"];
const LIST: &[Param] = &[
    Param::new("role", Kind::OneOf(ROLES), "As this role only."),
    Param::new("email", Kind::Text, "Of this e-mail address only."),
    Param::new("status", Kind::OneOf(STATUSES), "That have come so far only."),
    PAGE_SIZE,
    PAGE_SIZE_CAMEL,
    CURRENT_PAGE,
    CURRENT_PAGE_CAMEL,
];

pub(crate) fn routes() -> Vec<Route> {
    use AuditAction::{Create, Delete, List, Read, Resend};
    let audited = |action| (action, AuditResource::Invite);
    let (all, one) = ("/v1/admin/users/invites", "/v1/admin/users/invites/{inviteId}");
    vec![
        admin(
            Method::GET,
            all,
            &[Scope::OrganisationUsersList],
            audited(List),
            "List invites",
            list_all,
        )
        .query(LIST),
        admin(
            Method::POST,
            all,
            &[Scope::OrganisationUsersCreate],
            audited(Create),
            "Invite somebody",
            create,
        ),
        admin(
            Method::GET,
            one,
            &[Scope::OrganisationUsersRead],
            audited(Read),
            "Retrieve an invite",
            retrieve,
        ),
        admin(
            Method::DELETE,
            one,
            &[Scope::OrganisationUsersDelete],
            audited(Delete),
            "Take an invite back",
            delete,
        ),
        admin(
            Method::POST,
            "/v1/admin/users/invites/{inviteId}/resend",
            &[Scope::OrganisationUsersUpdate],
            audited(Resend),
            "Make a new link for an invite",
            resend,
        ),
    ]
}

/// Somebody to invite.
#[derive(Deserialize, JsonSchema)]
struct NewInviteBody {
    #[schemars(length(max = 254), regex(pattern = schema::EMAIL))]
    email: String,
    /// What they will be in the organisation.
    role: OrganisationRoleBody,
    /// What they will be in its workspaces.
    #[serde(default)]
    workspaces: Vec<InvitedToBody>,
    /// The keys that are made for them in those workspaces.
    workspace_api_key_details: Option<KeyDetailsBody>,
}

#[derive(Deserialize, JsonSchema)]
struct InvitedToBody {
    /// The workspace, by id or slug.
    id: String,
    role: WorkspaceRoleBody,
}

#[derive(Deserialize, JsonSchema)]
struct KeyDetailsBody {
    #[schemars(schema_with = "schema::scopes")]
    scopes: Vec<String>,
}

/// An invite that was made. The link holds its token: the only time that it is shown.
#[derive(Serialize, JsonSchema)]
struct InviteMade {
    id: String,
    invite_link: String,
}

#[derive(Serialize, JsonSchema)]
struct InviteResent {
    #[serde(rename = "inviteLink")]
    link: String,
}

/// An invite.
#[derive(Serialize, JsonSchema)]
struct InviteShown {
    object: &'static str,
    id: String,
    email: String,
    role: &'static str,
    created_at: String,
    expires_at: String,
    accepted_at: Option<String>,
    status: &'static str,
    invited_by: Option<String>,
    workspaces: Vec<InvitedToShown>,
}

#[derive(Serialize, JsonSchema)]
struct InvitedToShown {
    id: String,
    role: &'static str,
}

async fn create(ask: Ask<Caller, NewInviteBody>) -> Result<Json<InviteMade>, ApiError> {
    let body = ask.body;
    let scopes = |details: KeyDetailsBody| {
        ScopeSet::parse(details.scopes.iter().map(String::as_str)).map_err(|error| {
            ApiError::Malformed(format!("workspace_api_key_details.scopes: {error}"))
        })
    };
    let new = NewInvite {
        email: body.email,
        role: body.role.into(),
        workspaces: body.workspaces.into_iter().map(|w| (w.id, w.role.into())).collect(),
        key_scopes: body.workspace_api_key_details.map(scopes).transpose()?,
    };
    let (invite, token) = ask.control.invites(&ask.who).create(new).await?;
    let invite_link = ask.control.settings().invite_link(&token);
    Ok(Json(InviteMade { id: invite.id.to_string(), invite_link }))
}

async fn list_all(ask: Ask<Caller, NoBody>) -> Result<Json<List<InviteShown>>, ApiError> {
    let query = InviteQuery {
        role: ask.query.one_of("role", OrganisationRole::parse)?,
        email: ask.query.text("email").map(str::to_owned),
        status: ask.query.one_of("status", InviteStatus::parse)?,
    };
    let page = ask.query.page()?;
    let now = ask.control.now();
    let invites = ask.control.invites(&ask.who).list(query, page).await?;
    Ok(list(invites, |invite| shown(invite, now)))
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<InviteShown>, ApiError> {
    let id = parse_id(ask.path("inviteId"))?;
    let invite = ask.control.invites(&ask.who).retrieve(id).await?;
    Ok(Json(shown(invite, ask.control.now())))
}

async fn delete(ask: Ask<Caller, NoBody>) -> Result<Json<Done>, ApiError> {
    let id = parse_id(ask.path("inviteId"))?;
    ask.control.invites(&ask.who).delete(id).await?;
    Ok(done())
}

async fn resend(ask: Ask<Caller, NoBody>) -> Result<Json<InviteResent>, ApiError> {
    let id = parse_id(ask.path("inviteId"))?;
    let (_, token) = ask.control.invites(&ask.who).resend(id).await?;
    Ok(Json(InviteResent { link: ask.control.settings().invite_link(&token) }))
}

/// An id that is none names nothing.
fn parse_id(text: &str) -> Result<InviteId, ApiError> {
    InviteId::parse(text).map_err(|_| ControlError::NotFound("invite").into())
}

fn shown(invite: Invite, now: Timestamp) -> InviteShown {
    let workspaces = invite.workspaces.iter().map(|invited| InvitedToShown {
        id: invited.workspace.to_string(),
        role: invited.role.name(),
    });
    InviteShown {
        object: "invite",
        id: invite.id.to_string(),
        workspaces: workspaces.collect(),
        email: invite.email.to_string(),
        role: invite.role.name(),
        created_at: invite.created_at.to_string(),
        expires_at: invite.expires_at.to_string(),
        accepted_at: invite.accepted_at.map(|at| at.to_string()),
        status: invite.status(now).name(),
        invited_by: invite.invited_by.map(|id| id.to_string()),
    }
}
