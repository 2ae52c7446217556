//! A token that is to be replaced for its age in the very request that gives another.

use http::{HeaderMap, Method, header::SET_COOKIE};
use serde_json::{Value, json};

use super::{PASSWORD, cookie, with_token};
use crate::api::{Admin, Credential, Reply};

const QUARTER: i64 = 15 * 60_000;

async fn ask(admin: &Admin, who: &Credential, call: &str, body: &Value) -> (Reply, HeaderMap) {
    let (method, path) = call.split_once(' ').unwrap();
    let method: Method = method.parse().unwrap();
    let (reply, headers) = admin.ask(who, method, path, body.to_string(), &[]).await;
    assert_eq!(reply.status, 200, "{call}: {}", reply.body);
    assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 1, "{call}: {headers:?}");
    (reply, headers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_answer_sets_one_token_and_it_is_good() {
    let admin = Admin::start().await;
    let sign_in = json!({"email": admin.owner_email, "password": admin.owner_password});
    let password = json!({"current_password": admin.owner_password, "new_password": PASSWORD});
    let switch = json!({"organisation": "acme"});
    for (call, body) in [
        ("PUT /auth/session/organisation", &switch),
        ("POST /auth/sign-in", &sign_in),
        ("PUT /auth/password", &password),
    ] {
        let old = admin.owner().await;
        admin.clock.put_forward(QUARTER);
        let (_, headers) = ask(&admin, &old, call, body).await;
        let new = with_token(&old, &cookie(&headers).unwrap());
        let (shown, _) = admin.ask(&new, Method::GET, "/auth/session", String::new(), &[]).await;
        assert_eq!(shown.status, 200, "{call}: {}", shown.body);
        let gone = admin.call_as(&old, "GET /auth/session", &Value::Null).await;
        assert_eq!(gone.status, 401, "{call}: {}", gone.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_gives_no_token() {
    let admin = Admin::start().await;
    let session = admin.owner().await;
    admin.clock.put_forward(QUARTER);
    let (_, headers) = ask(&admin, &session, "POST /auth/sign-out", &json!({})).await;
    assert_eq!(cookie(&headers), None);
}

/// Whoever signs in over a session leaves none behind that nobody can end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_session_that_another_takes_the_place_of_ends() {
    let admin = Admin::start().await;
    let sign_in = json!({"email": admin.owner_email, "password": admin.owner_password});
    for csrf in [true, false] {
        let mut old = admin.owner().await;
        if let (Credential::Session(_, token), false) = (&mut old, csrf) {
            token.clear();
        }
        // Whoever fails is left as they were.
        let wrong = json!({"email": admin.owner_email, "password": "wrong"});
        assert_eq!(admin.call_as(&old, "POST /auth/sign-in", &wrong).await.status, 401);
        assert_eq!(admin.call_as(&old, "GET /auth/session", &Value::Null).await.status, 200);
        ask(&admin, &old, "POST /auth/sign-in", &sign_in).await;
        assert_eq!(admin.call_as(&old, "GET /auth/session", &Value::Null).await.status, 401);
    }
    // So does an invite's session, begun by somebody whose page proved nothing.
    let mut old = admin.owner().await;
    if let Credential::Session(_, token) = &mut old {
        token.clear();
    }
    let body = json!({"email": "new@people.test", "role": "member"});
    let invite = admin.ok("POST /v1/admin/users/invites", body).await;
    let token = invite["invite_link"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let body = json!({"token": token, "password": PASSWORD});
    ask(&admin, &old, "POST /auth/invites/accept", &body).await;
    assert_eq!(admin.call_as(&old, "GET /auth/session", &Value::Null).await.status, 401);
}
