//! `/auth/…`: signing in and out, the sessions, the password.

use http::Method;
use portcullis_control::{Control, ControlError, Person, SignIn, SignedIn};
use portcullis_domain::{
    AuditAction, AuditResource, Scope, Secret, Session, SessionId, User, WorkspaceRole,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Done, Json, List, WithCookie, done, list},
    ask::{Ask, Visitor},
    body::NoBody,
    cookie::Cookie,
    error::ApiError,
    route::{Route, open, own},
    schema,
};

pub(crate) fn routes() -> Vec<Route> {
    use AuditAction::{Delete, Enter, List, Read, Rotate, SignOut, Update};
    let audited = |action| (action, AuditResource::Session);
    let user = |action| (action, AuditResource::User);
    let (get, post) = (Method::GET, Method::POST);
    vec![
        open(post.clone(), "/auth/sign-in", audited(AuditAction::SignIn), "Sign in", sign_in),
        own(get.clone(), "/auth/session", audited(Read), "Who is signed in", session),
        own(
            Method::PUT,
            "/auth/session/organisation",
            audited(Enter),
            "Go over to another organisation",
            enter,
        ),
        own(post.clone(), "/auth/sign-out", audited(SignOut), "Sign out", sign_out),
        own(
            post,
            "/auth/sign-out-everywhere",
            audited(SignOut),
            "End every session",
            sign_out_everywhere,
        ),
        own(get, "/auth/sessions", audited(List), "List one's sessions", sessions),
        own(
            Method::DELETE,
            "/auth/sessions/{sessionId}",
            audited(Delete),
            "End one of one's sessions",
            end_session,
        ),
        own(Method::PUT, "/auth/user", user(Update), "Change one's names", rename),
        own(Method::PUT, "/auth/password", user(Rotate), "Change one's password", password),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct SignInBody {
    email: String,
    password: String,
    /// The organisation to work in, by id or slug: only the account of that one is tried. The first one
    /// that they belong to when not given.
    organisation: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct EnterBody {
    /// The organisation, by id or slug.
    organisation: String,
}

#[derive(Deserialize, JsonSchema)]
struct RenameBody {
    #[schemars(length(max = 100), regex(pattern = schema::LINE))]
    first_name: Option<String>,
    #[schemars(length(max = 100), regex(pattern = schema::LINE))]
    last_name: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct PasswordBody {
    current_password: String,
    #[schemars(length(min = 12, max = 256))]
    new_password: String,
}

/// Who is signed in, where, and what they may do there.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionShown {
    user: PersonShown,
    /// The organisation they are in; null for whoever belongs to none.
    organisation: Option<PlaceShown>,
    /// Every organisation they belong to.
    organisations: Vec<PlaceShown>,
    /// To be sent as `x-csrf-token` with whatever changes something.
    csrf_token: String,
    expires_at: String,
    object: &'static str,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct PersonShown {
    id: String,
    email: String,
    first_name: String,
    last_name: String,
    object: &'static str,
}

/// What somebody is in an organisation.
#[derive(Serialize, JsonSchema)]
struct PlaceShown {
    id: String,
    slug: String,
    name: String,
    role: &'static str,
    workspaces: Vec<WorkspacePlaceShown>,
    /// What they may do in the organisation as a whole.
    scopes: Vec<&'static str>,
}

#[derive(Serialize, JsonSchema)]
struct WorkspacePlaceShown {
    id: String,
    role: &'static str,
    /// What they may do in the workspace.
    scopes: Vec<&'static str>,
}

/// A session in a list.
#[derive(Serialize, JsonSchema)]
struct SessionListed {
    id: String,
    is_current: bool,
    created_at: String,
    last_used_at: String,
    client_ip: Option<String>,
    user_agent: Option<String>,
    object: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct Ended {
    /// How many sessions were ended.
    ended: u64,
}

async fn sign_in(ask: Ask<Visitor, SignInBody>) -> Result<WithCookie<SessionShown>, ApiError> {
    let SignInBody { email, password, organisation } = ask.body;
    let asked = SignIn { email, password: Secret::new(password), organisation };
    let signed_in = ask.control.sign_in(&ask.who.origin, asked).await?;
    begun(&ask.control, &ask.who, signed_in).await
}

/// A session that has just begun, with its cookie. The one that the cookie held before has no owner
/// any more, and ends.
pub(crate) async fn begun(
    control: &Control,
    visitor: &Visitor,
    signed_in: SignedIn,
) -> Result<WithCookie<SessionShown>, ApiError> {
    if let Some(before) = &visitor.presented {
        match control.own(before).sign_out().await {
            Ok(()) | Err(ControlError::NotFound(_)) => {}
            // It ends by itself before long; the new one has begun in any case.
            Err(error) => tracing::error!(%error, "a session that was replaced did not end"),
        }
    }
    let SignedIn { session, token, user } = signed_in;
    let person = Person { user, session, actor: None, origin: visitor.origin.clone() };
    let shown = shown(control, &person).await?;
    Ok(WithCookie(shown, Some(Cookie::Session(token))))
}

async fn session(ask: Ask<Person, NoBody>) -> Result<Json<SessionShown>, ApiError> {
    Ok(Json(shown(&ask.control, &ask.who).await?))
}

async fn enter(ask: Ask<Person, EnterBody>) -> Result<WithCookie<SessionShown>, ApiError> {
    let (session, token) = ask.control.own(&ask.who).enter(&ask.body.organisation).await?;
    let person = Person { session, ..ask.who };
    Ok(WithCookie(shown(&ask.control, &person).await?, Some(Cookie::Session(token))))
}

async fn sign_out(ask: Ask<Person, NoBody>) -> Result<WithCookie<Done>, ApiError> {
    ask.control.own(&ask.who).sign_out().await?;
    Ok(WithCookie(Done {}, Some(Cookie::Gone)))
}

async fn sign_out_everywhere(ask: Ask<Person, NoBody>) -> Result<WithCookie<Ended>, ApiError> {
    let ended = ask.control.own(&ask.who).sign_out_everywhere().await?;
    Ok(WithCookie(Ended { ended }, Some(Cookie::Gone)))
}

async fn sessions(ask: Ask<Person, NoBody>) -> Result<Json<List<SessionListed>>, ApiError> {
    let items = ask.control.own(&ask.who).sessions().await?;
    let current = ask.who.session.id;
    let all = portcullis_control::List { total: items.len() as u64, items };
    Ok(list(all, |session: Session| SessionListed {
        id: session.id.to_string(),
        is_current: session.id == current,
        created_at: session.created_at.to_string(),
        last_used_at: session.seen_at.to_string(),
        client_ip: session.client,
        user_agent: session.user_agent,
        object: "session",
    }))
}

async fn end_session(ask: Ask<Person, NoBody>) -> Result<Json<Done>, ApiError> {
    let id = SessionId::parse(ask.path("sessionId"));
    let id = id.map_err(|_| ControlError::NotFound("session"))?;
    ask.control.own(&ask.who).end_session(id).await?;
    Ok(done())
}

async fn rename(ask: Ask<Person, RenameBody>) -> Result<Json<PersonShown>, ApiError> {
    let RenameBody { first_name, last_name } = ask.body;
    Ok(Json(person(ask.control.own(&ask.who).rename(first_name, last_name).await?)))
}

async fn password(ask: Ask<Person, PasswordBody>) -> Result<WithCookie<Done>, ApiError> {
    let PasswordBody { current_password, new_password } = ask.body;
    let (current, new) = (Secret::new(current_password), Secret::new(new_password));
    let (_, token) = ask.control.own(&ask.who).change_password(current, new).await?;
    Ok(WithCookie(Done {}, Some(Cookie::Session(token))))
}

async fn shown(control: &Control, who: &Person) -> Result<SessionShown, ApiError> {
    let own = control.own(who);
    let mut organisations = Vec::new();
    let mut organisation = None;
    for membership in own.memberships().await? {
        if who.session.organisation_id == Some(membership.organisation.id) {
            organisation = Some(place(&membership));
        }
        organisations.push(place(&membership));
    }
    Ok(SessionShown {
        user: person(who.user.clone()),
        organisation,
        organisations,
        csrf_token: control.csrf_token(who.session.id),
        expires_at: own.expires_at().to_string(),
        object: "session",
    })
}

fn place(membership: &portcullis_control::Membership) -> PlaceShown {
    let portcullis_control::Membership { organisation, member } = membership;
    let roles = organisation.settings.roles.compile();
    let workspace = |id, role: WorkspaceRole| WorkspacePlaceShown {
        id,
        role: role.name(),
        scopes: roles.workspace(role).iter().map(Scope::name).collect(),
    };
    PlaceShown {
        id: organisation.id.to_string(),
        slug: organisation.slug.to_string(),
        name: organisation.name.clone(),
        role: member.role.name(),
        workspaces: member
            .workspaces
            .iter()
            .map(|place| workspace(place.workspace_id.to_string(), place.role))
            .collect(),
        scopes: member.role.scopes().iter().map(Scope::name).collect(),
    }
}

pub(crate) fn person(user: User) -> PersonShown {
    PersonShown {
        id: user.id.to_string(),
        email: user.email.to_string(),
        first_name: user.first_name,
        last_name: user.last_name,
        object: "user",
    }
}
