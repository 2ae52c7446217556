//! Signing in and out, sessions, invites, and what people do with what is their own.

mod invite;
mod personal_key;
mod replacement;
mod session;
mod sign_in;

use http::{HeaderMap, Method, header::SET_COOKIE};
use portcullis_domain::{ApiKeyKind, OrganisationId, ScopeSet};
use serde_json::{Value, json};

use super::{Admin, Credential, Reply};

/// A password that may be chosen.
pub(crate) const PASSWORD: &str = "three blind mice";

impl Admin {
    /// Tries to sign in.
    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> (Reply, HeaderMap) {
        let body = json!({"email": email, "password": password}).to_string();
        self.ask(&Credential::Nobody, Method::POST, "/auth/sign-in", body, &[]).await
    }

    /// Signs the owner in.
    pub(crate) async fn owner(&self) -> Credential {
        let (reply, headers) = self.sign_in(&self.owner_email, &self.owner_password).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        credential(&headers, &reply.body)
    }

    /// What comes of accepting an invite that is sent with a key, with a password.
    pub(crate) async fn join(&self, key: &str, email: &str, password: &str) -> Reply {
        let body = json!({"email": email, "role": "member"});
        let made = self.call(key, "POST /v1/admin/users/invites", &body).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let token = made.body["invite_link"].as_str().unwrap().split_once('#').unwrap().1;
        let body = json!({"token": token, "password": password});
        self.call_as(&Credential::Nobody, "POST /auth/invites/accept", &body).await
    }

    /// A key that may do everything in a second organisation, and which that is.
    pub(crate) async fn abroad(&self) -> (String, OrganisationId) {
        let workspace = self.second_organisation().await;
        let kind = ApiKeyKind::OrganisationService;
        (self.key(&workspace, kind, ScopeSet::all()).await.1, workspace.organisation_id)
    }

    /// What the audit trail of the first organisation holds of an action, newest first.
    pub(crate) async fn told(&self, action: &str) -> Vec<Value> {
        let path = format!("GET /v1/admin/audit-logs?action={action}");
        let found = self.ok(&path, Value::Null).await;
        found["data"].as_array().unwrap().iter().map(|row| row["event"].clone()).collect()
    }
}

/// The session that an answer begins or goes on with.
pub(crate) fn credential(headers: &HeaderMap, session: &Value) -> Credential {
    let token = cookie(headers).expect("a cookie");
    Credential::Session(token, session["csrf_token"].as_str().unwrap().to_owned())
}

/// The token that an answer gives.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(SET_COOKIE)?.to_str().unwrap();
    let (pair, attributes) = text.split_once("; ").unwrap();
    assert!(attributes.ends_with("Path=/; Secure; HttpOnly; SameSite=Lax"), "{text}");
    let (name, token) = pair.split_once('=').unwrap();
    assert_eq!(name, "__Host-portcullis");
    Some(token.to_owned()).filter(|token| !token.is_empty())
}

/// The cookie of a session.
pub(crate) fn token(credential: &Credential) -> &str {
    let Credential::Session(token, _) = credential else { panic!("no session") };
    token
}

/// The same session with another token.
pub(crate) fn with_token(credential: &Credential, token: &str) -> Credential {
    let Credential::Session(_, csrf) = credential else { panic!("no session") };
    Credential::Session(token.to_owned(), csrf.clone())
}
