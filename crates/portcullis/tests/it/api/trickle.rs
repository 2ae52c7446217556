//! Bodies that come so slowly that something is taken away meanwhile.

use std::{convert::Infallible, pin::pin};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method};
use portcullis_domain::{ApiKeyKind, OrganisationRole, ScopeSet};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{
    Admin, Credential, Reply,
    auth::{PASSWORD, cookie},
};

const MINUTE: i64 = 60_000;

impl Admin {
    /// Sends a request whose body comes only once `meanwhile` is over; who sends it has been let
    /// in by then.
    async fn trickle(
        &self,
        who: &Credential,
        call: &str,
        body: &Value,
        meanwhile: impl Future<Output = ()>,
    ) -> (Reply, HeaderMap) {
        let (method, path) = call.split_once(' ').unwrap();
        let (waiting, is_waited_for) = oneshot::channel();
        let (go, gone) = oneshot::channel::<()>();
        let text = Bytes::from(body.to_string());
        let frame = async move {
            waiting.send(()).unwrap();
            gone.await.unwrap();
            Ok::<_, Infallible>(text)
        };
        let body = Body::from_stream(stream::once(frame));
        let method: Method = method.parse().unwrap();
        let mut sending = pin!(self.ask_with(who, method, path, body, &[]));
        tokio::select! {
            early = &mut sending => panic!("answered before its body came: {early:?}"),
            waits = is_waited_for => waits.unwrap(),
        }
        meanwhile.await;
        go.send(()).unwrap();
        sending.await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_revoked_meanwhile_is_refused() {
    let admin = Admin::start().await;
    let create = "POST /v1/virtual-keys";
    let body = json!({"name": "slow", "provider": "openai", "key": "sk-abcdefgh"});
    let kind = ApiKeyKind::WorkspaceService;
    let scopes = ScopeSet::parse(["virtual_keys.create"]).unwrap();
    for (meanwhile, change, status) in [
        ("DELETE", Value::Null, 401),
        ("PUT", json!({"scopes": ["completions.write"]}), 403),
        ("PUT", json!({"allowed_addresses": ["203.0.113.0/24"]}), 403),
        ("PUT", json!({"name": "renamed"}), 200),
    ] {
        let (id, key) = admin.key(&admin.workspace, kind, scopes).await;
        let key = Credential::Key(key);
        let path = format!("{meanwhile} /v1/api-keys/{id}");
        let meanwhile = async { drop(admin.ok(&path, change.clone()).await) };
        let (reply, _) = admin.trickle(&key, create, &body, meanwhile).await;
        assert_eq!(reply.status, status, "{path} {change}: {}", reply.body);
    }
    let told = admin.told("create").await;
    assert!(told.iter().any(|event| event["outcome"] == "denied"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_was_put_out_meanwhile_is_refused() {
    let admin = Admin::start().await;
    let organisation = admin.workspace.organisation_id;
    for (meanwhile, change, status) in [
        ("DELETE", Value::Null, 403),
        ("PUT", json!({"role": "member"}), 403),
        ("PUT", json!({"role": "owner"}), 200),
    ] {
        let name = format!("some{status}{}", meanwhile.to_lowercase());
        let some = admin.somebody(&name, organisation, OrganisationRole::Admin, &[]).await;
        let path = format!("{meanwhile} /v1/admin/users/{}", some.id);
        let meanwhile = async { drop(admin.ok(&path, change.clone()).await) };
        let create = "POST /v1/admin/workspaces";
        let body = json!({"name": "Slow"});
        let (reply, _) = admin.trickle(&some.session, create, &body, meanwhile).await;
        assert_eq!(reply.status, status, "{path} {change}: {}", reply.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ended_meanwhile_is_refused() {
    let admin = Admin::start().await;
    let password = json!({"current_password": admin.owner_password, "new_password": PASSWORD});
    for (call, body, status) in [
        ("POST /auth/sign-out", Value::Null, 401),
        ("GET /auth/session", Value::Null, 200),
        ("PUT /auth/password", password, 401),
    ] {
        let session = admin.owner().await;
        let meanwhile = async {
            let reply = admin.call_as(&session, call, &body).await;
            assert_eq!(reply.status, 200, "{call}: {}", reply.body);
        };
        let rename = json!({"first_name": "Slow"});
        let (reply, _) = admin.trickle(&session, "PUT /auth/user", &rename, meanwhile).await;
        assert_eq!(reply.status, status, "{call}: {}", reply.body);
    }
}

/// The token is replaced at the door, and its grace ends while the body comes: no theft.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_whose_grace_ended_meanwhile_is_no_stolen_one() {
    let admin = Admin::start().await;
    let session = admin.owner().await;
    admin.clock.put_forward(15 * MINUTE);
    let meanwhile = async { admin.clock.put_forward(2 * MINUTE) };
    let rename = json!({"first_name": "Slow"});
    let (reply, headers) = admin.trickle(&session, "PUT /auth/user", &rename, meanwhile).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let fresh = super::auth::with_token(&session, &cookie(&headers).unwrap());
    let reply = admin.call_as(&fresh, "GET /auth/session", &Value::Null).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}
