//! What holds for every route: paging, bodies, methods, prefixes.

use http::Method;
use serde_json::{Value, json};

use super::Admin;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_page_in_both_spellings() {
    let admin = Admin::start().await;
    for slug in ["one", "two", "three"] {
        admin.virtual_key(slug).await;
    }
    for list in ["virtual-keys", "providers", "integrations"] {
        for (query, count) in [
            ("", 3),
            ("?", 3),
            ("?page_size=2", 2),
            ("?page_size=2&current_page=1", 1),
            ("?pageSize=2&currentPage=1", 1),
            ("?page_size=2&current_page=2", 0),
            ("?current_page=0&unknown=parameter", 3),
            ("?page_size=&current_page=", 3),
        ] {
            let page = admin.ok(&format!("GET /v1/{list}{query}"), Value::Null).await;
            assert_eq!(page["data"].as_array().unwrap().len(), count, "{list}{query}: {page}");
            assert_eq!((&page["object"], &page["total"]), (&json!("list"), &json!(3)), "{list}");
        }
        for (query, field) in [("page_size=many", "page_size"), ("currentPage=-1", "currentPage")] {
            let said = admin.fails(&format!("GET /v1/{list}?{query}"), Value::Null, 400).await;
            assert!(said.contains(field), "{said}");
        }
    }
    // Newest first.
    let first = admin.ok("GET /v1/virtual-keys?page_size=1", Value::Null).await;
    assert_eq!(first["data"][0]["slug"], "three");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_fields_are_ignored_and_wrong_ones_named() {
    let admin = Admin::start().await;
    let body = json!({
        "name": "one", "slug": "one", "provider": "openai", "key": "sk-abcdefgh",
        "rate_limits": [], "usage_limits": null, "made_up": {"x": [1]},
    });
    admin.ok("POST /v1/virtual-keys", body).await;
    let secret = "sk-a-secret-in-the-wrong-place";
    let keys = "POST /v1/api-keys/workspace/service";
    for (call, body, field) in [
        ("POST /v1/virtual-keys", json!({"provider": "openai", "key": "sk-x"}), "name"),
        ("POST /v1/virtual-keys", json!({"name": 5, "provider": "openai"}), "name"),
        (
            "POST /v1/virtual-keys",
            json!({"name": "x", "provider": "openai", "key": [secret]}),
            "key",
        ),
        (
            "POST /v1/virtual-keys",
            json!({"name": "x", "provider": "openai", "configurations": secret}),
            "configurations",
        ),
        (
            "POST /v1/virtual-keys",
            json!({"name": "x", "provider": "openai", "key": "sk-x", "expires_at": secret}),
            "expires_at",
        ),
        ("PUT /v1/virtual-keys/one", json!({"deploymentConfig": secret}), "deploymentConfig"),
        (
            "POST /v1/virtual-keys",
            json!({"name": "x", "provider": "openai", "key": "k", "rate_limits": [{"value": 1}]}),
            "rate_limits",
        ),
        (
            "POST /v1/integrations",
            json!({"name": "x", "ai_provider_id": "openai", "create_default_provider": secret}),
            "create_default_provider",
        ),
        ("PUT /v1/integrations/one/models", json!({"models": [{"slug": 5}]}), "models"),
        ("POST /v1/providers", json!({"name": "x"}), "integration_id"),
        (keys, json!({"name": "x", "scopes": [], "permissions": {}}), "permissions"),
        (keys, json!({"name": "x", "permissions": {"magic": "read"}}), "magic"),
        (keys, json!({"name": "x", "permissions": {"prompts": "publish"}}), "permissions"),
        (keys, json!({"name": "x", "scopes": ["audit_logs.list"]}), "audit_logs.list"),
        (keys, json!({"name": "x", "allowed_addresses": ["10.0.0.0/99"]}), "allowed_addresses"),
        (keys, json!({"name": "x", "alert_emails": ["a@b.example"]}), "alert_emails"),
        (keys, json!({"name": "x", "defaults": {"config_id": "a b"}}), "config_id"),
        (keys, json!({"name": "x", "scopes": "all"}), "scopes"),
        (keys, json!({"name": "x", "scopes": ["no.such"]}), "scopes"),
        (keys, json!({"name": "", "scopes": []}), "name"),
        (keys, json!({"name": "x", "scopes": [], "environment": "moon"}), "environment"),
        (keys, json!({"name": "x", "scopes": [], "user_id": "nobody"}), "user_id"),
        (
            keys,
            json!({"name": "x", "scopes": [], "expires_at": "2001-01-01T00:00:00Z"}),
            "expires_at",
        ),
        (keys, json!({"name": "x", "scopes": [], "defaults": {"metadata": {"a": 1}}}), "metadata"),
    ] {
        let said = admin.fails(call, body.clone(), 400).await;
        assert!(said.contains(field), "{call} {body}: {said}");
        assert!(!said.contains(secret), "{call}: {said}");
    }
    assert_eq!(admin.ok("GET /v1/virtual-keys", Value::Null).await["total"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_are_bounded_and_must_be_objects() {
    let admin = Admin::start().await;
    let send = async |text: String| {
        admin.send(&admin.master, Method::POST, "/v1/virtual-keys", text).await
    };
    let padded = |size: usize| {
        let body = json!({"name": "big", "provider": "openai", "key": "sk-abcdefgh", "note": ""});
        let text = body.to_string();
        text + &" ".repeat(size)
    };
    assert_eq!(send(padded((1 << 20) + 1)).await.status, 413);
    assert_eq!(send(padded(1000)).await.status, 200);
    // Which field of a very long one is wrong is not looked for: that would take many readings.
    let long = json!({"name": 5, "note": "x".repeat(100_000)}).to_string();
    let reply = send(long).await;
    assert_eq!(reply.body["message"], "a field of the request body cannot be read");
    for text in ["[]", "5", "null", "{", "{\"name\": }", "\u{feff}{}"] {
        let reply = send(text.to_owned()).await;
        assert_eq!(reply.status, 400, "{text}: {}", reply.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_and_paths_that_are_not_served_say_so() {
    let admin = Admin::start().await;
    for call in
        ["PUT /v1/virtual-keys", "PATCH /v1/api-keys/x", "POST /v1/logs/x", "DELETE /v1/logs"]
    {
        admin.fails(call, Value::Null, 405).await;
    }
    for resource in portcullis_api::NOT_SERVED {
        for path in [format!("/v1/{resource}"), format!("/v1/{resource}/x/y")] {
            let said = admin.fails(&format!("GET {path}"), Value::Null, 404).await;
            assert!(said.contains(resource) && said.contains("not served"), "{said}");
        }
    }
    admin.fails("GET /v1/virtual-keys/x/y", Value::Null, 404).await;
    admin.fails("POST /v1/api-keys/planet/service", json!({"name": "x", "scopes": []}), 404).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_version_is_the_same() {
    let admin = Admin::start().await;
    admin.virtual_key("one").await;
    for path in
        ["virtual-keys", "virtual-keys/one", "providers/one", "integrations/one", "api-keys"]
    {
        let first = admin.ok(&format!("GET /v1/{path}"), Value::Null).await;
        assert_eq!(admin.ok(&format!("GET /v2/{path}"), Value::Null).await, first, "{path}");
    }
}
