//! An instance that serves saved targets only (data-plane reference §4).

use portcullis_domain::LogState;
use portcullis_gateway::GatewaySettings;
use serde_json::Value;

use crate::support::{Answer, Ask, World};

async fn world() -> World {
    World::with(GatewaySettings { block_inline: true, ..Default::default() }).await
}

#[track_caller]
fn blocked(answer: &Answer, code: &str, field: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(!answer.header("x-portkey-trace-id").is_empty());
    let body = answer.json();
    assert_eq!((&body["status"], &body["type"]), (&"failure".into(), &"error".into()), "{body}");
    assert_eq!((&body["error"]["code"], &body["error"]["field"]), (&code.into(), &field.into()));
    assert_eq!(body["message"], body["error"]["message"]);
    assert_eq!(body["error"]["param"], Value::Null);
    assert!(body["message"].as_str().unwrap().contains("saved targets only"), "{body}");
}

/// What a call may say of its target itself, in the order in which it is refused.
const INLINE: [(&str, &str, &str, &str); 5] = [
    ("x-portkey-config", r#"{"virtual_key":"open"}"#, "inline_config_blocked", "x-portkey-config"),
    ("x-portkey-provider", "openai", "inline_provider_blocked", "x-portkey-provider"),
    (
        "x-portkey-custom-host",
        "https://llm.example/v1",
        "inline_custom_host_blocked",
        "x-portkey-custom-host",
    ),
    (
        "x-portkey-huggingface-base-url",
        "https://llm.example",
        "inline_provider_url_blocked",
        "x-portkey-*-url",
    ),
    (
        "x-portkey-forward-headers",
        "x-one",
        "inline_forward_headers_blocked",
        "x-portkey-forward-headers",
    ),
];

#[tokio::test]
async fn what_a_call_says_of_its_target_is_refused_in_the_contracts_order() {
    let world = world().await;
    for (at, (name, value, code, field)) in INLINE.into_iter().enumerate() {
        let ask = Ask::chat("@open/gpt-4o-mini").header(name, value);
        blocked(&world.send(ask.clone()).await, code, field);
        let log = world.only_log();
        assert_eq!((log.state, log.error.as_deref()), (LogState::Failed, Some(code)));
        // Whatever else comes later in the order changes nothing.
        let all =
            INLINE[at + 1..].iter().fold(ask, |ask, (name, value, ..)| ask.header(name, value));
        blocked(&world.send(all).await, code, field);
        world.recorder.forget();
    }
    let ask = Ask::chat("gpt-4o-mini").header("x-portkey-mode", "proxy openai");
    let ask = ask.header("authorization", "Bearer sk-own");
    blocked(&world.send(ask).await, "inline_provider_blocked", "x-portkey-provider");
    let ask = Ask::chat("@open/gpt-4o-mini").header("x-portkey-custom-host", "h\u{f6}st");
    blocked(&world.send(ask).await, "inline_custom_host_blocked", "x-portkey-custom-host");
    let ask = Ask::new("GET", "/v1/models").header("x-portkey-provider", "openai");
    blocked(&world.send(ask).await, "inline_provider_blocked", "x-portkey-provider");
    assert_eq!(world.upstream.count(), 0);
}

#[tokio::test]
async fn saved_targets_are_served() {
    let world = world().await;
    let blank = |ask: Ask| {
        INLINE.iter().fold(ask, |ask, (name, ..)| match *name {
            "x-portkey-provider" => ask,
            name => ask.header(name, " "),
        })
    };
    for ask in [
        Ask::chat("@open/gpt-4o-mini"),
        Ask::chat("gpt-4o-mini").header("x-portkey-virtual-key", "open"),
        Ask::chat("gpt-4o-mini").header("x-portkey-provider", "@open"),
        Ask::new("GET", "/v1/models"),
        blank(Ask::chat("@open/gpt-4o-mini")),
    ] {
        let answer = world.send(ask).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // A slug is not an inline config; what it names does not exist.
    let ask = Ask::chat("@open/gpt-4o-mini").header("x-portkey-config", "pc-routes");
    let message = world.send(ask).await.refused(400, None);
    assert!(message.contains("no saved config"), "{message}");
}

#[tokio::test]
async fn without_the_setting_nothing_is_blocked() {
    let world = World::new().await;
    for (name, value, ..) in INLINE {
        let answer = world.send(Ask::chat("@open/gpt-4o-mini").header(name, value)).await;
        assert!(!answer.text().contains("blocked"), "{name}: {}", answer.text());
    }
}
