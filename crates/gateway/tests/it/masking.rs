//! What a provider says went wrong never shows the credential, whatever the status, the dialect or
//! the pieces in which it comes.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use portcullis_domain::{IntegrationModels, Secret};
use portcullis_providers::credential::{Credential, Settings};
use portcullis_record::content::Content;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::{LocalSet, spawn_local, yield_now},
};

use crate::support::{Ask, OPENAI_SECRET, World};

/// The secret in a header of the credential's own, without `Bearer` before it.
const HEADER_SECRET: &str = "own/header-4d21";

/// A provider that answers every call so.
async fn provider_that_says(status: &str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-echo: {body}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}/v1")
}

#[tokio::test]
async fn a_key_that_a_provider_repeats_in_an_error_is_masked_on_every_path() {
    let world = World::new().await;
    let tasks = LocalSet::new();
    let says = json!({"error": {"message": format!("who is {OPENAI_SECRET}?")}}).to_string();
    tasks
        .run_until(async {
            let host = provider_that_says("401 Unauthorized", says).await;
            let any = IntegrationModels::default;
            world.virtual_key("parrot", "openai", OPENAI_SECRET, &host, any()).await;
            world.virtual_key("parrot2", "anthropic", OPENAI_SECRET, &host, any()).await;
            let body = json!({"model": "m", "max_tokens": 1, "messages": []});
            for slug in ["parrot", "parrot2"] {
                for path in ["/v1/chat/completions", "/v1/messages", "/v1/other"] {
                    let ask = Ask::post(path, &body).header("x-portkey-virtual-key", slug);
                    let answer = world.send(ask).await;
                    assert_eq!(answer.status, 401, "{slug} {path}");
                    let text = answer.text();
                    assert!(!text.contains(OPENAI_SECRET), "{slug} {path}: {text}");
                    assert!(text.contains("who is sk********a9c?"), "{slug} {path}: {text}");
                    assert!(!answer.headers.contains_key("x-echo"), "{slug} {path}");
                }
            }
        })
        .await;
}

/// A provider that answers every call with status 200, in the type and the pieces that were set
/// last, each read by the gateway before the next is written.
async fn provider_that_is_told(told: Rc<RefCell<(&'static str, Vec<String>)>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            let (kind, pieces) = told.borrow().clone();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\
                 transfer-encoding: chunked\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
                let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
                stream.write_all(chunk.as_bytes()).await.unwrap();
                for _ in 0..YIELDS {
                    yield_now().await;
                }
            }
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
    });
    format!("http://{address}/v1")
}

/// Turns after which the gateway, on the same thread, has read what lies in its socket.
const YIELDS: usize = 16;

/// A 200 answer that tells an error.
struct Case {
    slug: &'static str,
    path: &'static str,
    is_stream: bool,
    body: String,
    /// Whether the client is told the message.
    is_told: bool,
}

fn cases() -> Vec<Case> {
    let says = format!("who is {OPENAI_SECRET} or {HEADER_SECRET}?");
    let openai = json!({"error": {"message": says, "type": "auth"}}).to_string();
    let claude = json!({"type": "error", "error": {"type": "auth", "message": says}}).to_string();
    let responses = json!({"type": "error", "message": says}).to_string();
    let started = json!({
        "type": "message_start",
        "message": {"id": "m1", "model": "m", "role": "assistant", "content": [], "usage": {}},
    });
    let openai_events = format!(
        "data: {}\n\ndata: {openai}\n\n",
        json!({"id": "c1", "choices": [{"index": 0, "delta": {"content": "so"}}]})
    );
    let claude_events =
        format!("event: message_start\ndata: {started}\n\nevent: error\ndata: {claude}\n\n");
    let (chat, messages, other) = ("/v1/chat/completions", "/v1/messages", "/v1/other");
    let stream = |slug, path, body: &str| Case {
        slug,
        path,
        is_stream: true,
        body: body.to_owned(),
        is_told: true,
    };
    let document = |slug, path, body: &str| Case { is_stream: false, ..stream(slug, path, body) };
    // A document of another dialect is not understood: its text goes nowhere.
    let untold = |slug, path, body: &str| Case { is_told: false, ..document(slug, path, body) };
    vec![
        stream("parrot", chat, &openai_events),
        stream("parrot", chat, &format!("data: {openai}\n\n")),
        stream("parrot", chat, &format!("event: error\ndata: {says}\n\n")),
        stream("parrot", "/v1/responses", &format!("event: error\ndata: {responses}\n\n")),
        stream("parrot", other, &openai_events),
        // The blank line behind the last event is often forgotten.
        stream("parrot", chat, openai_events.trim_end()),
        stream("parrot2", messages, &claude_events),
        stream("parrot2", messages, claude_events.trim_end()),
        stream("parrot2", messages, &format!("event: error\ndata: {openai}\n\n")),
        // Neither name nor, in one of them, type says what these are.
        stream("parrot2", messages, &format!("data: {openai}\n\n")),
        stream("parrot2", messages, &format!("data: {responses}\n\n")),
        stream("parrot2", other, &format!("data: {responses}\n\n")),
        stream("parrot2", other, &claude_events),
        // Translated in both directions.
        stream("parrot2", chat, &claude_events),
        stream("parrot", messages, &openai_events),
        document("parrot", chat, &openai),
        document("parrot", "/v1/embeddings", &openai),
        document("parrot2", messages, &claude),
        untold("parrot2", chat, &claude),
        untold("parrot", messages, &openai),
    ]
}

