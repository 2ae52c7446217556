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

/// What a chain tells of failed sign-ins, oldest first: whom they were meant for, and where from.
async fn failed_with(
    admin: &Admin,
    chain: Option<portcullis_domain::OrganisationId>,
) -> Vec<(Value, Value, Value)> {
    let mut reader = admin.db.read().await.unwrap();
    let found = reader.audit_chains().after(chain, 0, 1000).await.unwrap();
    let events = found.iter().map(|found| Value::Object(found.record.event()));
    let failed = events.filter(|event| event["action"] == "sign_in_failed");
    let told = failed.map(|event| {
        let request = &event["request"];
        let (name, client) = (event["resource"]["name"].clone(), request["client"].clone());
        (name, client, request["user_agent"].clone())
    });
    told.collect()
}

/// Two organisations have an account of one address, one of them perhaps only to listen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_meant_for_one_organisation_is_not_told_to_another() {
    let admin = Admin::start().await;
    let (their_key, abroad) = admin.abroad().await;
    let home = admin.workspace.organisation_id;
    let decoy = admin.join(&their_key, &admin.owner_email, PASSWORD).await;
    assert_eq!(decoy.body["is_new"], true);
    let only = admin.join(&admin.master, "only@acme.test", PASSWORD).await;
    assert_eq!(only.body["is_new"], true);
    let sign_in = async |email: &str, password: &str, organisation: Option<&str>| {
        let body = json!({"email": email, "password": password, "organisation": organisation});
        let headers = [("host", "gate.test"), ("user-agent", "test/1")];
        let (post, path) = (http::Method::POST, "/auth/sign-in");
        admin.ask(&Credential::Nobody, post, path, body.to_string(), &headers).await.0
    };
    let (email, password) = (admin.owner_email.as_str(), admin.owner_password.as_str());
    let wrong = "none of the three";
    let is_told = async || {
        let ours = failed_with(&admin, Some(home)).await;
        let theirs = failed_with(&admin, Some(abroad)).await;
        (ours, theirs, failed_with(&admin, None).await)
    };
    let from_here = |name: &str| vec![(json!(name), json!(CLIENT), json!("test/1"))];
    let from_somewhere = |name: &str| vec![(json!(name), Value::Null, Value::Null)];

    // A right password elsewhere is answered, and told, as a wrong one is.
    let first = sign_in(email, password, Some("other")).await;
    assert_eq!(first.status, 401, "{}", first.body);
    let expected = (vec![], from_here(email), vec![]);
    assert_eq!(is_told().await, expected);
    for (password, named) in [(PASSWORD, "acme"), (password, "nothing"), (wrong, "acme")] {
        assert_eq!(sign_in(email, password, Some(named)).await, first);
    }
    let told = is_told().await;
    assert_eq!((told.0, told.1), ([from_here(email), from_here(email)].concat(), expected.1));
    let [(name, client, _)] = &told.2[..] else { panic!("{:?}", told.2) };
    assert_eq!(client, CLIENT);
    assert!(!name.to_string().contains("acme"), "nobody is meant: {name}");
    admin.clock.put_forward(24 * 3_600_000);
    let id = home.to_string();
    assert_eq!(sign_in(email, password, Some(&id)).await.status, 200);

    // Where none is named, only the instance is told where it came from: of an address that one has
    // an account of no less than of the other's, or its absence would tell of another account.
    for (email, theirs) in [(email, from_somewhere(email)), ("only@acme.test", vec![])] {
        let before = is_told().await;
        assert_eq!(sign_in(email, wrong, None).await, first);
        let told = is_told().await;
        assert_eq!(told.0[before.0.len()..], from_somewhere(email));
        assert_eq!(told.1[before.1.len()..], theirs);
        assert_eq!(told.2[before.2.len()..], from_here(email));
    }
}

/// However many accounts of an address belong nowhere, the instance is told once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_that_belong_nowhere_are_told_of_together() {
    let admin = Admin::start().await;
    for password in [PASSWORD, "another three mice", "yet three more mice"] {
        let made = admin.join(&admin.master, "gone@acme.test", password).await;
        let path = format!("DELETE /v1/admin/users/{}", made.body["user"]["id"].as_str().unwrap());
        admin.ok(&path, Value::Null).await;
    }
    assert_eq!(admin.sign_in("gone@acme.test", "none of them").await.0.status, 401);
    let told = failed_with(&admin, None).await;
    let names: Vec<&Value> = told.iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["gone@acme.test"]);
}

/// Anybody can keep an address waiting; not so whoever is signed in, or bears a link; and the
/// operator can end it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_known_otherwise_does_not_wait_for_what_others_fail_with() {
    let admin = Admin::start().await;
    admin.clock.stop();
    let (their_key, _) = admin.abroad().await;
    let (email, password) = (&admin.owner_email, &admin.owner_password);
    let session = admin.owner().await;
    for _ in 0..6 {
        assert_eq!(admin.sign_in(email, PASSWORD).await.0.status, 401);
    }
    assert_eq!(admin.sign_in(email, password).await.0.status, 429);
    let joined = admin.join(&their_key, email, password).await;
    assert_eq!((joined.status, &joined.body["is_new"]), (200, &json!(false)), "{joined:?}");
    let body = json!({"current_password": password, "new_password": PASSWORD});
    let changed = admin.call_as(&session, "PUT /auth/password", &body).await;
    assert_eq!(changed.status, 200, "{}", changed.body);

    assert_eq!(admin.sign_in(email, PASSWORD).await.0.status, 429);
    let keys = admin.instance_keys();
    let unlock = async |email: &str| portcullis_control::unlock(&admin.db, &keys, email).await;
    assert_eq!(unlock(&email.to_uppercase()).await.unwrap(), 6);
    assert_eq!(admin.sign_in(email, PASSWORD).await.0.status, 200);
    assert_eq!(unlock(email).await.unwrap(), 0);
    assert!(unlock("not an address").await.is_err());
    let mut reader = admin.db.read().await.unwrap();
    let own = reader.audit_chains().after(None, 0, 100).await.unwrap();
    let own = own.iter().map(|found| Value::Object(found.record.event()));
    let unlocked: Vec<Value> = own.filter(|event| event["request"]["path"] == "unlock").collect();
    assert_eq!(unlocked.len(), 2);
    assert_eq!(unlocked[0]["resource"]["name"], email.to_uppercase());
    assert_eq!(unlocked[0]["before"], json!({"failed_sign_ins": 6}));
}

/// Nor is a link, or one invite after the other, a way to guess without waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_by_invites_wait_too() {
    let admin = Admin::start().await;
    admin.clock.stop();
    let (their_key, _) = admin.abroad().await;
    let mut statuses = Vec::new();
    for number in 0..7 {
        let guess = format!("a guess, number {number}");
        let made = admin.join(&their_key, &admin.owner_email, &guess).await;
        statuses.push(made.status);
        if let Some(id) = made.body["user"]["id"].as_str() {
            let call = format!("DELETE /v1/admin/users/{id}");
            assert_eq!(admin.call(&their_key, &call, &Value::Null).await.status, 200);
        }
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 429]);
    // Whoever has the account is not kept waiting by that.
    let (email, password) = (&admin.owner_email, &admin.owner_password);
    assert_eq!(admin.sign_in(email, password).await.0.status, 200);
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
