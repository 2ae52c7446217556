//! Providers that fail, in the contract's shapes (data-plane reference §7, §12).

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use portcullis_domain::{IntegrationModels, LogState, NanoDollars};
use portcullis_gateway::GatewaySettings;
use serde_json::{Value, json};

use crate::support::{Ask, World};

#[tokio::test]
async fn a_providers_error_keeps_its_status_in_the_callers_form() {
    let world = World::new().await;
    for status in [400, 401, 403, 404, 409, 429, 500, 503, 529] {
        let answer = world.send(Ask::chat(&format!("@open/status-{status}"))).await;
        assert_eq!(answer.status.as_u16(), status);
        let body = answer.json();
        assert_eq!(body["provider"], "openai");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("openai error: "), "{message}");
        assert!(body["error"].get("param").is_some() && body["error"].get("code").is_some());
        assert!(!answer.headers.contains_key("x-portkey-gateway-exception"));
        assert!(!answer.header("x-portkey-trace-id").is_empty());
        let log = world.only_log();
        assert_eq!((log.state, log.is_success), (LogState::Finished, false));
        assert_eq!(log.response_status, Some(status));
        assert_eq!(log.error.as_deref(), Some("provider_error"));
        assert_eq!(log.cost, Some(NanoDollars(0)));
        world.recorder.forget();
    }
    let answer = world.send(Ask::chat("@open/status-429+retry-after-7")).await;
    assert_eq!(answer.header("retry-after"), "7");
    let messages = json!({"model": "@claude/status-529", "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}]});
    let answer = world.send(Ask::post("/v1/messages", &messages)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (529, &json!("error")));
}

#[tokio::test]
async fn a_failed_speech_costs_nothing() {
    let world = World::new().await;
    let body = json!({"model": "@open/tts-1", "input": "[script status-500]", "voice": "b"});
    assert_eq!(world.send(Ask::post("/v1/audio/speech", &body)).await.status, 500);
    let log = world.only_log();
    assert_eq!((log.cost, log.usage.characters), (Some(NanoDollars(0)), None));
}

#[tokio::test]
async fn a_slow_provider_is_answered_408() {
    let upstream_timeout = Duration::from_millis(100);
    let settings = GatewaySettings { upstream_timeout, ..GatewaySettings::default() };
    let world = World::with(settings).await;
    let answer = world.send(Ask::chat("@open/slow-5000")).await;
    answer.refused(408, None);
    assert_eq!(answer.json()["error"]["type"], "timeout_error");
    let log = world.only_log();
    assert_eq!((log.state, log.error.as_deref()), (LogState::Failed, Some("upstream_timeout")));
    assert_eq!(log.response_status, Some(408));
}

#[tokio::test]
async fn the_caller_sets_how_long_to_wait() {
    let world = World::new().await;
    let ask = Ask::chat("@open/slow-5000").header("x-portkey-request-timeout", "80");
    world.send(ask).await.refused(408, None);
    let config = r#"{"virtual_key":"open","request_timeout":80}"#;
    let ask = Ask::chat("slow-5000").header("x-portkey-config", config);
    world.send(ask).await.refused(408, None);
    // The header outranks the config.
    let ask = Ask::chat("slow-150").header("x-portkey-config", config);
    assert_eq!(world.send(ask.header("x-portkey-request-timeout", "5000")).await.status, 200);
    // A stream that has begun is not cut.
    let ask = Ask::stream("@open/chunks-4+gap-60").header("x-portkey-request-timeout", "80");
    assert!(world.send(ask).await.text().ends_with("data: [DONE]\n\n"));
    let ask = Ask::chat("@open/gpt-4o-mini").header("x-portkey-request-timeout", "soon");
    world.send(ask).await.refused(400, None);
}

#[tokio::test]
async fn an_unreachable_provider_is_answered_503() {
    let world = World::new().await;
    // A port that was free a moment ago.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let host = format!("http://127.0.0.1:{port}/v1");
    world.virtual_key("gone", "openai", "sk-x", &host, IntegrationModels::default()).await;
    let answer = world.send(Ask::chat("@gone/gpt-4o-mini")).await;
    answer.refused(503, None);
    assert_eq!(answer.json()["error"]["type"], "upstream_error");
    let log = world.only_log();
    assert_eq!(log.error.as_deref(), Some("upstream_unreachable"));
    assert_eq!(log.cost, Some(NanoDollars(0)));
    assert_eq!(world.recorder.opened().len(), 1);
}

#[tokio::test]
async fn a_reset_connection_is_answered_502_and_not_repeated() {
    let world = World::new().await;
    world.send(Ask::chat("@open/reset")).await.refused(502, None);
    assert_eq!(world.upstream.count(), 1);
    assert_eq!(world.only_log().error.as_deref(), Some("upstream_broken"));
}

#[tokio::test]
async fn garbage_with_a_json_label_still_ends_in_one_record() {
    let world = World::new().await;
    let answer = world.send(Ask::chat("@open/garbage")).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "<html>not JSON"));
    assert_eq!(world.only_log().state, LogState::Finished);
}

