//! Request bodies: what is accepted, kept to the byte, bounded, refused.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use portcullis_gateway::GatewaySettings;
use serde_json::{Value, json};

use crate::support::{Answer, Ask, Stalled, World, form};

#[tokio::test]
async fn unknown_members_survive_to_the_byte() {
    let world = World::new().await;
    let body = r#"{ "model": "@open/echo" ,"n":1.00,"new":{"deep":[1e3,"\u00e9"]} }"#;
    let ask = Ask::new("POST", "/v1/unknown").header("content-type", "application/json");
    let echo = world.send(ask.body(body)).await.json();
    let sent = base64(&echo["base64"]);
    assert_eq!(sent, body.replace("@open/", "").as_bytes());
}

fn base64(text: &Value) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(text.as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn binary_bodies_pass_untouched_both_ways() {
    let world = World::new().await;
    let all: Vec<u8> = (0..=u8::MAX).cycle().take(70_000).collect();
    for kind in ["application/octet-stream", "audio/wav", "image/png", "text/csv"] {
        let ask = Ask::new("PUT", "/v1/blobs/7?model=@open/x").header("content-type", kind);
        let echo = world.send(ask.body(all.clone())).await.json();
        assert_eq!(
            (&echo["method"], &echo["headers"]["content-type"]),
            (&json!("PUT"), &json!(kind))
        );
        assert_eq!(base64(&echo["base64"]), all);
    }
    let log = world.recorder.closed().pop().unwrap();
    assert_eq!(log.request_bytes, 70_000);
    assert!(log.is_proxy_call);

    let speech = json!({"model": "@open/tts-1", "input": "hello", "voice": "alloy"});
    let answer = world.send(Ask::post("/v1/audio/speech", &speech)).await;
    let expected: Vec<u8> = (0..=u8::MAX).cycle().take(4096).collect();
    assert_eq!((answer.header("content-type"), &answer.body[..]), ("audio/mpeg", &expected[..]));
    let log = world.recorder.closed().pop().unwrap();
    assert_eq!(log.usage.characters, Some(5));
    assert!(log.cost.is_some_and(|cost| cost.0 > 0));
}

#[tokio::test]
async fn files_and_batches_pass_and_files_cost_nothing() {
    let world = World::new().await;
    let (kind, body) = form(&[("purpose", "batch")]);
    let upload = Ask::new("POST", "/v1/files").header("content-type", kind).body(body);
    let file = world.send(upload.header("x-portkey-provider", "@open")).await.json();
    let id = file["id"].as_str().unwrap();
    let content = Ask::new("GET", &format!("/v1/files/{id}/content"));
    let content = world.send(content.header("x-portkey-provider", "@open")).await;
    assert_eq!(content.body, (0..=u8::MAX).collect::<Vec<u8>>());
    let batch = json!({"input_file_id": id, "endpoint": "/v1/chat/completions",
        "completion_window": "24h"});
    let batch = Ask::post("/v1/batches", &batch).header("x-portkey-virtual-key", "open");
    assert_eq!(world.send(batch).await.status, 200);
    let delete = Ask::new("DELETE", &format!("/v1/files/{id}"));
    assert_eq!(world.send(delete.header("x-portkey-virtual-key", "open")).await.status, 200);
    let logs = world.recorder.closed();
    let endpoints: Vec<&str> = logs.iter().map(|log| &*log.endpoint).collect();
    assert_eq!(endpoints, ["uploadFile", "retrieveFileContent", "createBatch", "deleteFile"]);
    for log in logs {
        // What a batch will cost, nobody knows yet.
        let free = (log.endpoint != "createBatch").then_some(portcullis_domain::NanoDollars(0));
        assert_eq!(log.cost, free, "{}", log.endpoint);
    }
}

#[tokio::test]
async fn embeddings_keep_their_encoding() {
    let world = World::new().await;
    let body = json!({"model": "@open/text-embedding-3-small", "input": "hi",
        "encoding_format": "base64"});
    let answer = world.send(Ask::post("/v1/embeddings", &body)).await.json();
    assert_eq!(base64(&answer["data"][0]["embedding"]).len(), 8 * 4);
    let log = world.only_log();
    assert_eq!((log.usage.input_tokens, log.usage.output_tokens), (Some(1), None));
    assert!(log.cost.is_some_and(|cost| cost.0 > 0));
}

#[tokio::test]
async fn any_method_reaches_an_unknown_path() {
    let world = World::new().await;
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
        let ask = Ask::new(method, "/v1/threads/t_1/runs?after=x").header("x-custom", "1");
        let answer = world.send(ask.header("x-portkey-provider", "@open")).await;
        let echo = answer.json();
        assert_eq!(echo["method"], method);
        assert_eq!(echo["path"], "/v1/threads/t_1/runs");
        assert_eq!(echo["query"], "after=x");
        assert_eq!(echo["headers"]["x-custom"], "1");
    }
    // A proxied path takes any JSON, and its errors are the provider's own.
    let ask = Ask::post("/v1/list?script=status-404", &json!([1, 2]));
    let answer = world.send(ask.header("x-portkey-provider", "@open")).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["provider"], Value::Null);
}

