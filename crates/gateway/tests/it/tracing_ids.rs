//! What a call says about itself: trace, span, metadata, client (data-plane reference §3, §14).

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::{Ask, World};

#[tokio::test]
async fn a_trace_id_is_taken_derived_or_made() {
    let world = World::new().await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let ask = || Ask::chat("@open/gpt-4o-mini");
    let answer = world
        .send(
            ask()
                .header("x-portkey-trace-id", "given")
                .header("x-portkey-span-id", "s1")
                .header("x-portkey-parent-span-id", "p1")
                .header("x-portkey-span-name", "step")
                .header("traceparent", traceparent),
        )
        .await;
    assert_eq!(answer.header("x-portkey-trace-id"), "given");
    let log = world.recorder.closed().pop().unwrap();
    assert_eq!((&*log.trace_id, &*log.span_id), ("given", "s1"));
    assert_eq!(log.parent_span_id.as_deref(), Some("p1"));
    assert_eq!(log.span_name.as_deref(), Some("step"));

    let answer = world.send(ask().header("traceparent", traceparent)).await;
    assert_eq!(answer.header("x-portkey-trace-id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    let log = world.recorder.closed().pop().unwrap();
    assert_eq!(log.parent_span_id.as_deref(), Some("00f067aa0ba902b7"));
    assert_eq!(log.span_id.len(), 16);
    assert_eq!(log.span_name.as_deref(), Some("POST /v1/chat/completions"));

    let answer = world.send(ask()).await;
    let log = world.recorder.closed().pop().unwrap();
    assert_eq!(answer.header("x-portkey-trace-id"), log.trace_id);
    assert_eq!(log.trace_id, log.id.to_string());

    let long = "x".repeat(5000);
    let answer = world.send(ask().header("x-portkey-trace-id", &long)).await;
    assert_eq!(answer.header("x-portkey-trace-id"), &long[..256]);
    // Refusals repeat it too.
    let answer = world.send(Ask::chat("m").header("x-portkey-trace-id", "t9")).await;
    assert_eq!(answer.header("x-portkey-trace-id"), "t9");
}

#[tokio::test]
async fn metadata_is_merged_and_bounded() {
    let world = World::new().await;
    let key = world.api_key(|key| {
        key.defaults.metadata = BTreeMap::from([("team".to_owned(), "core".to_owned())]);
    });
    let metadata = json!({"team": "mine", "env": "dev", "n": 3, "ok": true, "none": null,
        "deep": {"a": 1}, "long": "y".repeat(500), "": "nameless"});
    let ask = Ask::post(
        "/v1/chat/completions",
        &json!({"model": "@open/gpt-4o-mini", "user": "ann",
            "messages": [{"role": "user", "content": "hi"}]}),
    )
    .without_key()
    .header("x-portkey-api-key", &key)
    .header("baggage", "env=prod, region=eu%20west;p=1, team=baggage")
    .header("x-portkey-metadata", metadata.to_string());
    assert_eq!(world.send(ask).await.status, 200);
    let log = world.only_log();
    let long = "y".repeat(128);
    let expected = [
        ("_user", "ann"),
        ("env", "dev"),
        ("long", &*long),
        ("n", "3"),
        ("ok", "true"),
        ("region", "eu west"),
        ("team", "core"),
    ];
    let found: Vec<(&str, &str)> = log.metadata.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(found, expected);
    assert_eq!(log.user.as_deref(), Some("ann"));

    world.recorder.forget();
    let body = json!({"model": "@open/gpt-4o-mini", "user": "u".repeat(200), "messages": []});
    world.send(Ask::post("/v1/chat/completions", &body)).await;
    let log = world.only_log();
    assert_eq!(log.user.as_deref(), Some(&*"u".repeat(128)));
    assert_eq!(log.user.as_ref(), log.metadata.get("_user"));

    for bad in ["{", "[1]", "\"a\"", "null"] {
        world.recorder.forget();
        let ask = Ask::chat("@open/gpt-4o-mini").header("x-portkey-metadata", bad);
        assert_eq!(world.send(ask).await.status, 200);
        assert!(world.only_log().metadata.is_empty());
    }
}

#[tokio::test]
async fn the_keys_own_metadata_cannot_be_pushed_out() {
    let world = World::new().await;
    let own = BTreeMap::from([("team".to_owned(), "core".to_owned())]);
    let key = world.api_key(|key| key.defaults.metadata = own);
    let pairs: BTreeMap<String, &str> = (0..64).map(|n| (format!("p{n}"), "a\0b")).collect();
    let ask = Ask::chat("@open/gpt-4o-mini").without_key().header("x-portkey-api-key", &key);
    world.send(ask.header("x-portkey-metadata", json!(pairs).to_string())).await;
    let metadata = world.only_log().metadata;
    assert_eq!((metadata.len(), &*metadata["team"]), (64, "core"));
    assert_eq!(metadata["p1"], "ab");
}

#[tokio::test]
async fn the_log_says_who_called_from_where_and_with_what() {
    let world = World::new().await;
    let ask = Ask::new("GET", "/v1/unknown?model=@open/x&key=secret&limit=5")
        .header("x-portkey-package-version", "portkey-2.3.4")
        .header("x-portkey-runtime", "CPython")
        .header("x-portkey-runtime-version", "3.11.7")
        .header("user-agent", "OpenAI/Python 2.30.0");
    assert_eq!(world.send(ask).await.status, 200);
    let log = world.only_log();
    assert_eq!(log.sdk_version.as_deref(), Some("portkey-2.3.4"));
    assert_eq!(log.runtime.as_deref(), Some("CPython"));
    assert_eq!(log.runtime_version.as_deref(), Some("3.11.7"));
    assert_eq!(log.user_agent.as_deref(), Some("OpenAI/Python 2.30.0"));
    assert_eq!(log.client_address, Some("192.0.2.9".parse().unwrap()));
    assert_eq!(log.request_url, "/v1/unknown?model=@open/x&key=********&limit=5");
    assert_eq!((&*log.workspace_slug, &*log.environment), ("ws-main", "production"));
    assert_eq!((&*log.request_method, &*log.endpoint), ("GET", "proxy"));
    assert_eq!(log.upstream_host.as_deref(), Some("127.0.0.1"));
    assert_eq!((log.attempts, &*log.gateway_version), (1, "0.0.0-test"));
}
