//! Invites: used once, in time, and worth what whoever sent them may give at that moment.

use portcullis_domain::{Clock as _, OrganisationRole, ScopeSet, WorkspaceRole};
use serde_json::{Value, json};

use super::PASSWORD;
use crate::api::{Admin, Credential, Reply};

const DAY: i64 = 24 * 3_600_000;

/// An invite's id and token.
async fn invite(admin: &Admin, who: &Credential, body: Value) -> (String, String) {
    let made = admin.call_as(who, "POST /v1/admin/users/invites", &body).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let link = made.body["invite_link"].as_str().unwrap();
    let token = link.strip_prefix("https://gate.test/console/invite#").unwrap().to_owned();
    (made.body["id"].as_str().unwrap().to_owned(), token)
}

async fn accept(admin: &Admin, token: &str, password: &str) -> Reply {
    let body = json!({"token": token, "password": password, "first_name": "New"});
    admin.call_as(&Credential::Nobody, "POST /auth/invites/accept", &body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_brings_somebody_in_once() {
    let admin = Admin::start().await;
    let home = admin.workspace.id.to_string();
    let body = json!({
        "email": "New@People.test", "role": "member",
        "workspaces": [{"id": home, "role": "manager"}],
        "workspace_api_key_details": {"scopes": ["completions.write"]},
    });
    let master = Credential::Key(admin.master.clone());
    let (id, token) = invite(&admin, &master, body.clone()).await;
    let path = format!("GET /v1/admin/users/invites/{id}");
    let pending = admin.ok(&path, Value::Null).await;
    assert_eq!((&pending["status"], &pending["role"]), (&json!("pending"), &json!("member")));
    assert!(!pending.to_string().contains(&token), "it is shown once");
    let look_up = async |token: &str| {
        let body = json!({"token": token});
        admin.call_as(&Credential::Nobody, "POST /auth/invites/look-up", &body).await
    };
    let lead = look_up(&token).await;
    assert_eq!((lead.status, &lead.body["organisation"]), (200, &json!("Acme")));

    assert_eq!(accept(&admin, &token, "short").await.status, 400);
    assert_eq!(accept(&admin, &token[1..], PASSWORD).await.status, 404);
    let tries = (0..4).map(|_| accept(&admin, &token, PASSWORD));
    let tries = futures_util::future::join_all(tries).await;
    let accepted: Vec<&Reply> = tries.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(accepted.len(), 1, "{tries:?}");
    assert!(tries.iter().all(|reply| [200, 404, 409].contains(&reply.status)), "{tries:?}");
    let accepted = &accepted[0].body;
    assert_eq!(accept(&admin, &token, PASSWORD).await.status, 404);
    assert_eq!(look_up(&token).await.status, 404);
    assert_eq!(admin.ok(&path, Value::Null).await["status"], "accepted");

    // They are what they were invited to be, and their key does what was said.
    let user = accepted["user"]["id"].as_str().unwrap();
    let path = format!("GET /v1/admin/workspaces/{home}/users/{user}");
    assert_eq!(admin.ok(&path, Value::Null).await["role"], "manager");
    let keys = accepted["api_keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    let path = format!("GET /v1/api-keys/{}", keys[0]["id"].as_str().unwrap());
    let key = admin.ok(&path, Value::Null).await;
    assert_eq!((&key["user_id"], &key["scopes"]), (&json!(user), &json!(["completions.write"])));
    assert_eq!(admin.sign_in("new@people.test", PASSWORD).await.0.status, 200);
    let again = admin.fails("POST /v1/admin/users/invites", body, 409).await;
    assert!(again.contains("already"), "{again}");
    assert_eq!(admin.told("accept").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_is_over_when_its_time_is_and_when_it_is_taken_back() {
    let admin = Admin::start().await;
    let master = Credential::Key(admin.master.clone());
    let body = |name: &str| json!({"email": format!("{name}@people.test"), "role": "member"});
    let (late, token) = invite(&admin, &master, body("late")).await;
    admin.clock.put_forward(7 * DAY);
    assert_eq!(accept(&admin, &token, PASSWORD).await.status, 404);
    let path = format!("/v1/admin/users/invites/{late}");
    assert_eq!(admin.ok(&format!("GET {path}"), Value::Null).await["status"], "expired");
    // Sent again it has its time once more, under another link.
    let again = admin.ok(&format!("POST {path}/resend"), Value::Null).await;
    let fresh = again["inviteLink"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    assert_ne!(fresh, token);
    assert_eq!(accept(&admin, &token, PASSWORD).await.status, 404);
    assert_eq!(accept(&admin, &fresh, PASSWORD).await.status, 200);
    admin.fails(&format!("POST {path}/resend"), Value::Null, 409).await;

    let (back, token) = invite(&admin, &master, body("back")).await;
    let path = format!("/v1/admin/users/invites/{back}");
    admin.ok(&format!("DELETE {path}"), Value::Null).await;
    assert_eq!(accept(&admin, &token, PASSWORD).await.status, 404);
    assert_eq!(admin.ok(&format!("GET {path}"), Value::Null).await["status"], "cancelled");
    let list = admin.ok("GET /v1/admin/users/invites?status=cancelled", Value::Null).await;
    assert_eq!(list["total"], 1, "{list}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_is_worth_what_its_sender_may_give_when_it_is_accepted() {
    let admin = Admin::start().await;
    let organisation = admin.workspace.organisation_id;
    let sender =
        async |name: &str| admin.somebody(name, organisation, OrganisationRole::Admin, &[]).await;
    let body = |name: &str| json!({"email": format!("{name}@people.test"), "role": "admin"});

    let demoted = sender("demoted").await;
    let (id, of_demoted) = invite(&admin, &demoted.session, body("one")).await;
    let path = format!("PUT /v1/admin/users/{}", demoted.id);
    admin.ok(&path, json!({"role": "member"})).await;
    assert_eq!(accept(&admin, &of_demoted, PASSWORD).await.status, 404);
    // It does not come back with the sender's role: it was taken back.
    admin.ok(&path, json!({"role": "admin"})).await;
    assert_eq!(accept(&admin, &of_demoted, PASSWORD).await.status, 404);
    let shown = admin.ok(&format!("GET /v1/admin/users/invites/{id}"), Value::Null).await;
    assert_eq!(shown["status"], "cancelled");

    let gone = sender("gone").await;
    let (_, of_gone) = invite(&admin, &gone.session, body("two")).await;
    admin.ok(&format!("DELETE /v1/admin/users/{}", gone.id), Value::Null).await;
    assert_eq!(accept(&admin, &of_gone, PASSWORD).await.status, 404);

    let kind = portcullis_domain::ApiKeyKind::OrganisationService;
    let (id, key) = admin.key(&admin.workspace, kind, ScopeSet::all()).await;
    let (_, of_key) = invite(&admin, &Credential::Key(key), body("three")).await;
    admin.ok(&format!("DELETE /v1/api-keys/{id}"), Value::Null).await;
    assert_eq!(accept(&admin, &of_key, PASSWORD).await.status, 404);

    let (id, key) = admin.key(&admin.workspace, kind, ScopeSet::all()).await;
    let soon = admin.clock.now().plus_millis(60_000).to_string();
    admin.ok(&format!("PUT /v1/api-keys/{id}"), json!({"expires_at": soon})).await;
    let (_, of_expired) = invite(&admin, &Credential::Key(key), body("late")).await;
    admin.clock.put_forward(60_001);
    assert_eq!(accept(&admin, &of_expired, PASSWORD).await.status, 404);

    // And nobody sends what they may not give.
    let (call, admin_sends) = ("POST /v1/admin/users/invites", sender("last").await.session);
    let owner = json!({"email": "four@people.test", "role": "owner"});
    let refused = admin.call_as(&admin_sends, call, &owner).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.body["message"].as_str().unwrap().contains("billing.manage"));
    let lesser = ScopeSet::parse(["organisation_users.create", "workspaces.read"]).unwrap();
    let (_, lesser) = admin.key(&admin.workspace, kind, lesser).await;
    let manager = json!({"email": "five@people.test", "role": "member", "workspaces": [
        {"id": admin.workspace.id, "role": "member"},
    ]});
    assert_eq!(admin.call(&lesser, call, &manager).await.status, 400);
    let plain = json!({"email": "five@people.test", "role": "member"});
    assert_eq!(admin.call(&lesser, call, &plain).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_is_known_proves_it() {
    let admin = Admin::start().await;
    let abroad = admin.second_organisation().await;
    let kind = portcullis_domain::ApiKeyKind::OrganisationService;
    let (_, theirs) = admin.key(&abroad, kind, ScopeSet::all()).await;
    let body = json!({"email": admin.owner_email, "role": "member"});
    let (_, token) = invite(&admin, &Credential::Key(theirs), body).await;
    // Whoever intercepts the link does not get the account by choosing a password.
    assert_eq!(accept(&admin, &token, PASSWORD).await.status, 401);
    // It is a failed sign-in, and told as one where the person belongs.
    let told = admin.told("sign_in_failed").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["resource"]["name"], admin.owner_email);
    assert_eq!(told[0]["request"]["path"], "/auth/invites/accept");
    let body = json!({"token": token});
    let nameless = admin.call_as(&Credential::Nobody, "POST /auth/invites/accept", &body).await;
    assert_eq!(nameless.status, 400, "{}", nameless.body);
    let places = [(&admin.workspace, WorkspaceRole::Member)];
    let organisation = admin.workspace.organisation_id;
    let other = admin.somebody("other", organisation, OrganisationRole::Member, &places).await;
    let stranger = admin.call_as(&other.session, "POST /auth/invites/accept", &body).await;
    assert_eq!(stranger.status, 400, "somebody else is signed in: {}", stranger.body);
    assert_eq!(admin.sign_in(&admin.owner_email, PASSWORD).await.0.status, 401);
    assert_eq!(accept(&admin, &token, &admin.owner_password).await.status, 200);
}