#[tokio::test]
async fn broken_json_is_refused_and_never_repeated() {
    let world = World::new().await;
    for body in [
        "{",
        "[]",
        "1",
        "\"a\"",
        "{\"model\":}",
        "{\"canary\":01}",
        "{} {}",
        "{\"a\":1,\"a\":2}",
        "not json canary",
    ] {
        let ask = Ask::new("POST", "/v1/chat/completions").body(body);
        let ask = ask.header("content-type", "application/json; charset=utf-8");
        let message = world.send(ask.header("x-portkey-provider", "@open")).await;
        let message = message.refused(400, None);
        assert!(!message.contains("canary"), "{message}");
    }
    let ask = Ask::new("POST", "/v1/embeddings").header("content-type", "application/json");
    world.send(ask.body(&b"{\"input\":\"\xff\"}"[..])).await.refused(400, None);
    assert_eq!(world.upstream.count(), 0);
}

#[tokio::test]
async fn other_content_types_are_refused() {
    let world = World::new().await;
    for kind in ["text/plain", "application/xml", "application/x-www-form-urlencoded", "image/png"]
    {
        let ask = Ask::new("POST", "/v1/chat/completions").header("content-type", kind);
        let ask = ask.header("x-portkey-provider", "@open").body("x");
        let message = world.send(ask).await.refused(400, None);
        assert!(message.contains(kind), "{message}");
    }
    assert_eq!(world.upstream.count(), 0);
}

#[tokio::test]
async fn where_json_is_due_nothing_else_is_taken() {
    let world = World::new().await;
    let (kind, body) = form(&[("model", "@open/gpt-4o-mini")]);
    for path in ["/v1/chat/completions", "/v1/embeddings", "/v1/messages", "/v1/batches"] {
        for kind in ["application/octet-stream", "audio/wav", &kind] {
            let ask = Ask::new("POST", path).header("content-type", kind).body(body.clone());
            let message = world.send(ask.header("x-portkey-virtual-key", "open")).await;
            let message = message.refused(400, None);
            assert!(message.contains("send application/json"), "{message}");
        }
    }
    for path in ["/v1/chat//completions", "/v1//chat/completions", "/v1/chat%2F%2Fcompletions"] {
        let body = json!({"model": "gpt-4o-mini", "messages": []});
        let ask = Ask::post(path, &body).header("x-portkey-virtual-key", "open");
        assert!(world.send(ask).await.refused(400, None).contains("empty"));
    }
    assert_eq!(world.upstream.count(), 0);
}

#[tokio::test]
async fn compressed_json_is_refused_and_a_compressed_upload_says_so() {
    let world = World::new().await;
    for path in ["/v1/chat/completions", "/v1/unknown"] {
        let ask = Ask::post(path, &json!({"model": "@open/gpt-4o-mini"}));
        let message = world.send(ask.header("content-encoding", "gzip")).await.refused(400, None);
        assert!(message.contains("content-encoding"), "{message}");
    }
    assert_eq!(world.upstream.count(), 0);
    let ask = Ask::chat("@open/gpt-4o-mini").header("content-encoding", "identity");
    assert_eq!(world.send(ask).await.status, 200);
    world.upstream.forget();
    let ask = Ask::new("POST", "/v1/files").header("content-type", "application/octet-stream");
    let ask = ask.header("content-encoding", "gzip").header("x-portkey-provider", "@open");
    world.send(ask.body("packed")).await;
    assert_eq!(world.only_request().header("content-encoding"), Some("gzip"));
}

