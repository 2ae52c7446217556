//! Signing in: who guesses learns nothing, and waits longer and longer.

use serde_json::{Value, json};

use super::{PASSWORD, credential};
use crate::api::{Admin, CLIENT, Credential};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_knows_the_password_is_let_in() {
    let admin = Admin::start().await;
    let shouted = admin.owner_email.to_uppercase();
    let (reply, headers) = admin.sign_in(&shouted, &admin.owner_password).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["user"]["email"], admin.owner_email);
    assert_eq!(reply.body["organisation"]["role"], "owner");
    let session = credential(&headers, &reply.body);
    // The token is in the cookie only.
    assert!(!reply.body.to_string().contains(super::token(&session)));
    let who = admin.call_as(&session, "GET /auth/session", &Value::Null).await;
    assert_eq!(who.body["user"], reply.body["user"]);
    let users = admin.call_as(&session, "GET /v1/admin/users", &Value::Null).await;
    assert_eq!((users.status, &users.body["total"]), (200, &json!(1)));

    let told = admin.told("sign_in").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["actor"]["name"], admin.owner_email);
    assert_eq!(told[0]["request"]["client"], CLIENT);
    assert_eq!(told[0]["outcome"], "success");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_person_and_a_wrong_password_are_answered_alike() {
    let admin = Admin::start().await;
    let unknown = admin.sign_in("nobody@acme.test", PASSWORD).await;
    let wrong = admin.sign_in(&admin.owner_email, PASSWORD).await;
    let nonsense = admin.sign_in("not an address", PASSWORD).await;
    assert_eq!(unknown.0.status, 401);
    assert_eq!(unknown.0, wrong.0);
    assert_eq!(unknown.0, nonsense.0);
    let names =
        |headers: &http::HeaderMap| headers.keys().map(|name| name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&unknown.1), names(&wrong.1));

    // The organisation is told of the failure on its person; of an unknown one only the instance
    // is, and not under the name that was typed: it may have been a password.
    let told = admin.told("sign_in_failed").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["resource"]["name"], admin.owner_email);
    assert_eq!((&told[0]["outcome"], &told[0]["status"]), (&json!("denied"), &json!(401)));
    let mut reader = admin.db.read().await.unwrap();
    let own = reader.audit_chains().after(None, 0, 100).await.unwrap();
    let own: Vec<String> = own.iter().map(|found| found.record.canonical.clone()).collect();
    assert_eq!(own.iter().filter(|event| event.contains("sign_in_failed")).count(), 2, "{own:?}");
    assert!(!own.concat().contains("nobody@") && !own.concat().contains("not an address"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_guesses_waits_longer_and_longer() {
    let admin = Admin::start().await;
    let status = async |password: &str| admin.sign_in(&admin.owner_email, password).await.0.status;
    for _ in 0..6 {
        assert_eq!(status(PASSWORD).await, 401);
    }
    // Even the right one is not looked at, and trying does not make it worse.
    let (blocked, headers) = admin.sign_in(&admin.owner_email, &admin.owner_password).await;
    assert_eq!(blocked.status, 429, "{}", blocked.body);
    assert_eq!(headers["retry-after"], "1");
    // Somebody unknown is blocked in the same way.
    for _ in 0..6 {
        assert_eq!(admin.sign_in("nobody@acme.test", PASSWORD).await.0.status, 401);
    }
    assert_eq!(admin.sign_in("nobody@acme.test", PASSWORD).await.0.status, 429);

    admin.clock.put_forward(1_000);
    assert_eq!(status(PASSWORD).await, 401);
    assert_eq!(status(PASSWORD).await, 429);
    admin.clock.put_forward(1_000);
    assert_eq!(status(PASSWORD).await, 429, "two seconds by now");
    admin.clock.put_forward(1_000);
    assert_eq!(status(&admin.owner_password).await, 200);
    assert_eq!(status(PASSWORD).await, 401, "what was owed is forgotten");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_at_the_same_time_are_not_all_free() {
    let admin = Admin::start().await;
    let guesses = (0..20).map(|_| admin.sign_in(&admin.owner_email, PASSWORD));
    let statuses: Vec<u16> = futures_util::future::join_all(guesses)
        .await
        .iter()
        .map(|(reply, _)| reply.status)
        .collect();
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(looked_at, 6, "{statuses:?}");
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_of_another_site_signs_nobody_in() {
    let admin = Admin::start().await;
    let body = json!({"email": admin.owner_email, "password": admin.owner_password}).to_string();
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.test"),
        ("origin", "null"),
        ("content-type", "text/plain"),
        ("content-type", "application/x-www-form-urlencoded"),
    ] {
        let path = "/auth/sign-in";
        let headers = [("host", "gate.test"), (name, value)];
        let post = http::Method::POST;
        let (reply, answer) =
            admin.ask(&Credential::Nobody, post, path, body.clone(), &headers).await;
        assert!([400, 403].contains(&reply.status), "{name}: {value}: {}", reply.body);
        assert!(super::cookie(&answer).is_none());
    }
    let headers = [("host", "gate.test"), ("origin", "https://gate.test")];
    let post = http::Method::POST;
    let path = "/auth/sign-in";
    let (reply, _) = admin.ask(&Credential::Nobody, post, path, body, &headers).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}
