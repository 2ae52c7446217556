//! What is kept of prompts and answers, and that nothing is when the caller says so.

use std::sync::atomic::Ordering::Relaxed;

use portcullis_domain::{IntegrationModels, StoredContent};
use portcullis_gateway::GatewaySettings;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{Ask, World};

const CANARY: &str = "canary-4f1e77";

fn ask(model: &str, is_stream: bool) -> Ask {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": CANARY}]});
    if is_stream {
        body["stream"] = json!(true);
    }
    Ask::post("/v1/chat/completions", &body)
}

#[tokio::test]
async fn content_is_sealed_and_opens_to_the_original_bytes() {
    let world = World::new().await;
    for is_stream in [false, true] {
        let ask = ask("@open/gpt-4o-mini", is_stream);
        let sent = ask.clone().request("").into_body();
        let answer = world.send(ask).await;
        assert_eq!(world.only_log().stored_content, StoredContent::Full);
        let kept = [sent, answer.body].map(|body| Some(body.to_vec()));
        assert_eq!(world.content().await, kept);
        let sealed = world.recorder.contents().pop().flatten().unwrap();
        assert!(!sealed.as_bytes().windows(CANARY.len()).any(|w| w == CANARY.as_bytes()));
        assert!(!serde_json::to_string(&world.only_log()).unwrap().contains(CANARY));
        world.recorder.forget();
    }
}

#[tokio::test]
async fn long_content_is_cut_and_marked() {
    let settings = GatewaySettings { max_kept_bytes: 100, ..GatewaySettings::default() };
    let world = World::with(settings).await;
    let answer = world.send(ask("@open/chunks-20", true)).await;
    assert_eq!(world.only_log().stored_content, StoredContent::Truncated);
    let [request, response] = world.content().await;
    assert_eq!(response.unwrap(), answer.body[..100]);
    assert!(request.unwrap().len() <= 100);
}

/// Failures included: each of these once repeated content somewhere in somebody's gateway.
#[tokio::test]
async fn nothing_is_kept_when_the_caller_says_so() {
    let world = World::new().await;
    let broken = Ask::new("POST", "/v1/chat/completions")
        .header("content-type", "application/json")
        .body(format!("{{\"messages\":\"{CANARY}\""));
    let unseen = json!({"model": "@open/x", "messages": CANARY});
    let mut asks = vec![
        broken,
        Ask::post("/v1/chat/completions", &unseen),
        Ask::post("/v1/unknown?model=@open/x&prompt=canary-4f1e77", &unseen),
    ];
    for model in [
        "@open/gpt-4o-mini",
        "@claude/claude-sonnet-4",
        "@open/status-400",
        "@open/status-500",
        "@open/reset",
        "@open/die-after-1-chunks",
        "@open/garbage",
        "@open/error-after-2-chunks",
        "@nobody/gpt-4o-mini",
        "@strict/gpt-4o",
    ] {
        asks.extend([ask(model, false), ask(model, true)]);
    }
    for ask in asks {
        world.send(ask.clone().header("x-portkey-debug", "false")).await;
        // Hung up in the middle.
        drop(world.begin(ask.header("x-portkey-debug", "false")).await);
    }
    // Who says both means the stricter.
    let both = ask("@open/gpt-4o-mini", false).header("x-portkey-debug", "true");
    world.send(both.header("x-portkey-debug", " False ")).await;
    world.recorder.fails.store(true, Relaxed);
    world.send(ask("@open/gpt-4o-mini", false).header("x-portkey-debug", "false")).await;
    assert_eq!(world.recorder.closed().len(), 2 * 23 + 2);
    for (log, content) in world.recorder.closed().iter().zip(world.recorder.contents()) {
        let text = serde_json::to_string(log).unwrap();
        assert!(!text.contains(CANARY), "{text}");
        assert!(content.is_none(), "{text}");
        assert_eq!(log.stored_content, StoredContent::None);
    }
    for (log, _) in world.recorder.opened() {
        assert!(!serde_json::to_string(&log).unwrap().contains(CANARY));
    }
}

/// A parser that complains of a wrong type quotes what it found there.
#[tokio::test]
async fn an_answer_of_the_wrong_form_is_not_quoted_in_the_log() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}/v1", listener.local_addr().unwrap());
    let any = IntegrationModels::default();
    world.virtual_key("odd", "anthropic", "sk-odd", &host, any).await;
    for (kind, body) in [
        ("application/json", r#"{"id":"m","type":"message","content":"canary-4f1e77"}"#),
        ("application/json", r#"{"id":"m","usage":"canary-4f1e77","content":[]}"#),
        (
            "text/event-stream",
            "event: message_start\ndata: {\"type\":\"message_start\",\"index\":\"canary-4f1e77\"}\n\n",
        ),
    ] {
        world.recorder.forget();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert_ne!(stream.read(&mut request).await.unwrap(), 0);
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let is_stream = kind != "application/json";
        let ask = ask("@odd/claude-sonnet-4", is_stream).header("x-portkey-debug", "false");
        let (answer, ()) = tokio::join!(world.send(ask), serve);
        assert!(!answer.text().contains(CANARY), "{}", answer.text());
        let log = world.only_log();
        assert_eq!(log.error.as_deref(), Some("upstream_broken"), "{}", answer.text());
        let text = serde_json::to_string(&log).unwrap();
        assert!(!text.contains(CANARY), "{text}");
    }
}
