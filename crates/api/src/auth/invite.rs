//! `/auth/invites/…`: what an invite's link leads to.

use http::Method;
use portcullis_control::{Acceptance, Accepted};
use portcullis_domain::{AuditAction, AuditResource, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Json, WithCookie},
    ask::{Ask, Visitor},
    auth::session::{PersonShown, SessionShown, begun, person},
    error::ApiError,
    route::{Route, open},
    schema,
};

pub(crate) fn routes() -> Vec<Route> {
    let audited = |action| (action, AuditResource::Invite);
    vec![
        open(
            Method::POST,
            "/auth/invites/look-up",
            audited(AuditAction::Read),
            "What an invite leads to",
            look_up,
        ),
        open(
            Method::POST,
            "/auth/invites/accept",
            audited(AuditAction::Accept),
            "Accept an invite",
            accept,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct LookUpBody {
    /// The token: what stands behind the `#` of the invite's link.
    token: String,
}

#[derive(Deserialize, JsonSchema)]
struct AcceptBody {
    /// The token: what stands behind the `#` of the invite's link.
    token: String,
    /// The first name of somebody new.
    #[schemars(length(max = 100), regex(pattern = schema::LINE))]
    first_name: Option<String>,
    /// The last name of somebody new.
    #[schemars(length(max = 100), regex(pattern = schema::LINE))]
    last_name: Option<String>,
    /// The password of your account, if you have one with the invite's e-mail address: it joins the
    /// organisation. Any other is the password of a new account. Whoever is signed in to an account
    /// of that address needs none.
    password: Option<String>,
}

/// Where an invite leads.
#[derive(Serialize, JsonSchema)]
struct InviteLead {
    email: String,
    organisation: String,
    role: &'static str,
    expires_at: String,
    object: &'static str,
}

/// An invite that was accepted.
#[derive(Serialize, JsonSchema)]
struct AcceptedShown {
    user: PersonShown,
    /// Whether the account was made for it.
    is_new: bool,
    organisation_id: String,
    /// Keys that were made for the person: the only time that they are shown.
    api_keys: Vec<FirstKey>,
    /// The session that has begun, for whoever was not signed in.
    session: Option<SessionShown>,
    object: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct FirstKey {
    workspace_id: String,
    id: String,
    key: String,
}

async fn look_up(ask: Ask<Visitor, LookUpBody>) -> Result<Json<InviteLead>, ApiError> {
    let detail = ask.control.invite(&ask.body.token).await?;
    Ok(Json(InviteLead {
        email: detail.invite.email.to_string(),
        organisation: detail.organisation.name,
        role: detail.invite.role.name(),
        expires_at: detail.invite.expires_at.to_string(),
        object: "invite",
    }))
}

async fn accept(ask: Ask<Visitor, AcceptBody>) -> Result<WithCookie<AcceptedShown>, ApiError> {
    let AcceptBody { token, first_name, last_name, password } = ask.body;
    let password = password.map(Secret::new);
    let acceptance = Acceptance { token, first_name, last_name, password };
    let visitor = ask.who;
    let accepted = ask.control.accept(&visitor.origin, visitor.person.as_ref(), acceptance).await?;
    let Accepted { signed_in, user, is_new, organisation, api_keys } = accepted;
    let (session, cookie) = match signed_in {
        None => (None, None),
        Some(signed_in) => match begun(&ask.control, &visitor, signed_in).await {
            Ok(WithCookie(session, cookie)) => (Some(session), cookie),
            // They are in, and this answer has the only copy of their keys: they sign in by
            // themselves.
            Err(error) => {
                if let ApiError::Control(error) = &error {
                    tracing::error!(%error, "a session that has begun cannot be shown");
                }
                (None, None)
            }
        },
    };
    let keys = api_keys.into_iter().map(|(workspace, id, token)| FirstKey {
        workspace_id: workspace.to_string(),
        id: id.to_string(),
        key: token.danger_expose().to_owned(),
    });
    let shown = AcceptedShown {
        user: person(user),
        is_new,
        organisation_id: organisation.id.to_string(),
        api_keys: keys.collect(),
        session,
        object: "acceptance",
    };
    Ok(WithCookie(shown, cookie))
}
