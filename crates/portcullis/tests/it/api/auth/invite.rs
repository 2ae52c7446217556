//! Invites: used once, in time, and worth what whoever sent them may give at that moment.

use portcullis_domain::{Clock as _, OrganisationRole, ScopeSet};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

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

/// Whoever invites, and whoever bears the link, is told the same of an address that has an account
/// elsewhere and of one that has none; and takes nothing from whoever has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_learns_from_an_invite_whether_its_address_has_an_account() {
    let admin = Admin::start().await;
    let abroad = admin.second_organisation().await;
    let kind = portcullis_domain::ApiKeyKind::OrganisationService;
    let theirs = Credential::Key(admin.key(&abroad, kind, ScopeSet::all()).await.1);
    let known = admin.owner_email.clone();
    let unknown = "z@acme.test".to_owned();
    assert_eq!(known.len(), unknown.len());
    let mut seen = Vec::new();
    for email in [&known, &unknown] {
        let mut names = vec![email.clone()];
        let mut replies = Vec::new();
        let body = json!({"email": email, "role": "member"});
        let made = admin.call_as(&theirs, "POST /v1/admin/users/invites", &body).await;
        let id = made.body["id"].as_str().unwrap().to_owned();
        let link = made.body["invite_link"].as_str().unwrap();
        let token = link.split_once('#').unwrap().1.to_owned();
        names.extend([id.clone(), token.clone()]);
        replies.push(made);
        let ask =
            async |who: &Credential, call: &str, body: Value| admin.call_as(who, call, &body).await;
        let get = format!("GET /v1/admin/users/invites/{id}");
        replies.push(ask(&theirs, &get, Value::Null).await);
        let list = format!("GET /v1/admin/users/invites?email={}", email.replace('@', "%40"));
        replies.push(ask(&theirs, &list, Value::Null).await);
        let (nobody, look_up) = (Credential::Nobody, "POST /auth/invites/look-up");
        replies.push(ask(&nobody, look_up, json!({"token": token})).await);
        let accept = "POST /auth/invites/accept";
        let stranger = admin
            .somebody(
                &format!("s{}", &email[..1]),
                abroad.organisation_id,
                OrganisationRole::Member,
                &[],
            )
            .await;
        names.extend([stranger.email.clone(), stranger.id.to_string()]);
        for who in [&nobody, &stranger.session] {
            for body in [
                json!({"token": token}),
                json!({"token": token, "password": "short"}),
                json!({"token": token, "password": PASSWORD, "first_name": "two\nlines"}),
            ] {
                let refused = ask(who, accept, body).await;
                assert_eq!(refused.status, 400, "{}", refused.body);
                replies.push(refused);
            }
        }
        let accepted = ask(&nobody, accept, json!({"token": token, "password": PASSWORD})).await;
        assert_eq!((accepted.status, &accepted.body["is_new"]), (200, &json!(true)));
        let session = &accepted.body["session"];
        names.push(accepted.body["user"]["id"].as_str().unwrap().to_owned());
        names.extend(session["csrf_token"].as_str().map(str::to_owned));
        replies.push(accepted);
        replies.push(ask(&theirs, &get, Value::Null).await);
        let users = format!("GET /v1/admin/users?email={}", email.replace('@', "%40"));
        replies.push(ask(&theirs, &users, Value::Null).await);
        let signed_in = admin.sign_in(email, PASSWORD).await.0;
        names.extend(signed_in.body["csrf_token"].as_str().map(str::to_owned));
        assert_eq!(signed_in.body["organisations"].as_array().unwrap().len(), 1);
        replies.push(signed_in);
        replies.push(admin.sign_in(email, "none of them").await.0);
        // What the trail of those who invited holds of it.
        let trail = format!("GET /v1/admin/audit-logs?limit=100&text={}", &email[..6]);
        let trail = ask(&theirs, &trail, Value::Null).await;
        let told = trail.body["data"].as_array().unwrap().iter().map(|row| {
            let event = &row["event"];
            let of = ["action", "outcome", "status", "reason"].map(|name| event[name].to_string());
            (of, event["resource"]["type"].to_string(), event["actor"]["kind"].to_string())
        });
        let told: Vec<_> = told.collect();
        assert!(told.len() > 3, "{told:?}");
        let text = replies.iter().map(|reply| format!("{} {}\n", reply.status, reply.body));
        let text = names
            .iter()
            .fold(text.collect::<String>(), |text, name| text.replace(name.as_str(), "NAME"));
        let text = text.replace(&format!("\"{}\"", &email[..1]), "\"LOCAL\"");
        seen.push((without_times(&text), told));
    }
    let [of_known, of_unknown] = [&seen[0], &seen[1]];
    assert_eq!(of_known, of_unknown);

    // The account that was there is what it was, and nothing was told where it belongs but the
    // sign-in that failed.
    assert_eq!(admin.told("sign_in_failed").await.len(), 1);
    let (home, _) = admin.sign_in(&known, &admin.owner_password).await;
    assert_eq!((home.status, &home.body["organisation"]["name"]), (200, &json!("Acme")));
    assert_eq!(home.body["organisations"].as_array().unwrap().len(), 1);
}

