//! The life of a session.

use http::Method;
use portcullis_domain::OrganisationRole;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use super::{PASSWORD, cookie, credential, token, with_token};
use crate::api::{Admin, Credential};

const MINUTE: i64 = 60_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_by_rest_and_by_age() {
    let admin = Admin::start().await;
    let session = admin.owner().await;
    let get = async |session: &Credential| {
        admin.ask(session, Method::GET, "/auth/session", String::new(), &[]).await
    };
    admin.clock.put_forward(60 * MINUTE);
    let (rested, headers) = get(&session).await;
    assert_eq!(rested.status, 401, "{}", rested.body);
    assert!(headers.get("set-cookie").is_none());

    let mut session = admin.owner().await;
    let mut tokens = vec![token(&session).to_owned()];
    for minute in (14..12 * 60).step_by(14) {
        admin.clock.put_forward(14 * MINUTE);
        let (reply, headers) = get(&session).await;
        assert_eq!(reply.status, 200, "after {minute} minutes: {}", reply.body);
        if let Some(fresh) = cookie(&headers) {
            session = with_token(&session, &fresh);
            tokens.push(fresh);
        }
    }
    assert!(tokens.len() > 20, "{} tokens", tokens.len());
    admin.clock.put_forward(14 * MINUTE);
    assert_eq!(get(&session).await.0.status, 401, "twelve hours, however busy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_token_ends_the_session_once_its_grace_is_over() {
    let admin = Admin::start().await;
    let old = admin.owner().await;
    let get = async |session: &Credential| {
        admin.ask(session, Method::GET, "/auth/session", String::new(), &[]).await
    };
    admin.clock.put_forward(15 * MINUTE);
    // Requests under way at the same time: one gets the new token, the others go on.
    let answers = futures_util::future::join_all((0..8).map(|_| get(&old))).await;
    assert!(answers.iter().all(|(reply, _)| reply.status == 200));
    let fresh: Vec<String> = answers.iter().filter_map(|(_, headers)| cookie(headers)).collect();
    assert_eq!(fresh.len(), 1, "{fresh:?}");
    let new = with_token(&old, &fresh[0]);
    admin.clock.put_forward(MINUTE - 1_000);
    assert_eq!(get(&old).await.0.status, 200);
    assert_eq!(get(&new).await.0.status, 200);
    admin.clock.put_forward(1_001);
    assert_eq!(get(&old).await.0.status, 401);
    assert_eq!(get(&new).await.0.status, 401, "nobody can tell which of the two is the thief");
    let told = admin.told("sign_out").await;
    assert!(told[0]["reason"].as_str().unwrap().contains("replaced"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_something_bears_the_csrf_token_and_comes_from_our_pages() {
    let admin = Admin::start().await;
    let session = admin.owner().await;
    let other = admin.owner().await;
    let Credential::Session(cookie, csrf) = &session else { unreachable!() };
    let Credential::Session(_, others) = &other else { unreachable!() };
    let with = |csrf: &str| Credential::Session(cookie.clone(), csrf.to_owned());
    let put = async |who: &Credential, path: &str, headers: &[(&str, &str)]| {
        let body = json!({}).to_string();
        admin.ask(who, Method::PUT, path, body, headers).await.0.status
    };
    for path in ["/auth/user", "/v1/admin/organisation"] {
        assert_eq!(put(&with(csrf), path, &[]).await, 200);
        for wrong in ["", "x", others] {
            assert_eq!(put(&with(wrong), path, &[]).await, 403, "{path} {wrong}");
        }
        let host = ("host", "gate.test");
        for (headers, expected) in [
            ([host, ("sec-fetch-site", "same-origin")], 200),
            ([host, ("sec-fetch-site", "none")], 200),
            ([host, ("sec-fetch-site", "same-site")], 403),
            ([host, ("sec-fetch-site", "cross-site")], 403),
            ([host, ("origin", "https://gate.test")], 200),
            ([host, ("origin", "https://gate.test.evil.test")], 403),
            ([host, ("origin", "null")], 403),
        ] {
            assert_eq!(put(&with(csrf), path, &headers).await, expected, "{path} {headers:?}");
        }
    }
    // Reading needs none of that, and a key none at all.
    let read = admin.call_as(&with(""), "GET /v1/admin/organisation", &Value::Null).await;
    assert_eq!(read.status, 200);
    let key = Credential::Key(admin.master.clone());
    let path = "/v1/admin/organisation";
    assert_eq!(put(&key, path, &[("sec-fetch-site", "cross-site")]).await, 200);
    let told = admin.told("update").await;
    assert!(told.iter().any(|event| event["outcome"] == "denied"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_ends_what_it_says() {
    let admin = Admin::start().await;
    let [one, two, three] = [admin.owner().await, admin.owner().await, admin.owner().await];
    let status = async |session: &Credential| {
        admin.call_as(session, "GET /auth/session", &Value::Null).await.status
    };
    let call = async |session: &Credential, call: &str| {
        let reply = admin.call_as(session, call, &Value::Null).await;
        assert_eq!(reply.status, 200, "{call}: {}", reply.body);
        reply.body
    };
    let listed = call(&one, "GET /auth/sessions").await;
    let sessions = listed["data"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|session| session["is_current"] == true).count(), 1);
    assert!(!listed.to_string().contains(token(&one)));

    let path = "/auth/sign-out";
    let (_, headers) = admin.ask(&one, Method::POST, path, String::new(), &[]).await;
    assert!(headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!((status(&one).await, status(&two).await), (401, 200));
    let mine = call(&two, "GET /auth/sessions").await;
    let other = mine["data"].as_array().unwrap().iter().find(|s| s["is_current"] == false);
    let id = other.unwrap()["id"].as_str().unwrap();
    // Nobody ends what is somebody else's.
    let organisation = admin.workspace.organisation_id;
    let somebody = admin.somebody("else", organisation, OrganisationRole::Owner, &[]).await;
    let end = format!("DELETE /auth/sessions/{id}");
    assert_eq!(admin.call_as(&somebody.session, &end, &Value::Null).await.status, 404);
    assert_eq!(status(&three).await, 200);
    call(&two, &end).await;
    assert_eq!((status(&two).await, status(&three).await), (200, 401));

    let four = admin.owner().await;
    assert_eq!(call(&four, "POST /auth/sign-out-everywhere").await["ended"], 2);
    assert_eq!((status(&two).await, status(&four).await), (401, 401));
    assert_eq!(status(&somebody.session).await, 200);
    assert_eq!(admin.told("sign_out").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_password_ends_every_other_session() {
    let admin = Admin::start().await;
    let [this, that] = [admin.owner().await, admin.owner().await];
    let change = async |who: &Credential, current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new}).to_string();
        admin.ask(who, Method::PUT, "/auth/password", body, &[]).await
    };
    for (current, new, what) in [
        ("wrong", PASSWORD, "current_password"),
        (admin.owner_password.as_str(), "short", "12 to 256"),
        (admin.owner_password.as_str(), "abababababababab", "different"),
        (admin.owner_password.as_str(), "xx a@acme.test xx", "e-mail"),
    ] {
        let (reply, _) = change(&this, current, new).await;
        assert_eq!(reply.status, 400, "{new}: {}", reply.body);
        assert!(reply.body["message"].as_str().unwrap().contains(what), "{}", reply.body);
    }
    let (reply, headers) = change(&this, &admin.owner_password, PASSWORD).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let fresh = with_token(&this, &cookie(&headers).unwrap());
    for (session, expected) in [(&this, 401), (&that, 401), (&fresh, 200)] {
        let reply = admin.call_as(session, "GET /auth/session", &Value::Null).await;
        assert_eq!(reply.status, expected);
    }
    assert_eq!(admin.sign_in(&admin.owner_email, &admin.owner_password).await.0.status, 401);
    assert_eq!(admin.sign_in(&admin.owner_email, PASSWORD).await.0.status, 200);
    let told = admin.told("rotate").await;
    assert!(!told.is_empty() && !json!(told).to_string().contains("argon2"), "{told:?}");
}

/// Whoever found somebody's session open and tries for its password is told of, and waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_at_the_password_of_a_session_are_told_of() {
    let admin = Admin::start().await;
    admin.clock.stop();
    let this = admin.owner().await;
    let change = async |current: &str| {
        let body = json!({"current_password": current, "new_password": PASSWORD});
        admin.call_as(&this, "PUT /auth/password", &body).await.status
    };
    for _ in 0..6 {
        assert_eq!(change("wrong").await, 400);
    }
    assert_eq!(change(&admin.owner_password).await, 429);
    let told = admin.told("sign_in_failed").await;
    let statuses: Vec<&Value> = told.iter().map(|event| &event["status"]).collect();
    assert_eq!(json!(statuses), json!([429, 400, 400, 400, 400, 400, 400]));
    assert_eq!(told[0]["after"]["tries_refused"], 1);
    for event in told {
        assert_eq!(event["resource"]["name"], admin.owner_email);
        assert_eq!(event["request"]["client"], crate::api::CLIENT);
    }
    // It makes nobody wait who signs in.
    let (good, _) = admin.sign_in(&admin.owner_email, &admin.owner_password).await;
    assert_eq!(good.status, 200, "{}", good.body);
    admin.clock.put_forward(1_000);
    assert_eq!(change(&admin.owner_password).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_name_is_told_of_with_the_one_before() {
    let admin = Admin::start().await;
    let this = admin.owner().await;
    for (first, last) in [("Ann", "One"), ("Eve", "Two")] {
        let body = json!({"first_name": first, "last_name": last});
        let renamed = admin.call_as(&this, "PUT /auth/user", &body).await;
        assert_eq!(renamed.status, 200, "{}", renamed.body);
    }
    let told = admin.told("update").await;
    let names = |side: &str| {
        let shown = &told[0][side];
        [shown["first_name"].clone(), shown["last_name"].clone()]
    };
    assert_eq!(names("before"), ["Ann", "One"]);
    assert_eq!(names("after"), ["Eve", "Two"]);
}

/// Whichever part of it cannot be written, all of it is not done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_changed_wholly_or_not_at_all() {
    let admin = Admin::start().await;
    let [this, that] = [admin.owner().await, admin.owner().await];
    let body = json!({"current_password": admin.owner_password, "new_password": PASSWORD});
    let mut database = SqliteConnection::connect(&admin.url).await.unwrap();
    for cannot in [
        "INSERT ON audit_events WHEN NEW.resource = 'user'",
        "INSERT ON audit_events WHEN NEW.resource = 'session' AND NEW.action = 'rotate'",
        "UPDATE OF digest ON sessions",
        "DELETE ON sessions",
        "UPDATE OF password_hash ON users",
    ] {
        let sql = format!("CREATE TRIGGER no BEFORE {cannot} BEGIN SELECT RAISE(ABORT, 'no'); END");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
        let refused = admin.call_as(&this, "PUT /auth/password", &body).await;
        assert!([500, 503].contains(&refused.status), "{cannot}: {}", refused.body);
        sqlx::query("DROP TRIGGER no").execute(&mut database).await.unwrap();
        for session in [&this, &that] {
            let reply = admin.call_as(session, "GET /auth/session", &Value::Null).await;
            assert_eq!(reply.status, 200, "{cannot}: {}", reply.body);
        }
        assert_eq!(admin.sign_in(&admin.owner_email, PASSWORD).await.0.status, 401, "{cannot}");
        // A good one in between, so that the failures do not add up.
        let (good, headers) = admin.sign_in(&admin.owner_email, &admin.owner_password).await;
        assert_eq!(good.status, 200, "{cannot}: {}", good.body);
        let again = credential(&headers, &good.body);
        assert_eq!(admin.call_as(&again, "POST /auth/sign-out", &Value::Null).await.status, 200);
        assert!(admin.told("rotate").await.iter().all(|event| event["outcome"] != "success"));
    }
    assert_eq!(admin.call_as(&this, "PUT /auth/password", &body).await.status, 200);
    let told = admin.told("rotate").await;
    let done = told.iter().filter(|event| event["outcome"] == "success");
    let of: Vec<&Value> = done.map(|event| &event["resource"]["type"]).collect();
    assert_eq!(of, ["session", "user"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_of_several_organisations_goes_from_one_to_the_other() {
    let admin = Admin::start().await;
    let abroad = admin.second_organisation().await;
    let owner = admin.owner().await;
    let (_, key) = admin
        .key(
            &abroad,
            portcullis_domain::ApiKeyKind::OrganisationService,
            portcullis_domain::ScopeSet::all(),
        )
        .await;
    let enter = async |who: &Credential, organisation: &str| {
        let body = json!({"organisation": organisation}).to_string();
        admin.ask(who, Method::PUT, "/auth/session/organisation", body, &[]).await
    };
    assert_eq!(enter(&owner, "other").await.0.status, 404, "not theirs yet");
    let body = json!({"email": admin.owner_email, "role": "member", "workspaces": [
        {"id": abroad.id, "role": "member"},
    ]});
    let invite = admin.call(&key, "POST /v1/admin/users/invites", &body).await.body;
    let link = invite["invite_link"].as_str().unwrap();
    let body = json!({"token": link.split_once('#').unwrap().1});
    let accepted = admin.call_as(&owner, "POST /auth/invites/accept", &body).await;
    assert_eq!(accepted.status, 200, "{}", accepted.body);

    let (entered, headers) = enter(&owner, "other").await;
    assert_eq!(entered.status, 200, "{}", entered.body);
    assert_eq!(entered.body["organisation"]["role"], "member");
    assert_eq!(entered.body["organisations"].as_array().unwrap().len(), 2);
    let there = credential(&headers, &entered.body);
    // It can do other things from now on: the token is another.
    assert_eq!(admin.call_as(&owner, "GET /auth/session", &Value::Null).await.status, 401);
    let users = admin.call_as(&there, "GET /v1/admin/users", &Value::Null).await;
    assert_eq!(users.status, 403, "a member there, whatever they are at home");
    let workspaces = admin.call_as(&there, "GET /v1/admin/workspaces", &Value::Null).await;
    assert_eq!(workspaces.body["data"][0]["id"], json!(abroad.id.to_string()));
    let (back, headers) = enter(&there, "acme").await;
    let home = credential(&headers, &back.body);
    assert_eq!(admin.call_as(&home, "GET /v1/admin/users", &Value::Null).await.status, 200);
}
