//! Which workspaces may use the organisation's integrations is the organisation's to say.

use portcullis_domain::{ApiKeyKind, ScopeSet};
use serde_json::{Value, json};

use super::Admin;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_makes_providers_only_of_what_it_may_use() {
    let admin = Admin::start().await;
    let home = admin.second_workspace().await;
    let (_, insider) = admin.key(&home, ApiKeyKind::WorkspaceService, ScopeSet::all()).await;
    let body = json!({
        "name": "shared", "slug": "shared", "ai_provider_id": "openai", "key": "sk-abcdefgh",
        "create_default_provider": false,
    });
    admin.ok("POST /v1/integrations", body).await;
    let make = async |slug: &str| {
        let body = json!({"name": slug, "slug": slug, "integration_id": "shared"});
        admin.call(&insider, "POST /v1/providers", &body).await
    };
    let grant = async |enabled: bool| {
        let workspaces = json!([{"id": home.id, "enabled": enabled}]);
        let body = json!({"workspaces": workspaces});
        admin.ok("PUT /v1/integrations/shared/workspaces", body).await;
    };

    let refused = make("first").await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    let message = refused.body["message"].as_str().unwrap();
    assert!(message.contains("organisation_integrations.update"), "{message}");
    grant(true).await;
    assert_eq!(make("second").await.status, 200);
    grant(false).await;
    assert_eq!(make("third").await.status, 403, "withdrawn");
    let there = admin.call(&insider, "GET /v1/providers", &Value::Null).await;
    assert_eq!(there.body["total"], 0, "{}", there.body);

    // Whoever may change the integration lets a workspace use it by making a provider there.
    let body = json!({"name": "fourth", "integration_id": "shared", "workspace_id": home.id});
    admin.ok("POST /v1/providers", body).await;
    assert_eq!(make("fifth").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mask_is_not_taken_for_a_secret() {
    let admin = Admin::start().await;
    let body = json!({
        "name": "mine", "slug": "mine", "ai_provider_id": "openai", "key": "sk-abcdefgh01234",
        "configurations": {"databricks_pat": "dapi-canary-0123456789"},
    });
    admin.ok("POST /v1/integrations", body).await;
    let shown = admin.ok("GET /v1/integrations/mine", Value::Null).await;
    assert!(!shown.to_string().contains("canary"), "{shown}");
    let put = "PUT /v1/integrations/mine";
    for body in [
        json!({"key": "sk-another-012345", "configurations": shown["configurations"]}),
        json!({"key": shown["masked_key"]}),
    ] {
        let message = admin.fails(put, body, 400).await;
        assert!(message.contains("********"), "{message}");
    }
    admin.ok(put, json!({"name": "renamed"})).await;
}
