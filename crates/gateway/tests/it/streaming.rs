//! Answers that stream: forwarded as they come, watched, and told apart when they break off.

use std::time::Duration;

use http_body_util::BodyExt;
use portcullis_domain::{LogState, UsageSource};
use portcullis_gateway::GatewaySettings;
use serde_json::{Value, json};

use crate::support::{Answer, Ask, World};

fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn chunks_are_forwarded_as_they_come() {
    let world = World::new().await;
    let mut response = world.begin(Ask::stream("@open/chunks-5+hang-after-2-chunks")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    // The upstream sends two events and nothing more; both are here all the same.
    let mut text = String::new();
    while text.matches("\n\n").count() < 2 {
        let frame = tokio::time::timeout(Duration::from_secs(5), response.body_mut().frame()).await;
        let data = frame.expect("held back").unwrap().unwrap().into_data().unwrap();
        text.push_str(std::str::from_utf8(&data).unwrap());
    }
}

#[tokio::test]
async fn usage_is_hidden_unless_it_was_asked_for() {
    let world = World::new().await;
    let hidden = world.send(Ask::stream("@open/gpt-4o-mini")).await;
    let sent = world.only_request().json.unwrap();
    assert_eq!(sent["stream_options"]["include_usage"], true);
    assert!(!hidden.text().contains("usage"), "{}", hidden.text());
    assert!(hidden.text().ends_with("data: [DONE]\n\n"));
    let log = world.only_log();
    assert!(log.stream && log.is_success);
    assert_eq!(log.usage_source, UsageSource::Provider);
    assert_eq!(log.usage.input_tokens, Some(1));
    assert!(log.usage.output_tokens.is_some_and(|tokens| tokens > 1));
    assert!(log.cost.is_some_and(|cost| cost.0 > 0));
    assert_eq!(log.model_served.as_deref(), Some("gpt-4o-mini"));
    assert_eq!(log.finish_reason.as_deref(), Some("stop"));
    assert_eq!(log.response_bytes, hidden.body.len() as u64);
    assert!(log.response_chunks > 0 && log.timings.time_to_first_byte.is_some());

    world.recorder.forget();
    let body = json!({"model": "@open/gpt-4o-mini", "stream": true,
        "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "hi"}]});
    let shown = world.send(Ask::post("/v1/chat/completions", &body)).await;
    let last = events(shown.text()).pop().unwrap();
    assert_eq!(last["usage"]["prompt_tokens"], 1);
}

#[tokio::test]
async fn a_provider_without_usage_is_estimated() {
    let world = World::new().await;
    for ask in [
        Ask::stream("@open/gpt-4o-mini").header("x-portkey-forward-headers", "x-upstream-script"),
        Ask::chat("@open/gpt-4o-mini").header("x-portkey-forward-headers", "x-upstream-script"),
    ] {
        assert_eq!(world.send(ask.header("x-upstream-script", "no-usage")).await.status, 200);
        let log = world.recorder.closed().pop().unwrap();
        assert_eq!(log.usage_source, UsageSource::Estimate);
        assert!(log.usage.input_tokens.is_some_and(|tokens| tokens > 5));
        assert!(log.usage.output_tokens.is_some_and(|tokens| tokens > 1));
        assert!(log.cost.is_some_and(|cost| cost.0 > 0));
    }
}

#[tokio::test]
async fn an_unpriced_model_is_unpriced_not_free() {
    let world = World::new().await;
    assert_eq!(world.send(Ask::chat("@open/no-such-model")).await.status, 200);
    let log = world.only_log();
    assert_eq!((log.cost, log.price_origin), (None, None));
    assert_eq!(log.usage_source, UsageSource::Provider);
}

#[tokio::test]
async fn a_stream_that_dies_ends_in_an_error_event_and_no_done() {
    let world = World::new().await;
    for model in ["die-after-3-chunks", "die-after-3-chunks+split-7"] {
        let answer = world.send(Ask::stream(&format!("@open/{model}"))).await;
        assert_eq!((answer.status.as_u16(), answer.is_broken), (200, false));
        assert!(!answer.text().contains("[DONE]"));
        let last = events(answer.text()).pop().unwrap();
        assert_eq!(last["error"]["type"], "upstream_error", "{}", answer.text());
        let log = world.only_log();
        assert_eq!((log.state, log.is_success), (LogState::Failed, false));
        assert_eq!(log.error.as_deref(), Some("upstream_broken"));
        assert_eq!(log.response_status, Some(200));
        world.recorder.forget();
    }
    let messages = json!({"model": "@claude/die-after-3-chunks", "max_tokens": 9, "stream": true,
        "messages": [{"role": "user", "content": "hi"}]});
    let answer = world.send(Ask::post("/v1/messages", &messages)).await;
    let last = answer.text().trim_end().rsplit("\n\n").next().unwrap();
    assert!(last.starts_with("event: error\n"), "{}", answer.text());
    assert!(!answer.text().contains("message_stop"));
}

#[tokio::test]
async fn the_providers_own_error_event_is_no_success() {
    let world = World::new().await;
    let answer = world.send(Ask::stream("@open/error-after-2-chunks")).await;
    assert!(answer.text().contains("server_error"));
    let log = world.only_log();
    assert_eq!((log.state, log.is_success), (LogState::Finished, false));
    assert_eq!(log.error.as_deref(), Some("provider_error"));
}

#[tokio::test]
async fn a_stream_that_pauses_too_long_is_ended() {
    let upstream_idle_timeout = Duration::from_millis(150);
    let settings = GatewaySettings { upstream_idle_timeout, ..GatewaySettings::default() };
    let world = World::with(settings).await;
    let answer = world.send(Ask::stream("@open/hang-after-2-chunks")).await;
    let last = events(answer.text()).pop().unwrap();
    assert_eq!(last["error"]["code"], "upstream_timeout", "{}", answer.text());
    assert_eq!(world.only_log().error.as_deref(), Some("upstream_timeout"));
    world.upstream_ended(portcullis_testkit::upstream::End::HungUp).await;
}

#[tokio::test]
async fn a_slow_client_does_not_make_the_provider_late() {
    let upstream_idle_timeout = Duration::from_millis(150);
    let settings = GatewaySettings { upstream_idle_timeout, ..GatewaySettings::default() };
    let world = World::with(settings).await;
    let mut response = world.begin(Ask::stream("@open/chunks-5+gap-40")).await;
    let first = response.body_mut().frame().await;
    assert!(first.is_some_and(|frame| frame.is_ok()));
    tokio::time::sleep(Duration::from_millis(250)).await;
    let rest = Answer::of(response).await;
    assert!(rest.text().ends_with("data: [DONE]\n\n"), "{}", rest.text());
}

#[tokio::test]
async fn an_answer_that_is_no_stream_breaks_off_when_the_provider_does() {
    let world = World::new().await;
    let speech = json!({"model": "@open/tts-1+die-after-1-chunks", "input": "a", "voice": "b"});
    let answer = world.send(Ask::post("/v1/audio/speech", &speech)).await;
    assert!(answer.is_broken);
    assert_eq!(answer.body.len(), 2048);
    assert_eq!(world.only_log().state, LogState::Failed);

    world.recorder.forget();
    let answer = world.send(Ask::chat("@open/die-after-1-chunks")).await;
    answer.refused(502, None);
    let log = world.only_log();
    assert_eq!((log.response_status, log.state), (Some(502), LogState::Failed));
}

#[tokio::test]
async fn responses_stream_their_own_events() {
    let world = World::new().await;
    let body = json!({"model": "@open/gpt-4o-mini", "input": "hi", "stream": true});
    let answer = world.send(Ask::post("/v1/responses", &body)).await;
    assert!(answer.text().contains("event: response.completed"), "{}", answer.text());
    assert!(world.only_log().cost.is_some_and(|cost| cost.0 > 0));
}

#[tokio::test]
async fn a_client_that_leaves_with_the_last_event_has_not_hung_up() {
    let world = World::new().await;
    let mut response = world.begin(Ask::stream("@open/gpt-4o-mini")).await;
    let mut text = String::new();
    while !text.ends_with("data: [DONE]\n\n") {
        let data = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
        text.push_str(std::str::from_utf8(&data).unwrap());
    }
    drop(response);
    let log = world.only_log();
    assert_eq!((log.state, log.is_success), (LogState::Finished, true));
}