#[tokio::test]
async fn an_answer_too_large_to_hold_is_a_502() {
    let settings = GatewaySettings { max_answer_bytes: 4096, ..GatewaySettings::default() };
    let world = World::with(settings).await;
    world.send(Ask::chat("@open/bytes-10000")).await.refused(502, None);
    // Streams are not held.
    let answer = world.send(Ask::stream("@open/bytes-10000+chunks-10")).await;
    assert!(answer.body.len() > 10_000 && answer.text().ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn a_call_that_cannot_be_recorded_is_not_made() {
    let world = World::new().await;
    world.recorder.fails.store(true, Relaxed);
    let answer = world.send(Ask::chat("@open/gpt-4o-mini")).await;
    let message = answer.refused(503, None);
    assert!(!message.contains("disk"), "{message}");
    assert_eq!(answer.header("x-portkey-gateway-exception"), "true");
    assert_eq!(world.upstream.count(), 0);
    let log = world.only_log();
    assert_eq!(log.error.as_deref(), Some("record_unavailable"));
    assert_eq!(log.cost, Some(NanoDollars(0)));
    world.recorder.fails.store(false, Relaxed);
    assert_eq!(world.send(Ask::chat("@open/gpt-4o-mini")).await.status, 200);
    assert_eq!(answer.json()["error"]["param"], Value::Null);
}

/// A provider that gives each call this answer, byte for byte, and hangs up. Where it is.
fn provider_of_one_answer(answer: &'static str) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Whoever answers before being asked is not believed.
            assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
            stream.write_all(answer.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            // Until the other side has seen it.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    host
}

#[tokio::test]
async fn a_compressed_answer_is_a_502_unless_proxied() {
    let world = World::new().await;
    let host = provider_of_one_answer(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\
         connection: close\r\ncontent-length: 6\r\n\r\npacked",
    );
    world.virtual_key("packed", "openai", "sk-x", &host, IntegrationModels::default()).await;
    let message = world.send(Ask::chat("@packed/gpt-4o-mini")).await.refused(502, None);
    assert!(message.contains("content-encoding"), "{message}");
    let log = world.only_log();
    assert_eq!((log.state, log.error.as_deref()), (LogState::Failed, Some("upstream_broken")));
    let ask = Ask::new("GET", "/v1/threads/t1").header("x-portkey-virtual-key", "packed");
    let answer = world.send(ask).await;
    assert_eq!((answer.header("content-encoding"), answer.text()), ("gzip", "packed"));
}

#[tokio::test]
async fn a_stream_that_ends_without_saying_so_has_failed() {
    let world = World::new().await;
    let host = provider_of_one_answer(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
         data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n",
    );
    world.virtual_key("short", "openai", "sk-x", &host, IntegrationModels::default()).await;
    let answer = world.send(Ask::stream("@short/gpt-4o-mini")).await;
    assert!(answer.text().contains("upstream_broken"), "{}", answer.text());
    let log = world.only_log();
    assert_eq!((log.state, log.is_success), (LogState::Failed, false));
}

#[tokio::test]
async fn what_breaks_off_behind_the_last_event_has_ended_well() {
    let world = World::new().await;
    let host = provider_of_one_answer(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 500\r\n\r\n\
         data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n\
         data: [DONE]\n\n",
    );
    world.virtual_key("late", "openai", "sk-x", &host, IntegrationModels::default()).await;
    let answer = world.send(Ask::stream("@late/gpt-4o-mini")).await;
    assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
    let log = world.only_log();
    assert_eq!((log.state, log.is_success), (LogState::Finished, true));
}
