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
    admin.clock.stop();
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
    assert_eq!(status(PASSWORD).await, 401, "a good one makes nobody wait");
    assert_eq!(status(PASSWORD).await, 429, "and undoes none of the bad ones");
    admin.clock.put_forward(4 * 15 * 60_000);
    assert_eq!(status(PASSWORD).await, 401);
    assert_eq!(status(&admin.owner_password).await, 200, "time does");
}

/// The events of failed sign-ins in a chain: status and number of refused tries, oldest first.
async fn failures(
    admin: &Admin,
    chain: Option<portcullis_domain::OrganisationId>,
) -> Vec<(u64, Value)> {
    let mut reader = admin.db.read().await.unwrap();
    let found = reader.audit_chains().after(chain, 0, 1000).await.unwrap();
    let events = found.iter().map(|found| Value::Object(found.record.event()));
    let failed = events.filter(|event| event["action"] == "sign_in_failed");
    let mut told: Vec<(u64, Value)> = failed
        .map(|event| {
            assert_eq!(event["request"]["client"], CLIENT, "{event}");
            (event["status"].as_u64().unwrap(), event["after"]["tries_refused"].clone())
        })
        .collect();
    // Tries at the same time are told of in any order.
    for wait in told.chunk_by_mut(|one, other| one.0 == other.0) {
        wait.sort_by_key(|(_, number)| number.as_u64());
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tries_that_are_not_looked_at_are_told_of_ever_less() {
    let admin = Admin::start().await;
    admin.clock.stop();
    let home = Some(admin.workspace.organisation_id);
    let looked_at = || vec![(401, Value::Null); 6];
    let refused = |numbers: &[u64]| numbers.iter().map(|n| (429, json!(n))).collect::<Vec<_>>();
    for (email, chain) in [(admin.owner_email.as_str(), home), ("nobody@acme.test", None)] {
        let statuses = async |count: usize| {
            let tries = (0..count).map(|_| admin.sign_in(email, PASSWORD));
            let tries = futures_util::future::join_all(tries).await;
            tries.iter().map(|(reply, _)| reply.status).collect::<Vec<_>>()
        };
        for _ in 0..6 {
            assert_eq!(statuses(1).await, [401]);
        }
        assert_eq!(statuses(11).await, [429; 11]);
        let expected = [looked_at(), refused(&[1, 2, 4, 8])].concat();
        assert_eq!(failures(&admin, chain).await, expected, "{email}");
        // The next wait begins to count anew.
        admin.clock.put_forward(1_000);
        assert_eq!((statuses(1).await, statuses(3).await), (vec![401], vec![429; 3]));
        let next = [vec![(401, Value::Null)], refused(&[1, 2])].concat();
        assert_eq!(failures(&admin, chain).await, [expected, next].concat(), "{email}");
        admin.clock.put_forward(24 * 3_600_000);
    }
    let told = admin.told("sign_in_failed").await;
    assert_eq!(told[0]["resource"]["name"], admin.owner_email);
    assert_eq!(
        (&told[0]["outcome"], &told[0]["after"]["waits_for"]),
        (&json!("denied"), &json!("account"))
    );
    assert!(told[0]["after"]["waits_until"].is_string(), "{}", told[0]);

    // An address waits as well, whichever accounts it tries; that is the instance's to know.
    let before = failures(&admin, None).await.len();
    let guess = async |number: usize| {
        let email = format!("guess-{number}@acme.test");
        admin.sign_in(&email, PASSWORD).await.0.status
    };
    let guesses = futures_util::future::join_all((0..51).map(guess)).await;
    assert_eq!(guesses, [401; 51]);
    let home_before = failures(&admin, home).await;
    for _ in 0..3 {
        let (blocked, _) = admin.sign_in(&admin.owner_email, &admin.owner_password).await;
        assert_eq!(blocked.status, 429, "{}", blocked.body);
    }
    let told = failures(&admin, None).await.split_off(before);
    assert_eq!(told, [vec![(401, Value::Null); 51], refused(&[1, 2])].concat());
    assert_eq!(failures(&admin, home).await, home_before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_password_for_the_wrong_organisation_is_told_of() {
    let admin = Admin::start().await;
    admin.second_organisation().await;
    for organisation in ["other", "nothing"] {
        let body = json!({
            "email": admin.owner_email, "password": admin.owner_password,
            "organisation": organisation,
        });
        let refused = admin.call_as(&Credential::Nobody, "POST /auth/sign-in", &body).await;
        assert_eq!(refused.status, 404, "{}", refused.body);
    }
    let told = admin.told("sign_in_failed").await;
    assert_eq!(told.iter().filter(|event| event["status"] == 404).count(), 2, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_at_the_same_time_are_not_all_free() {
    let admin = Admin::start().await;
    admin.clock.stop();
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