#[tokio::test]
async fn a_key_that_a_provider_repeats_in_an_error_of_status_200_is_masked_however_it_is_cut() {
    let world = World::new().await;
    LocalSet::new()
        .run_until(async {
            let told = Rc::new(RefCell::new(("", Vec::new())));
            let host = provider_that_is_told(Rc::clone(&told)).await;
            for (slug, provider) in [("parrot", "openai"), ("parrot2", "anthropic")] {
                let own = format!("Bearer {HEADER_SECRET}");
                let settings = Settings {
                    custom_host: Some(host.clone()),
                    custom_headers: Some(BTreeMap::from([("x-own".to_owned(), own)])),
                    ..Settings::default()
                };
                let key = Some(Secret::new(OPENAI_SECRET.to_owned()));
                let credential = Credential::new(key, settings);
                world.saved(slug, provider, &credential, IntegrationModels::default()).await;
            }
            for case in cases() {
                let kind = if case.is_stream { "text/event-stream" } else { "application/json" };
                let first = case.body.find(OPENAI_SECRET).unwrap();
                let last = case.body.find(HEADER_SECRET).unwrap() + HEADER_SECRET.len();
                for at in first..=last {
                    let (head, tail) = case.body.split_at(at);
                    *told.borrow_mut() = (kind, vec![head.to_owned(), tail.to_owned()]);
                    check(&world, &case).await;
                }
                let bytes = case.body.chars().map(String::from).collect();
                *told.borrow_mut() = (kind, bytes);
                check(&world, &case).await;
            }
        })
        .await;
}

async fn check(world: &World, case: &Case) {
    let Case { slug, path, is_stream, .. } = case;
    let body = json!({
        "model": "m", "max_tokens": 1, "stream": is_stream, "input": "hi",
        "messages": [{"role": "user", "content": "hi"}],
    });
    let ask = Ask::post(path, &body).header("x-portkey-virtual-key", slug);
    let answer = world.send(ask).await;
    let text = answer.text();
    let logs = serde_json::to_string(&world.recorder.closed()).unwrap();
    let Content { request, response, sent, original } = world.whole_content().await;
    let kept = [request, response, sent, original].map(|message| [message.head, message.body]);
    for secret in [OPENAI_SECRET, HEADER_SECRET, "vaulted-openai", "header-4d2"] {
        assert!(!text.contains(secret), "{slug} {path}: {text}");
        assert!(!logs.contains(secret), "{slug} {path}: {logs}");
        for bytes in kept.iter().flatten().flatten() {
            let text = String::from_utf8_lossy(bytes);
            assert!(!text.contains(secret), "{slug} {path}: {text}");
        }
    }
    if case.is_told {
        assert_eq!(answer.status, 200, "{slug} {path}: {text}");
        assert!(text.contains("who is sk********a9c or ow********d21?"), "{slug} {path}: {text}");
        let log = world.only_log();
        assert!(!log.is_success, "{slug} {path}: {log:?}");
    }
    world.recorder.forget();
}

#[tokio::test]
async fn a_document_of_a_path_that_is_not_understood_is_masked_where_it_tells_an_error() {
    let world = World::new().await;
    let says = json!({"error": {"message": format!("who is {OPENAI_SECRET}?")}}).to_string();
    LocalSet::new()
        .run_until(async {
            let host = provider_that_says("200 OK", says).await;
            let any = IntegrationModels::default;
            world.virtual_key("parrot", "openai", OPENAI_SECRET, &host, any()).await;
            world.virtual_key("parrot2", "anthropic", OPENAI_SECRET, &host, any()).await;
            for slug in ["parrot", "parrot2"] {
                let ask = Ask::post("/v1/other", &json!({})).header("x-portkey-virtual-key", slug);
                let answer = world.send(ask).await;
                assert_eq!(answer.text(), r#"{"error":{"message":"who is sk********a9c?"}}"#);
            }
        })
        .await;
}
