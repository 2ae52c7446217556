//! Nobody gets more than they have. What each route asks for is the matrix's to say.

use portcullis_domain::{ApiKeyKind, Scope, ScopeSet};
use serde_json::{Value, json};

use super::Admin;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_grants_what_they_do_not_hold() {
    let admin = Admin::start().await;
    let held = ScopeSet::parse(["workspace_service_api_keys.create", "logs.view"]).unwrap();
    let (_, key) = admin.key(&admin.workspace, ApiKeyKind::WorkspaceService, held).await;
    let path = "POST /v1/api-keys/workspace/service";
    let more = json!({"name": "x", "scopes": ["logs.view", "completions.write"]});
    let refused = admin.call(&key, path, &more).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.body["message"].as_str().unwrap().contains("completions.write"));
    let same = json!({"name": "x", "scopes": ["logs.view"]});
    assert_eq!(admin.call(&key, path, &same).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_hold_of_a_key_that_may_do_more() {
    let admin = Admin::start().await;
    let home = admin.workspace.clone();
    let keys = admin.ok("GET /v1/api-keys", Value::Null).await;
    let master = keys["data"][0]["id"].as_str().unwrap().to_owned();
    let (workspace_key, _) = admin.key(&home, ApiKeyKind::WorkspaceService, ScopeSet::all()).await;
    let held = Scope::ALL.iter().map(|scope| scope.name()).filter(|name| *name != "logs.view");
    let held = ScopeSet::parse(held).unwrap();
    let (lesser, attacker) = admin.key(&home, ApiKeyKind::OrganisationService, held).await;

    for id in [&master, &workspace_key] {
        let now = json!({"key_transition_period_ms": 0});
        for (call, body) in [
            (format!("POST /v1/api-keys/{id}/rotate"), now),
            (format!("PUT /v1/api-keys/{id}"), json!({"name": "mine"})),
            (format!("PUT /v1/api-keys/{id}"), json!({"scopes": ["completions.write"]})),
        ] {
            let refused = admin.call(&attacker, &call, &body).await;
            assert_eq!(refused.status, 403, "{call}: {}", refused.body);
            let message = refused.body["message"].as_str().unwrap();
            assert!(message.contains("logs.view"), "{call}: {message}");
            assert!(refused.body.get("key").is_none(), "{call}: {}", refused.body);
        }
    }
    // The master key is what it was; what may do no more than the attacker is theirs to rotate,
    // and a key that may do more can still be deleted.
    let shown = admin.ok(&format!("GET /v1/api-keys/{master}"), Value::Null).await;
    assert_ne!(shown["name"], "mine");
    let widen = json!({"scopes": ["logs.view"]});
    let own = format!("PUT /v1/api-keys/{lesser}");
    assert_eq!(admin.call(&attacker, &own, &widen).await.status, 400);
    let delete = format!("DELETE /v1/api-keys/{workspace_key}");
    assert_eq!(admin.call(&attacker, &delete, &Value::Null).await.status, 200);
    let rotate = format!("POST /v1/api-keys/{lesser}/rotate");
    assert_eq!(admin.call(&attacker, &rotate, &json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_good_key_nothing_is_said() {
    let admin = Admin::start().await;
    for key in ["", "nonsense", "pck_a_b_c", &admin.master[..admin.master.len() - 1]] {
        for call in
            ["GET /v1/virtual-keys", "GET /v1/logs/x", "POST /v1/api-keys/workspace/service"]
        {
            let reply = admin.call(key, call, &json!({"name": 5})).await;
            assert_eq!(reply.status, 401, "{call}: {}", reply.body);
            assert_eq!(reply.body["error"]["code"], "03");
        }
    }
}
