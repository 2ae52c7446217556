//! Which scope each route asks for.

use portcullis_domain::{ApiKeyKind, Scope, ScopeSet};
use serde_json::{Value, json};

use super::Admin;

/// Each route with a body it takes, and the scopes that open it, each alone.
fn routes(ids: &Ids) -> Vec<(String, Value, Vec<String>)> {
    let mut routes = Vec::new();
    let mut add = |call: &str, body: Value, scopes: &[&str]| {
        routes.push((call.to_owned(), body, scopes.iter().map(|s| (*s).to_owned()).collect()));
    };
    let key = json!({"name": "new", "provider": "openai", "key": "sk-abcdefgh"});
    add("GET /v1/virtual-keys", Value::Null, &["virtual_keys.list"]);
    add("POST /v1/virtual-keys", key, &["virtual_keys.create"]);
    let reading = ["virtual_keys.read", "virtual_keys.copy"];
    add("GET /v1/virtual-keys/there", Value::Null, &reading);
    add("PUT /v1/virtual-keys/there", json!({"note": "x"}), &["virtual_keys.update"]);

    let provider = json!({"name": "new", "slug": "another", "integration_id": "shared"});
    add("GET /v1/providers", Value::Null, &["providers.list"]);
    add("POST /v1/providers", provider, &["providers.create"]);
    add("GET /v1/providers/there", Value::Null, &["providers.read"]);
    add("PUT /v1/providers/there", json!({"note": "x"}), &["providers.update"]);

    let lists = ["organisation_integrations.list", "workspace_integrations.list"];
    let (read, update) = ("organisation_integrations.read", "organisation_integrations.update");
    let integration = json!({"name": "new", "ai_provider_id": "openai", "key": "sk-abcdefgh"});
    add("GET /v1/integrations", Value::Null, &lists);
    add("POST /v1/integrations", integration, &["organisation_integrations.create"]);
    add("GET /v1/integrations/shared", Value::Null, &[read]);
    add("PUT /v1/integrations/shared", json!({"description": "x"}), &[update]);
    add("GET /v1/integrations/shared/models", Value::Null, &[read]);
    add("PUT /v1/integrations/shared/models", json!({"models": []}), &[update]);
    add("DELETE /v1/integrations/shared/models?slugs=x", Value::Null, &[update]);
    add("GET /v1/integrations/shared/workspaces", Value::Null, &[read]);
    add("PUT /v1/integrations/shared/workspaces", json!({"workspaces": []}), &[update]);

    add("GET /v1/logs", Value::Null, &["logs.list", "logs.view"]);
    let log = format!("GET /v1/logs/{}", ids.log);
    add(&log, Value::Null, &["logs.view", "logs.write", "completions.write"]);

    let kinds = [
        ("organisation/service", "organisation_service_api_keys", &ids.organisation_key),
        ("workspace/service", "workspace_service_api_keys", &ids.workspace_key),
    ];
    let lists: Vec<String> = ["organisation_service", "workspace_service", "workspace_user"]
        .map(|kind| format!("{kind}_api_keys.list"))
        .to_vec();
    add("GET /v1/api-keys", Value::Null, &lists.iter().map(String::as_str).collect::<Vec<_>>());
    for (path, resource, id) in kinds {
        let scope = |verb: &str| format!("{resource}.{verb}");
        let new = json!({"name": "new", "scopes": []});
        add(&format!("POST /v1/api-keys/{path}"), new, &[&scope("create")]);
        add(&format!("GET /v1/api-keys/{id}"), Value::Null, &[&scope("read")]);
        add(&format!("PUT /v1/api-keys/{id}"), json!({"name": "x"}), &[&scope("update")]);
        let none = json!({"key_transition_period_ms": 0});
        add(&format!("POST /v1/api-keys/{id}/rotate"), none, &[&scope("rotate")]);
        add(&format!("DELETE /v1/api-keys/{id}"), Value::Null, &[&scope("delete")]);
    }
    let user = json!({"name": "new", "scopes": [], "user_id": ids.log});
    add("POST /v1/api-keys/workspace/user", user, &["workspace_user_api_keys.create"]);
    add("DELETE /v1/providers/there", Value::Null, &["providers.delete"]);
    add("DELETE /v1/virtual-keys/there-too", Value::Null, &["virtual_keys.delete"]);
    add("DELETE /v1/integrations/shared", Value::Null, &["organisation_integrations.delete"]);
    routes
}

struct Ids {
    log: String,
    organisation_key: String,
    workspace_key: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_opens_to_its_own_scopes_only() {
    let admin = Admin::start().await;
    let home = admin.workspace.clone();
    admin.virtual_key("there").await;
    admin.virtual_key("there-too").await;
    let shared = json!({
        "name": "shared", "slug": "shared", "ai_provider_id": "openai", "key": "sk-abcdefgh",
        "default_provider_slug": "granted",
    });
    admin.ok("POST /v1/integrations", shared).await;
    let none = || ScopeSet::parse([]).unwrap();
    let ids = Ids {
        log: home.id.to_string(),
        organisation_key: admin.key(&home, ApiKeyKind::OrganisationService, none()).await.0,
        workspace_key: admin.key(&home, ApiKeyKind::WorkspaceService, none()).await.0,
    };
    for (call, body, scopes) in routes(&ids) {
        // All others together do not open it: so none of them does alone.
        let others = Scope::ALL.iter().map(|scope| scope.name());
        let others = others.filter(|name| !scopes.iter().any(|scope| scope == name));
        let others = ScopeSet::parse(others).unwrap();
        let (_, key) = admin.key(&home, ApiKeyKind::OrganisationService, others).await;
        let denied = admin.call(&key, &call, &body).await;
        assert_eq!(denied.status, 403, "{call}: {}", denied.body);
        assert_eq!(denied.body["error"]["code"], "033", "{call}");
        let message = denied.body["message"].as_str().unwrap();
        assert!(scopes.iter().any(|scope| message.contains(scope)), "{call}: {message}");

        for scope in &scopes {
            let scope = ScopeSet::parse([scope.as_str()]).unwrap();
            let (_, key) = admin.key(&home, ApiKeyKind::OrganisationService, scope).await;
            let allowed = admin.call(&key, &call, &body).await;
            // The log and the person named are not there; the first of two deletions succeeds.
            assert!([200, 404].contains(&allowed.status), "{call}: {}", allowed.body);
        }
    }
}

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
