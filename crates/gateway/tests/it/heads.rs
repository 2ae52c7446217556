//! What is kept of headers, and of the provider's side of a call that is translated.

use portcullis_domain::{IntegrationModels, LogState, StoredContent};
use portcullis_gateway::GatewaySettings;
use portcullis_record::{
    content::{Content, Message},
    head::lines,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{Ask, CLAUDE_SECRET, World};

/// The headers of a message as `name: value`, those of one name in their order.
fn headers(message: &Message) -> Vec<String> {
    let text = |bytes| String::from_utf8(Vec::from(bytes)).unwrap();
    let lines = lines(message.head.as_ref().expect("headers were kept"));
    lines.map(|(name, value)| format!("{}: {}", text(name), text(value.unwrap()))).collect()
}

#[track_caller]
fn assert_has(message: &Message, header: &str) {
    let headers = headers(message);
    assert!(headers.iter().any(|line| line == header), "{header}: {headers:#?}");
}

fn json_of(message: &Message) -> Value {
    serde_json::from_slice(message.body.as_ref().expect("a body was kept")).unwrap()
}

fn masked(secret: &str) -> String {
    format!("{}********{}", &secret[..2], &secret[secret.len() - 3..])
}

#[tokio::test]
async fn both_sides_headers_are_kept_and_their_secrets_are_masked() {
    let world = World::new().await;
    for is_stream in [false, true] {
        world.recorder.forget();
        let ask = if is_stream {
            Ask::stream("@open/gpt-4o-mini")
        } else {
            Ask::chat("@open/gpt-4o-mini")
        };
        let ask = ask
            .header("x-portkey-sensitive-headers", "X-Patient, content-encoding")
            .header("x-patient", "anna-muster-1970")
            .header("authorization", "Bearer sk-brought-along-4711")
            .header("x-goog-api-key", "AIza-brought-along")
            .header(
                "x-portkey-config",
                r#"{"retry":{"attempts":1},"someApiKey":"sk-in-a-config"}"#,
            );
        let answer = world.send(ask).await;
        let content = world.whole_content().await;
        for header in [
            &format!("x-portkey-api-key: {}", masked(&world.key)),
            "authorization: Bearer sk********711",
            "content-type: application/json",
            "x-portkey-sensitive-headers: X-Patient, content-encoding",
            "x-patient: an********970",
            "x-goog-api-key: AI********ong",
            r#"x-portkey-config: {"retry":{"attempts":1},"someApiKey":"sk********fig"}"#,
        ] {
            assert_has(&content.request, header);
        }
        for name in ["content-type", "x-portkey-trace-id", "x-portkey-retry-attempt-count"] {
            assert_has(&content.response, &format!("{name}: {}", answer.header(name)));
        }
        assert_eq!(headers(&content.response).len(), answer.headers.len());
        // Nothing was translated.
        assert_eq!((content.sent, content.original), Default::default());
        assert_eq!(world.only_log().stored_content, StoredContent::Full);
    }
}

#[tokio::test]
async fn of_a_translated_call_the_providers_side_is_kept_too() {
    let world = World::new().await;
    let messages = json!({"model": "@open/gpt-4o-mini", "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}]});
    let mut streamed = messages.clone();
    streamed["stream"] = json!(true);
    for (ask, path, is_stream) in [
        (Ask::chat("@claude/claude-sonnet-4"), "/v1/messages", false),
        (Ask::stream("@claude/claude-sonnet-4"), "/v1/messages", true),
        (Ask::post("/v1/messages", &messages), "/v1/chat/completions", false),
        (Ask::post("/v1/messages", &streamed), "/v1/chat/completions", true),
    ] {
        world.recorder.forget();
        world.upstream.forget();
        let answer = world.send(ask.clone()).await;
        let content = world.whole_content().await;
        let got = world.only_request();
        assert_eq!(Some(json_of(&content.sent)), got.json, "{path}");
        assert_ne!(json_of(&content.sent), json_of(&content.request));
        assert_has(&content.sent, ":method: POST");
        let lines = headers(&content.sent);
        let host = world.upstream.base_url();
        let url = format!(":url: {}{path}", host.strip_suffix("/v1").unwrap_or(&host));
        assert_eq!(lines[1], url);
        if path == "/v1/messages" {
            assert_has(&content.sent, &format!("x-api-key: {}", masked(CLAUDE_SECRET)));
        } else {
            assert!(lines.iter().any(|l| l.starts_with("authorization: Bearer sk********")));
        }
        assert_eq!(content.response.body.as_deref(), Some(&answer.body[..]));
        let original = String::from_utf8(content.original.body.clone().unwrap()).unwrap();
        let expected = match (path, is_stream) {
            ("/v1/messages", false) => r#""type":"message""#,
            ("/v1/messages", true) => "event: message_start",
            (_, false) => r#""object":"chat.completion""#,
            (_, true) => "data: [DONE]",
        };
        assert!(original.replace(": \"", ":\"").contains(expected), "{original}");
        assert!(!answer.text().replace(": \"", ":\"").contains(expected), "{}", answer.text());
        let kind = if is_stream { "text/event-stream" } else { "application/json" };
        assert!(headers(&content.original).iter().any(|line| line.contains(kind)));
        assert_eq!(world.only_log().stored_content, StoredContent::Full);
    }
}

/// A provider that repeats the key it refuses, in the body and in a header.
#[tokio::test]
async fn an_original_error_does_not_show_the_credential() {
    // Whole, and cut within the key.
    let cut = GatewaySettings { max_kept_bytes: 44, ..GatewaySettings::default() };
    for (settings, kept) in [(GatewaySettings::default(), "\"sk****"), (cut, "\"message\":\"")] {
        let world = World::with(settings).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}/v1", listener.local_addr().unwrap());
        world
            .virtual_key("odd", "anthropic", CLAUDE_SECRET, &host, IntegrationModels::default())
            .await;
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert_ne!(stream.read(&mut request).await.unwrap(), 0);
            let body = format!(
                r#"{{"type":"error","error":{{"message":"{CLAUDE_SECRET}","type":"authentication_error"}}}}"#
            );
            let answer = format!(
                "HTTP/1.1 401 No\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 x-refused: key {CLAUDE_SECRET}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let (answer, ()) = tokio::join!(world.send(Ask::chat("@odd/claude-sonnet-4")), serve);
        assert_eq!(answer.status, 401);
        let content = world.whole_content().await;
        assert_has(&content.original, "x-refused: ke********1b0");
        let original = String::from_utf8(content.original.body.clone().unwrap()).unwrap();
        assert!(original.contains(kept), "{original}");
        let Content { request, response, sent, original } = content;
        let kept = [request, response, sent, original].map(|message| [message.head, message.body]);
        for bytes in kept.iter().flatten().flatten() {
            let text = String::from_utf8_lossy(bytes);
            assert!(!text.contains(&CLAUDE_SECRET[..10]), "{text}");
        }
    }
}

#[tokio::test]
async fn too_many_headers_are_cut_and_marked() {
    let world = World::new().await;
    let mut ask = Ask::chat("@open/gpt-4o-mini");
    for n in 0..20 {
        ask = ask.header(&format!("x-long-{n}"), "v".repeat(1000));
    }
    world.send(ask).await;
    assert_eq!(world.only_log().stored_content, StoredContent::Truncated);
    let content = world.whole_content().await;
    let head = content.request.head.unwrap();
    assert!(head.len() < 9 << 10, "{}", head.len());
    assert_eq!(lines(&head).last(), Some(("…".as_bytes(), None)));
}

/// Refused before it was known where it goes: such a call has no keys to be sealed with.
#[tokio::test]
async fn nothing_is_kept_of_a_call_that_goes_nowhere() {
    let world = World::new().await;
    world.send(Ask::chat("@nobody/gpt-4o-mini")).await;
    assert_eq!(world.only_log().state, LogState::Failed);
    assert_eq!(world.whole_content().await, Default::default());
}
