//! `GET /v1/models`: the workspace's own catalogue, or one provider's list (data-plane reference
//! §1.2).

use portcullis_domain::{LogState, NanoDollars};
use serde_json::Value;

use crate::support::{Ask, World};

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_workspaces_models_are_listed_by_virtual_key() {
    let world = World::new().await;
    let answer = world.send(Ask::new("GET", "/v1/models")).await;
    assert!(!answer.header("x-portkey-trace-id").is_empty());
    let list = answer.json();
    assert_eq!(list["object"], "list");
    let ids = ids(&list);
    assert!(ids.contains(&"@open/gpt-4o-mini") && ids.contains(&"@strict/gpt-4o-mini"));
    assert!(ids.iter().any(|id| id.starts_with("@claude/claude-")));
    assert!(!ids.contains(&"@strict/gpt-4o"), "a model that may not be used is listed");
    let first = &list["data"][0];
    assert_eq!(first["object"], "model");
    assert!(first["created"].is_i64() && first["owned_by"].is_string());
    assert_eq!(world.upstream.count(), 0);
    let log = world.only_log();
    assert_eq!((log.state, log.response_status, log.attempts), (LogState::Finished, Some(200), 0));
    assert_eq!((log.is_success, log.cost), (true, Some(NanoDollars(0))));
    assert_eq!(log.response_bytes, answer.body.len() as u64);
}

#[tokio::test]
async fn the_list_can_be_narrowed_and_paged() {
    let world = World::new().await;
    let ask = Ask::new("GET", "/v1/models?limit=2&offset=1&order=desc");
    let page = world.send(ask).await.json();
    let all = world.send(Ask::new("GET", "/v1/models?order=desc")).await.json();
    assert_eq!(ids(&page), ids(&all)[1..3]);
    for ask in [
        Ask::new("GET", "/v1/models?provider=strict"),
        Ask::new("GET", "/v1/models?provider=@strict"),
        Ask::new("GET", "/v1/models")
            .header("x-portkey-provider", "@strict")
            .header("x-portkey-fetch-integrated-models", "true"),
    ] {
        assert_eq!(ids(&world.send(ask).await.json()), ["@strict/gpt-4o-mini"]);
    }
    for ask in [
        Ask::new("GET", "/v1/models?ai_service=anthropic"),
        Ask::new("GET", "/v1/models")
            .header("x-portkey-provider", "anthropic")
            .header("x-portkey-fetch-integrated-models", "true"),
    ] {
        let claude = world.send(ask).await.json();
        let ids = ids(&claude);
        assert!(!ids.is_empty() && ids.iter().all(|id| id.starts_with("@claude/")));
    }
}

#[tokio::test]
async fn a_config_asks_for_a_providers_list_only_by_naming_it() {
    let world = World::new().await;
    let list = |config: &str| Ask::new("GET", "/v1/models").header("x-portkey-config", config);
    let all = world.send(list(r#"{"request_timeout":5000}"#)).await.json();
    assert!(ids(&all).iter().any(|id| id.starts_with("@claude/")));
    let config = r#"{"virtual_key":"strict","fetch_integrated_models":true}"#;
    assert_eq!(ids(&world.send(list(config)).await.json()), ["@strict/gpt-4o-mini"]);
    assert_eq!(world.upstream.count(), 0);
    world.recorder.forget();
    world.send(list(r#"{"targets":[]}"#)).await.refused(400, None);
    assert_eq!(world.only_log().state, LogState::Failed);
}

#[tokio::test]
async fn a_providers_own_list_names_the_provider() {
    let world = World::new().await;
    for (name, value, provider) in [
        ("x-portkey-provider", "@open", "openai"),
        ("x-portkey-virtual-key", "open", "openai"),
        ("x-portkey-config", r#"{"virtual_key":"open"}"#, "openai"),
        ("x-portkey-provider", "@claude", "anthropic"),
    ] {
        let list = world.send(Ask::new("GET", "/v1/models").header(name, value)).await.json();
        assert_eq!((&list["object"], &list["provider"]), (&"list".into(), &provider.into()));
        assert!(!ids(&list).is_empty());
        assert_eq!(world.only_request().path, "/v1/models");
        world.upstream.forget();
    }
    let cost = world.recorder.closed().pop().unwrap().cost;
    assert_eq!(cost, Some(NanoDollars(0)));
}

#[tokio::test]
async fn a_filter_that_cannot_be_meant_is_refused() {
    let world = World::new().await;
    for query in ["limit=abc", "limit=-1", "offset=-1", "offset=1.5", "sort=size", "order=down"] {
        let answer = world.send(Ask::new("GET", &format!("/v1/models?{query}"))).await;
        let name = query.split('=').next().unwrap();
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(&format!("'{name}'")), "{}", answer.text());
    }
    let plain = world.send(Ask::new("GET", "/v1/models?sort=name&order=asc&limit=1")).await;
    assert_eq!(plain.status, 200);
}
