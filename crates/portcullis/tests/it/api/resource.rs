//! The shapes of the answers, resource by resource (admin reference §1, §4).

use portcullis_domain::{ApiKeyKind, ScopeSet};
use serde_json::{Value, json};

use super::Admin;

const SECRET: &str = "sk-canary-0123456789";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_virtual_key_is_also_a_provider_and_an_integration() {
    let admin = Admin::start().await;
    let body = json!({
        "name": "Main", "provider": "openai", "key": SECRET, "note": "n", "slug": "main",
        "workspace_id": admin.workspace.slug.as_str(), "expires_at": "2099-01-01T00:00:00Z",
    });
    let made = admin.ok("POST /v1/virtual-keys", body.clone()).await;
    assert_eq!((&made["success"], &made["slug"]), (&json!(true), &json!("main")), "{made}");
    assert_eq!(made["data"], json!({"id": made["id"], "slug": "main"}));
    assert_eq!(made["object"], "virtual-key");
    admin.fails("POST /v1/virtual-keys", body, 409).await;

    let shown = admin.ok("GET /v1/virtual-keys/main", Value::Null).await;
    assert_has(
        &shown,
        &[
            "name",
            "note",
            "status",
            "usage_limits",
            "reset_usage",
            "created_at",
            "slug",
            "model_config",
            "rate_limits",
            "expires_at",
            "secret_mappings",
            "object",
            "provider",
        ],
    );
    assert_eq!((&shown["status"], &shown["provider"]), (&json!("active"), &json!("openai")));
    assert_eq!(admin.ok("GET /v1/virtual-keys", Value::Null).await["data"][0], shown);

    let provider = admin.ok("GET /v1/providers/main", Value::Null).await;
    assert_has(
        &provider,
        &[
            "name",
            "integration_id",
            "note",
            "status",
            "usage_limits",
            "reset_usage",
            "created_at",
            "slug",
            "rate_limits",
            "expires_at",
            "object",
        ],
    );
    assert_eq!((&provider["slug"], &provider["id"]), (&json!("main"), &made["id"]));

    let integration = admin.ok("GET /v1/integrations/main", Value::Null).await;
    assert_has(
        &integration,
        &[
            "id",
            "organisation_id",
            "ai_provider_id",
            "name",
            "status",
            "created_at",
            "last_updated_at",
            "slug",
            "description",
            "object",
            "masked_key",
            "configurations",
            "global_workspace_access_settings",
            "allow_all_models",
            "workspace_count",
            "secret_mappings",
        ],
    );
    assert_eq!(integration["id"], provider["integration_id"]);
    assert_eq!(integration["masked_key"], "sk********789");

    assert_eq!(admin.ok("PUT /v1/virtual-keys/main", json!({"name": "B"})).await, json!({}));
    let shown = admin.ok("GET /v1/virtual-keys/main", Value::Null).await;
    assert_eq!((&shown["name"], &shown["note"]), (&json!("B"), &json!("n")));
    let removed = json!({"expires_at": null});
    admin.ok("PUT /v1/virtual-keys/main", removed).await;
    assert!(admin.ok("GET /v1/virtual-keys/main", Value::Null).await["expires_at"].is_null());

    assert_eq!(admin.ok("DELETE /v1/virtual-keys/main", Value::Null).await, json!({}));
    for path in ["virtual-keys/main", "providers/main", "integrations/main"] {
        admin.fails(&format!("GET /v1/{path}"), Value::Null, 404).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_integration_is_shared_among_workspaces() {
    let admin = Admin::start().await;
    let second = admin.second_workspace().await;
    let body = json!({
        "name": "Shared", "slug": "shared", "ai_provider_id": "openai", "key": SECRET,
        "configurations": {"openai_project": "p"}, "create_default_provider": false,
    });
    let made = admin.ok("POST /v1/integrations", body).await;
    assert_eq!(made["slug"], "shared");
    assert_eq!(admin.ok("GET /v1/integrations/shared/workspaces", Value::Null).await["total"], 0);
    let access = json!({"workspaces": [{"id": second.slug.as_str(), "enabled": true}]});
    assert_eq!(admin.ok("PUT /v1/integrations/shared/workspaces", access).await, json!({}));
    let access = admin.ok("GET /v1/integrations/shared/workspaces", Value::Null).await;
    assert_eq!((&access["total"], &access["workspaces"][0]["enabled"]), (&json!(1), &json!(true)));
    let (_, key) = admin.key(&second, ApiKeyKind::WorkspaceService, ScopeSet::all()).await;
    let provider = admin.call(&key, "GET /v1/providers/shared", &Value::Null).await;
    assert_eq!((provider.status, &provider.body["integration_slug"]), (200, &json!("shared")));
    let stop = json!({"workspaces": [{"id": second.id, "enabled": false}]});
    admin.ok("PUT /v1/integrations/shared/workspaces", stop).await;
    assert_eq!(admin.call(&key, "GET /v1/providers/shared", &Value::Null).await.status, 404);

    let models =
        json!({"models": [{"slug": "gpt-4o", "enabled": true}], "allow_all_models": false});
    assert_eq!(admin.ok("PUT /v1/integrations/shared/models", models).await, json!({}));
    let models = admin.ok("GET /v1/integrations/shared/models", Value::Null).await;
    assert_eq!((&models["total"], &models["allow_all_models"]), (&json!(1), &json!(false)));
    assert_eq!(models["models"][0], json!({"slug": "gpt-4o", "name": "gpt-4o", "enabled": true}));
    admin.ok("DELETE /v1/integrations/shared/models?slugs=gpt-4o,x", Value::Null).await;
    assert_eq!(admin.ok("GET /v1/integrations/shared/models", Value::Null).await["total"], 0);

    for (kind, count) in [("all", 1), ("organisation", 1), ("workspace", 0)] {
        let list = admin.ok(&format!("GET /v1/integrations?type={kind}"), Value::Null).await;
        assert_eq!(list["total"], count, "{kind}");
    }
    admin.fails("GET /v1/integrations?type=moon", Value::Null, 400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handle_on_the_organisations_integration_is_changed_by_itself() {
    let admin = Admin::start().await;
    let body = json!({
        "name": "Shared", "slug": "shared", "ai_provider_id": "openai", "key": SECRET,
        "default_provider_slug": "ours",
    });
    admin.ok("POST /v1/integrations", body).await;
    let held = ScopeSet::parse(["virtual_keys.update", "virtual_keys.read"]).unwrap();
    let (_, key) = admin.key(&admin.workspace, ApiKeyKind::WorkspaceService, held).await;
    let path = "PUT /v1/virtual-keys/ours";
    let change = json!({"name": "Renamed", "note": "n"});
    let changed = admin.call(&key, path, &change).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let shown = admin.ok("GET /v1/virtual-keys/ours", Value::Null).await;
    assert_eq!((&shown["name"], &shown["note"]), (&json!("Renamed"), &json!("n")));
    assert_eq!(admin.ok("GET /v1/integrations/shared", Value::Null).await["name"], "Shared");
    admin.fails(path, json!({"name": ""}), 400).await;

    // The organisation's credential takes the organisation's scope, and has it changed.
    let fresh = json!({"key": "sk-another-9876543210"});
    assert_eq!(admin.call(&key, path, &fresh).await.status, 403);
    admin.ok(path, fresh).await;
    let shown = admin.ok("GET /v1/integrations/shared", Value::Null).await;
    assert_eq!(shown["masked_key"], "sk********210");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_key_is_not_pointed_elsewhere_without_being_given_again() {
    let admin = Admin::start().await;
    let own = json!({"name": "own", "slug": "own", "provider": "openai", "key": SECRET});
    admin.ok("POST /v1/virtual-keys", own).await;
    let azure = json!({
        "name": "az", "slug": "az", "provider": "azure-openai", "key": SECRET,
        "resourceName": "ours", "deploymentName": "d", "apiVersion": "2024-10-21",
    });
    admin.ok("POST /v1/virtual-keys", azure).await;
    let host = "https://attacker.example/v1";
    for (call, change) in [
        ("PUT /v1/virtual-keys/own", json!({"custom_host": host})),
        ("PUT /v1/virtual-keys/own", json!({"configurations": {"custom_host": host}})),
        ("PUT /v1/integrations/own", json!({"configurations": {"custom_host": host}})),
        ("PUT /v1/integrations/own", json!({"configurations": {"huggingface_base_url": host}})),
        ("PUT /v1/integrations/own", json!({"configurations": {"aws_region": "x"}})),
        ("PUT /v1/virtual-keys/own", json!({"custom_host": host, "key": ""})),
        ("PUT /v1/virtual-keys/az", json!({"resourceName": "theirs"})),
    ] {
        let said = admin.fails(call, change.clone(), 400).await;
        assert!(said.contains("give the key again"), "{call} {change}: {said}");
    }
    let shown = admin.ok("GET /v1/integrations/own", Value::Null).await;
    assert_eq!(shown["configurations"], json!({}));

    let same_place = json!({"resourceName": "ours", "deploymentName": "other"});
    admin.ok("PUT /v1/virtual-keys/az", same_place).await;
    // How it signs in, and with which secret, does not decide where the key goes.
    let shown = admin.ok("GET /v1/integrations/az", Value::Null).await;
    for secret in ["one", "another"] {
        let mut configurations = shown["configurations"].clone();
        for (name, value) in [
            ("azure_auth_mode", "entra"),
            ("azure_entra_tenant_id", "contoso.onmicrosoft.com"),
            ("azure_entra_client_id", "app-1"),
            ("azure_entra_client_secret", secret),
            ("azure_entra_scope", "api://own/.default"),
        ] {
            configurations[name] = value.into();
        }
        let change = json!({"configurations": configurations});
        admin.ok("PUT /v1/integrations/az", change).await;
    }
    admin.ok("PUT /v1/virtual-keys/own", json!({"configurations": {"openai_project": "p"}})).await;
    admin.ok("PUT /v1/virtual-keys/own", json!({"custom_host": host, "key": SECRET})).await;
    let shown = admin.ok("GET /v1/integrations/own", Value::Null).await;
    assert_eq!(shown["configurations"], json!({"custom_host": host, "openai_project": "p"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_key_is_shown_once() {
    let admin = Admin::start().await;
    let body = json!({
        "name": "app", "description": "d", "scopes": ["logs.view"], "type": "workspace",
        "defaults": {"metadata": {"team": "blue"}}, "expires_at": "2099-01-01T00:00:00Z",
    });
    let made = admin.ok("POST /v1/api-keys/workspace/service", body).await;
    assert_eq!(made["object"], "api-key");
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let shown = admin.ok(&format!("GET /v1/api-keys/{id}"), Value::Null).await;
    assert_has(
        &shown,
        &[
            "id",
            "key",
            "name",
            "description",
            "type",
            "organisation_id",
            "workspace_id",
            "user_id",
            "status",
            "created_at",
            "last_updated_at",
            "creation_mode",
            "rate_limits",
            "usage_limits",
            "reset_usage",
            "scopes",
            "defaults",
            "alert_emails",
            "expires_at",
            "object",
        ],
    );
    assert_eq!(shown["workspace_id"], json!(admin.workspace.id));
    assert_eq!(shown["defaults"]["metadata"], json!({"team": "blue"}));
    let listed = admin.ok("GET /v1/api-keys", Value::Null).await;
    assert_eq!(listed["total"], 2);
    for text in [shown.to_string(), listed.to_string()] {
        assert!(!text.contains(key) && !text.contains(&admin.master), "{text}");
    }
    let rotated = admin.ok(&format!("POST /v1/api-keys/{id}/rotate"), json!({})).await;
    assert_eq!((&rotated["id"], &rotated["object"]), (&made["id"], &json!("api-key")));
    assert_ne!(rotated["key"], made["key"]);
    for key in [key, rotated["key"].as_str().unwrap()] {
        assert_eq!(admin.call(key, "GET /v1/logs", &Value::Null).await.status, 200);
    }
    let user = json!({"name": "u", "scopes": [], "user_id": admin.workspace.id});
    admin.fails("POST /v1/api-keys/workspace/user", user, 404).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ways_to_sign_in_to_azure_are_checked_when_they_are_saved() {
    let admin = Admin::start().await;
    let app = |change: Value| {
        let mut settings = json!({"azure_auth_mode": "entra", "azure_resource_name": "acme",
            "azure_entra_tenant_id": "acme.example", "azure_entra_client_id": "app",
            "azure_entra_client_secret": SECRET});
        for (name, value) in change.as_object().unwrap() {
            settings[name] = value.clone();
        }
        settings
    };
    let body = |provider: &str, settings: Value| json!({"name": "az", "slug": "az", "ai_provider_id": provider, "configurations": settings});
    for (provider, change, field) in [
        ("azure-openai", json!({"azure_auth_mode": "managed"}), "azure_auth_mode"),
        ("azure-openai", json!({"azure_auth_mode": "iam"}), "azure_auth_mode"),
        ("azure-ai", json!({"azure_auth_mode": "managed"}), "azure_auth_mode"),
        ("azure-openai", json!({"azure_managed_client_id": "x"}), "azure_managed_client_id"),
        ("azure-openai", json!({"azure_auth_mode": "default"}), "azure_entra_tenant_id"),
        ("azure-openai", json!({"azure_entra_tenant_id": "a/../b"}), "azure_entra_tenant_id"),
        ("azure-openai", json!({"azure_entra_client_id": ""}), "azure_entra_client_id"),
        ("azure-openai", json!({"azure_entra_client_secret": ""}), "azure_entra_client_secret"),
        ("azure-openai", json!({"azure_entra_scope": "x"}), "azure_entra_scope"),
        ("azure-openai", json!({"azure_ad_token": SECRET}), "azure_ad_token"),
        ("openai", json!({}), "azure_auth_mode"),
    ] {
        let said = admin.fails("POST /v1/integrations", body(provider, app(change)), 400).await;
        assert!(said.contains(field), "{field}: {said}");
        assert!(!said.contains(&SECRET[..12]), "{said}");
    }
    // Without a key: the application has one of its own.
    admin.ok("POST /v1/integrations", body("azure-openai", app(json!({})))).await;
    let shown = admin.ok("GET /v1/integrations/az", Value::Null).await;
    let settings = &shown["configurations"];
    assert_eq!(settings["azure_entra_client_id"], "app", "{shown}");
    assert!(settings["azure_entra_client_secret"].as_str().unwrap().contains("****"), "{shown}");
    for change in [json!({"azure_auth_mode": "managed"}), json!({"azure_entra_tenant_id": ".."})] {
        let change = json!({"configurations": app(change)});
        admin.fails("PUT /v1/integrations/az", change, 400).await;
    }
    // The secret does not stay when the rest is changed, and so goes nowhere else.
    let mut elsewhere = app(json!({"custom_host": "https://attacker.example/openai"}));
    elsewhere.as_object_mut().unwrap().remove("azure_entra_client_secret");
    let elsewhere = json!({"configurations": elsewhere});
    let said = admin.fails("PUT /v1/integrations/az", elsewhere, 400).await;
    assert!(said.contains("azure_entra_client_secret"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_holds_a_secret() {
    let admin = Admin::start().await;
    let mut said = Vec::new();
    let azure = json!({
        "name": "az", "slug": "az", "provider": "azure-openai", "key": SECRET,
        "resourceName": "r", "deploymentConfig": [
            {"apiVersion": "2024-10-21", "deploymentName": "d", "alias": "gpt-4o", "is_default": true},
        ],
        "configurations": {"azure_auth_mode": "entra", "azure_entra_tenant_id": "acme.example",
            "azure_entra_client_id": "app", "azure_entra_client_secret": SECRET},
    });
    for (call, body) in [
        ("POST /v1/virtual-keys", azure.clone()),
        ("POST /v1/virtual-keys", azure),
        ("PUT /v1/virtual-keys/az", json!({"key": SECRET, "note": "x"})),
        ("GET /v1/virtual-keys/az", Value::Null),
        ("GET /v1/virtual-keys", Value::Null),
        ("GET /v1/providers/az", Value::Null),
        ("GET /v1/providers", Value::Null),
        ("GET /v1/integrations/az", Value::Null),
        ("GET /v1/integrations", Value::Null),
        ("PUT /v1/integrations/az", json!({"key": SECRET, "name": SECRET.repeat(20)})),
        ("DELETE /v1/virtual-keys/az", Value::Null),
    ] {
        let reply = admin.call(&admin.master, call, &body).await;
        said.push(format!("{call} {}: {}", reply.status, reply.body));
    }
    assert!(said[3].contains(" 200: "), "{said:#?}");
    let canary = &SECRET[..12];
    assert!(said.iter().all(|answer| !answer.contains(canary)), "{said:#?}");
}

#[track_caller]
fn assert_has(object: &Value, fields: &[&str]) {
    let missing: Vec<_> = fields.iter().filter(|field| object.get(**field).is_none()).collect();
    assert!(missing.is_empty(), "without {missing:?}: {object}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_says_whether_it_serves_saved_targets_only() {
    let admin = Admin::start().await;
    let path = "/v1/admin/organisation";
    let shown = admin.ok(&format!("GET {path}"), Value::Null).await;
    assert_eq!(shown["settings"]["block_inline"], false);
    for change in [json!({"block_inline": true}), json!({"personal_api_keys": false})] {
        let shown = admin.ok(&format!("PUT {path}"), json!({"settings": change})).await;
        assert_eq!(shown["settings"]["block_inline"], true, "{shown}");
    }
    let wrong = json!({"settings": {"block_inline": "yes"}});
    admin.fails(&format!("PUT {path}"), wrong, 400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_virtual_keys_other_settings_stay_when_one_changes() {
    let admin = Admin::start().await;
    let deployment = |version: &str, name: &str| json!([{"apiVersion": version, "alias": "g", "is_default": true, "deploymentName": name}]);
    let body = json!({
        "name": "Azure", "slug": "azure", "provider": "azure-openai", "key": SECRET,
        "resourceName": "res", "deploymentConfig": deployment("2024-02-01", "one"),
    });
    admin.ok("POST /v1/virtual-keys", body).await;
    // Also without the key: the resource stays what it was.
    let change = json!({"deploymentConfig": deployment("2025-01-01", "two")});
    admin.ok("PUT /v1/virtual-keys/azure", change).await;
    admin.ok("PUT /v1/virtual-keys/azure", json!({"apiVersion": "2025-02-01"})).await;
    let shown = admin.ok("GET /v1/virtual-keys/azure", Value::Null).await;
    let config = &shown["model_config"];
    assert_eq!(config["azure_resource_name"], "res", "{config}");
    assert_eq!(config["azure_deployment_config"][0]["azure_deployment_name"], "two");
    assert_eq!(config["azure_api_version"], "2025-02-01");
    assert!(!shown.to_string().contains(SECRET));
    let refused =
        admin.fails("PUT /v1/virtual-keys/azure", json!({"resourceName": "other"}), 400).await;
    assert!(refused.contains("give the key again"), "{refused}");
    // Settings as a whole take the place of all.
    let whole = json!({"key": SECRET, "configurations": {"azure_resource_name": "new"}});
    admin.ok("PUT /v1/virtual-keys/azure", whole).await;
    let shown = admin.ok("GET /v1/virtual-keys/azure", Value::Null).await;
    assert_eq!(shown["model_config"], json!({"azure_resource_name": "new"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_call_could_use_is_not_saved() {
    let admin = Admin::start().await;
    let save = |slug: &str, configurations: Value| {
        json!({"name": slug, "slug": slug, "ai_provider_id": "openai", "key": SECRET,
            "configurations": configurations})
    };
    for host in [
        "not a url",
        "",
        "ftp://h.example/v1",
        "http://u:p@h.example/",
        "http://0x7f000001/",
        "http://169.254.169.254/",
        "https://h.example/v1#f",
        "https://h.example/v1?x=1",
        "https://h.example/v1/../x",
        "https://h.example/v1/%2E%2e/x",
    ] {
        let refused = admin
            .fails("POST /v1/integrations", save("h", json!({"custom_host": host})), 400)
            .await;
        assert!(refused.contains("custom_host"), "{host}: {refused}");
    }
    for headers in [
        json!({"host": "x"}),
        json!({"content-length": "1"}),
        json!({"bad name": "x"}),
        json!({"x": "a\r\nb: c"}),
    ] {
        let body = save("h", json!({"custom_headers": headers}));
        let refused = admin.fails("POST /v1/integrations", body, 400).await;
        assert!(refused.contains("custom header"), "{refused}");
    }
    let azure = json!({"name": "a", "ai_provider_id": "azure-openai", "key": SECRET});
    let refused = admin.fails("POST /v1/integrations", azure, 400).await;
    assert!(refused.contains("azure_resource_name"), "{refused}");
    let past = json!({"name": "p", "provider": "openai", "key": SECRET,
        "expires_at": "2001-01-01T00:00:00Z"});
    admin.fails("POST /v1/virtual-keys", past, 400).await;
    assert_eq!(admin.ok("GET /v1/integrations", Value::Null).await["total"], 0);
    admin
        .ok("POST /v1/integrations", save("h", json!({"custom_host": "https://h.example/v1"})))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_key_is_shown_to_do_may_be_written_back() {
    let admin = Admin::start().await;
    // Finer than levels of features can say.
    let scopes = json!(["completions.write", "logs.list", "virtual_keys.list"]);
    let made = admin
        .ok("POST /v1/api-keys/workspace/service", json!({"name": "k", "scopes": scopes}))
        .await;
    let one = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
    let get = async || admin.ok(&format!("GET {one}"), Value::Null).await;
    let sorted = |shown: &Value| {
        let mut all: Vec<String> = serde_json::from_value(shown["scopes"].clone()).unwrap();
        all.sort();
        all
    };
    let before = get().await;
    assert_eq!(before["permissions"]["completions"], "write", "{before}");
    // Whether it is to lose what levels do not say is nobody's to guess.
    let levels = json!({"permissions": before["permissions"]});
    let refused = admin.fails(&format!("PUT {one}"), levels, 400).await;
    assert!(refused.contains("finer"), "{refused}");
    assert_eq!(sorted(&get().await), sorted(&before));
    let both = json!({"scopes": before["scopes"], "permissions": before["permissions"]});
    admin.ok(&format!("PUT {one}"), both).await;
    assert_eq!(sorted(&get().await), sorted(&before));
    let torn = json!({"scopes": ["logs.list"], "permissions": before["permissions"]});
    admin.fails(&format!("PUT {one}"), torn, 400).await;
    let less = json!({"permissions": {"completions": "disabled", "prompts": "disabled"}});
    admin.ok(&format!("PUT {one}"), less).await;
    assert_eq!(sorted(&get().await), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_among_settings_are_not_pointed_elsewhere() {
    let admin = Admin::start().await;
    let headers = json!({"custom_host": "https://ours.example/v1",
        "custom_headers": {"x-secret": "a-secret-of-some-length"}});
    let body = json!({"name": "h", "slug": "h", "provider": "openai", "key": SECRET,
        "configurations": headers});
    admin.ok("POST /v1/virtual-keys", body).await;
    let entra = json!({"name": "e", "slug": "e", "provider": "azure-openai",
        "configurations": {"azure_resource_name": "ours", "azure_auth_mode": "entra",
            "azure_entra_tenant_id": "contoso.onmicrosoft.com", "azure_entra_client_id": "app",
            "azure_entra_client_secret": "another-secret-of-ours"}});
    admin.ok("POST /v1/virtual-keys", entra).await;
    let elsewhere = "https://theirs.example/v1";
    for (slug, change) in [
        ("h", json!({"key": "junk-of-their-own", "custom_host": elsewhere})),
        ("e", json!({"resourceName": "theirs"})),
        ("e", json!({"custom_host": elsewhere})),
        ("e", json!({"key": "junk-of-their-own", "resourceName": "theirs"})),
    ] {
        let said = admin.fails(&format!("PUT /v1/virtual-keys/{slug}"), change, 400).await;
        assert!(said.contains("as a whole"), "{slug}: {said}");
    }
    // As a whole, the old secrets are gone.
    let whole = json!({"key": SECRET, "configurations": {"custom_host": elsewhere}});
    admin.ok("PUT /v1/virtual-keys/h", whole).await;
    let shown = admin.ok("GET /v1/virtual-keys/h", Value::Null).await;
    assert_eq!(shown["model_config"], json!({"custom_host": elsewhere}));
}