/// A text without its instants.
fn without_times(text: &str) -> String {
    let mut parts = text.split('"').map(str::to_owned).collect::<Vec<_>>();
    for part in &mut parts {
        let bytes = part.as_bytes();
        if bytes.len() >= 20 && bytes[4] == b'-' && bytes[10] == b'T' && part.ends_with('Z') {
            "TIME".clone_into(part);
        }
    }
    parts.join("\"")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_proves_that_they_have_an_account_joins_with_it() {
    let admin = Admin::start().await;
    let abroad = admin.second_organisation().await;
    let kind = portcullis_domain::ApiKeyKind::OrganisationService;
    let theirs = Credential::Key(admin.key(&abroad, kind, ScopeSet::all()).await.1);
    let body = json!({"email": admin.owner_email, "role": "member"});
    let (_, token) = invite(&admin, &theirs, body.clone()).await;
    let accepted = accept(&admin, &token, &admin.owner_password).await;
    assert_eq!((accepted.status, &accepted.body["is_new"]), (200, &json!(false)));
    assert_eq!(accepted.body["session"]["organisation"]["name"], "Other");
    let (both, _) = admin.sign_in(&admin.owner_email, &admin.owner_password).await;
    assert_eq!(both.body["organisations"].as_array().unwrap().len(), 2);
    let again = admin.call_as(&theirs, "POST /v1/admin/users/invites", &body).await;
    assert_eq!(again.status, 409, "{}", again.body);

    // One member of an address in an organisation, whichever of its accounts it is.
    let body = json!({"email": "new@people.test", "role": "member"});
    let (_, one) = invite(&admin, &theirs, body.clone()).await;
    let (_, two) = invite(&admin, &theirs, body).await;
    let (one, two) =
        tokio::join!(accept(&admin, &one, PASSWORD), accept(&admin, &two, "another three mice"),);
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{one:?} {two:?}");
}

/// Two accounts of one address: each has its own password, and neither helps against the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_account_of_the_address_is_no_help_in_guessing() {
    let admin = Admin::start().await;
    admin.clock.stop();
    let abroad = admin.second_organisation().await;
    let kind = portcullis_domain::ApiKeyKind::OrganisationService;
    let theirs = Credential::Key(admin.key(&abroad, kind, ScopeSet::all()).await.1);
    let body = json!({"email": admin.owner_email.to_uppercase(), "role": "owner"});
    let (_, token) = invite(&admin, &theirs, body).await;
    assert_eq!(accept(&admin, &token, PASSWORD).await.body["is_new"], true);
    let organisation = async |password: &str, organisation: &str| {
        let email = &admin.owner_email;
        let body = json!({"email": email, "password": password, "organisation": organisation});
        let reply = admin.call_as(&Credential::Nobody, "POST /auth/sign-in", &body).await;
        (reply.status, reply.body["organisation"]["slug"].clone())
    };
    assert_eq!(organisation(PASSWORD, "").await, (200, json!("other")));
    assert_eq!(organisation(PASSWORD, "other").await, (200, json!("other")));
    assert_eq!(organisation(&admin.owner_password, "acme").await, (200, json!("acme")));
    for _ in 0..4 {
        assert_eq!(admin.sign_in(&admin.owner_email, "guess").await.0.status, 401);
        assert_eq!(admin.sign_in(&admin.owner_email, PASSWORD).await.0.status, 200);
        // Nor does the right password lead into an organisation that the account is not of.
        assert_eq!(organisation(PASSWORD, "other").await.0, 200);
    }
    assert_eq!(organisation(PASSWORD, "acme").await, (401, Value::Null));
    assert_eq!(admin.sign_in(&admin.owner_email, "guess").await.0.status, 401);
    assert_eq!(admin.sign_in(&admin.owner_email, PASSWORD).await.0.status, 429);
    admin.clock.put_forward(15 * 60_000);
    assert_eq!(admin.sign_in(&admin.owner_email, PASSWORD).await.0.status, 200);

    // A password that was changed to the other's leads to whoever set it last: however many are tried,
    // nobody sees which of them is the other's.
    let (session, headers) = admin.sign_in(&admin.owner_email, PASSWORD).await;
    let session = super::credential(&headers, &session.body);
    let body = json!({"current_password": PASSWORD, "new_password": admin.owner_password});
    let changed = admin.call_as(&session, "PUT /auth/password", &body).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(organisation(&admin.owner_password, "").await, (200, json!("other")));
    assert_eq!(organisation(&admin.owner_password, "other").await, (200, json!("other")));
    assert_eq!(organisation(&admin.owner_password, "acme").await, (200, json!("acme")));
}

/// A session is begun with what an invite gives, or nothing is given: the answer has the only copy of
/// the keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_is_accepted_wholly_or_not_at_all() {
    let admin = Admin::start().await;
    let body = json!({
        "email": "new@people.test", "role": "member",
        "workspaces": [{"id": admin.workspace.id, "role": "manager"}],
        "workspace_api_key_details": {"scopes": ["completions.write"]},
    });
    let (id, token) = invite(&admin, &Credential::Key(admin.master.clone()), body).await;
    let mut database = SqliteConnection::connect(&admin.url).await.unwrap();
    for cannot in ["INSERT ON sessions", "INSERT ON audit_events WHEN NEW.action = 'sign_in'"] {
        let sql = format!("CREATE TRIGGER no BEFORE {cannot} BEGIN SELECT RAISE(ABORT, 'no'); END");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
        let refused = accept(&admin, &token, PASSWORD).await;
        assert!([500, 503].contains(&refused.status), "{cannot}: {}", refused.body);
        sqlx::query("DROP TRIGGER no").execute(&mut database).await.unwrap();
        let pending = admin.ok(&format!("GET /v1/admin/users/invites/{id}"), Value::Null).await;
        assert_eq!(pending["status"], "pending", "{cannot}");
    }
    let accepted = accept(&admin, &token, PASSWORD).await;
    assert_eq!(accepted.status, 200, "{}", accepted.body);
    assert_eq!(accepted.body["api_keys"].as_array().unwrap().len(), 1);
    assert!(accepted.body["session"]["csrf_token"].is_string());
}