fn small() -> GatewaySettings {
    GatewaySettings {
        max_json_bytes: 1000,
        max_upload_bytes: 2000,
        body_idle_timeout: Duration::from_millis(200),
        ..GatewaySettings::default()
    }
}

#[tokio::test]
async fn oversized_bodies_are_refused_whether_declared_or_not() {
    let world = World::with(small()).await;
    let declared = |kind: &str, length: &str| {
        Ask::new("POST", "/v1/files")
            .header("content-type", kind)
            .header("content-length", length)
            .header("x-portkey-provider", "@open")
            .body("{}")
    };
    world.send(declared("application/json", "1001")).await.refused(413, None);
    world.send(declared("audio/wav", "2001")).await.refused(413, None);
    world.send(declared("application/json", "9".repeat(40).as_str())).await.refused(400, None);
    for (kind, pieces) in [("application/json", 11), ("audio/wav", 21)] {
        let ask = declared(kind, "0").request(&world.key);
        let (mut head, _) = ask.into_parts();
        head.headers.remove("content-length");
        let pieces =
            (0..pieces).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b' '; 100]))));
        let body = StreamBody::new(stream::iter(pieces));
        let response = world.call(http::Request::from_parts(head, body)).await;
        Answer::of(response).await.refused(413, None);
    }
    assert_eq!(world.upstream.count(), 0);
    let exact = format!(
        "{{\"model\":\"@open/gpt-4o-mini\",\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}]}}",
        "x".repeat(929)
    );
    assert_eq!(exact.len(), 1000);
    let ask = Ask::new("POST", "/v1/chat/completions").header("content-type", "application/json");
    assert_eq!(world.send(ask.body(exact)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stalls_in_its_json_is_answered_408() {
    let world = World::with(small()).await;
    let (head, _) = Ask::chat("@open/gpt-4o-mini").request(&world.key).into_parts();
    let body = Stalled(vec![Bytes::from_static(b"{\"model\":")]);
    let began = tokio::time::Instant::now();
    let response = world.call(http::Request::from_parts(head, body)).await;
    let answer = Answer::of(response).await;
    answer.refused(408, None);
    assert_eq!(answer.json()["error"]["type"], "timeout_error");
    assert_eq!(began.elapsed().as_millis() / 10, 20);
    assert_eq!(world.only_log().error.as_deref(), Some("client_too_slow"));
}

#[tokio::test]
async fn a_client_that_stalls_in_its_upload_is_answered_408() {
    let world = World::with(small()).await;
    let ask = Ask::new("POST", "/v1/files").header("content-type", "audio/wav");
    let (head, _) = ask.header("x-portkey-provider", "@open").request(&world.key).into_parts();
    let body = Stalled(vec![Bytes::from_static(b"RIFF")]);
    let answer = Answer::of(world.call(http::Request::from_parts(head, body)).await).await;
    answer.refused(408, None);
    let log = world.only_log();
    assert_eq!((log.error.as_deref(), log.request_bytes), (Some("client_too_slow"), 4));
}

#[tokio::test]
async fn a_form_must_name_its_model_once_and_plainly() {
    let world = World::new().await;
    let send = async |kind: &str, body: Bytes| {
        let ask = Ask::new("POST", "/v1/audio/transcriptions").header("content-type", kind);
        world.send(ask.header("x-portkey-virtual-key", "strict").body(body)).await
    };
    let (kind, twice) = form(&[("model", "gpt-4o-mini"), ("model", "whisper-1")]);
    let message = send(&kind, twice).await.refused(400, None);
    assert!(message.contains("occurs twice"), "{message}");
    let (kind, one) = form(&[("model", "gpt-4o-mini")]);
    assert_eq!(send(&kind, one).await.status, 200);
    let (kind, other) = form(&[("model", "whisper-1")]);
    let unquoted = String::from_utf8_lossy(&other).replace("\"model\"", "model").into_bytes();
    assert_eq!(send(&kind, unquoted.into()).await.status, 412);
}

#[tokio::test]
async fn what_is_no_json_is_refused_on_proxied_paths_too() {
    let world = World::new().await;
    for body in ["{\"model\":\"a\",\"n\":NaN}", "{\"model\":\"a\",}", "{} {}", "[1,]"] {
        let ask = Ask::new("POST", "/v1/other").header("content-type", "application/json");
        let ask = ask.header("x-portkey-provider", "@open").body(body);
        world.send(ask).await.refused(400, None);
    }
    assert_eq!(world.upstream.count(), 0);
}
