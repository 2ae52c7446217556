//! What belongs to others looks as if it were not there.

use portcullis_domain::{ApiKeyKind, ScopeSet};
use serde_json::{Value, json};

use super::Admin;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_things_of_others_cannot_be_told_from_nothing() {
    let admin = Admin::start().await;
    let home = admin.workspace.clone();
    let next_door = admin.second_workspace().await;
    let abroad = admin.second_organisation().await;
    let (_, insider) = admin.key(&home, ApiKeyKind::WorkspaceService, ScopeSet::all()).await;
    let (_, neighbour) = admin.key(&next_door, ApiKeyKind::WorkspaceService, ScopeSet::all()).await;
    let (_, foreigner) = admin.key(&abroad, ApiKeyKind::OrganisationService, ScopeSet::all()).await;

    for (owner, slug) in [(&neighbour, "next-door"), (&foreigner, "abroad")] {
        let body = json!({"name": slug, "slug": slug, "provider": "openai", "key": "sk-abcdefgh"});
        let made = admin.call(owner, "POST /v1/virtual-keys", &body).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let new = json!({"name": "theirs", "scopes": []});
        let made = admin.call(owner, "POST /v1/api-keys/workspace/service", &new).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let id = made.body["id"].as_str().unwrap();

        let unknown_id = home.id.to_string();
        for (call, body) in routes() {
            let named = |slug: &str, id: &str| call.replace("SLUG", slug).replace("ID", id);
            let naming = |slug: &str| -> Value {
                serde_json::from_str(&body.to_string().replace("SLUG", slug)).unwrap()
            };
            let theirs = admin.call(&insider, &named(slug, id), &naming(slug)).await;
            let nothing = named("nothing", &unknown_id);
            let nothing = admin.call(&insider, &nothing, &naming("nothing")).await;
            assert_eq!(theirs.status, 404, "{call}: {}", theirs.body);
            assert_eq!(theirs, nothing, "{call}");
        }
        // It is still there for whom it belongs to.
        let path = format!("GET /v1/virtual-keys/{slug}");
        assert_eq!(admin.call(owner, &path, &Value::Null).await.status, 200);
        let path = format!("GET /v1/api-keys/{id}");
        assert_eq!(admin.call(owner, &path, &Value::Null).await.status, 200);
    }

    for list in ["virtual-keys", "providers", "integrations", "logs"] {
        let seen = admin.call(&insider, &format!("GET /v1/{list}"), &Value::Null).await;
        assert_eq!((seen.status, &seen.body["total"]), (200, &json!(0)), "{list}: {}", seen.body);
    }
    let keys = admin.call(&insider, "GET /v1/api-keys", &Value::Null).await;
    assert_eq!(keys.body["total"], 1, "its own alone: {}", keys.body);

    // The organisation's integrations are seen by its workspaces, page by page, and by no other.
    for slug in ["shared-a", "shared-b"] {
        let body = json!({
            "name": slug, "slug": slug, "ai_provider_id": "openai", "key": "sk-abcdefgh",
            "create_default_provider": false,
        });
        admin.ok("POST /v1/integrations", body).await;
    }
    for (query, key, count) in [
        ("", &insider, 2),
        ("?type=organisation", &insider, 2),
        ("?type=workspace", &insider, 0),
        ("?type=workspace", &neighbour, 1),
        ("", &neighbour, 3),
        ("", &admin.master, 3),
        ("", &foreigner, 1),
    ] {
        for size in [1, 100] {
            let join = if query.is_empty() { '?' } else { '&' };
            let call = format!("GET /v1/integrations{query}{join}page_size={size}");
            let list = admin.call(key, &call, &Value::Null).await.body;
            assert_eq!(list["total"], count, "{call}: {list}");
            assert_eq!(list["data"].as_array().unwrap().len(), size.min(count), "{call}: {list}");
        }
    }
    // Another workspace named by a confined key is not honoured; one of another organisation is
    // unknown to an organisation's key.
    let named = format!("GET /v1/virtual-keys?workspace_id={}", next_door.id);
    assert_eq!(admin.call(&insider, &named, &Value::Null).await.body["total"], 0);
    assert_eq!(admin.ok(&named, Value::Null).await["total"], 1);
    let theirs = format!("/v1/virtual-keys/next-door?workspace_id={}", next_door.id);
    admin.fails("GET /v1/virtual-keys/next-door", Value::Null, 404).await;
    assert_eq!(admin.ok(&format!("GET {theirs}"), Value::Null).await["slug"], "next-door");
    let forged = admin.call(&insider, &format!("DELETE {theirs}"), &Value::Null).await;
    assert_eq!(forged.status, 404, "a confined key stays at home: {}", forged.body);
    admin.ok(&format!("PUT {theirs}"), json!({"note": "seen"})).await;
    assert_eq!(admin.ok(&format!("GET {theirs}"), Value::Null).await["note"], "seen");
    admin.ok(&format!("DELETE {theirs}"), Value::Null).await;
    assert_eq!(admin.ok(&named, Value::Null).await["total"], 0);
    for workspace in [abroad.id.to_string(), home.organisation_id.to_string()] {
        let named = format!("GET /v1/virtual-keys?workspace_id={workspace}");
        assert_eq!(admin.fails(&named, Value::Null, 404).await, "there is no such workspace");
    }
}

fn routes() -> Vec<(&'static str, Value)> {
    vec![
        ("GET /v1/virtual-keys/SLUG", Value::Null),
        ("PUT /v1/virtual-keys/SLUG", json!({"note": "x"})),
        ("DELETE /v1/virtual-keys/SLUG", Value::Null),
        ("GET /v1/providers/SLUG", Value::Null),
        ("PUT /v1/providers/SLUG", json!({"note": "x"})),
        ("DELETE /v1/providers/SLUG", Value::Null),
        ("POST /v1/providers", json!({"name": "mine", "integration_id": "SLUG"})),
        ("GET /v1/integrations/SLUG", Value::Null),
        ("PUT /v1/integrations/SLUG", json!({"name": "x"})),
        ("DELETE /v1/integrations/SLUG", Value::Null),
        ("GET /v1/integrations/SLUG/models", Value::Null),
        ("PUT /v1/integrations/SLUG/models", json!({"models": []})),
        ("DELETE /v1/integrations/SLUG/models?slugs=x", Value::Null),
        ("GET /v1/integrations/SLUG/workspaces", Value::Null),
        ("PUT /v1/integrations/SLUG/workspaces", json!({"workspaces": []})),
        ("GET /v1/api-keys/ID", Value::Null),
        ("PUT /v1/api-keys/ID", json!({"name": "x"})),
        ("DELETE /v1/api-keys/ID", Value::Null),
        ("POST /v1/api-keys/ID/rotate", json!({"key_transition_period_ms": 0})),
    ]
}
