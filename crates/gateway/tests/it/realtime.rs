//! Realtime sessions (data-plane reference §1.4): the handshake with both sides, and what of a
//! session is recorded. How sessions end is in `realtime_ends.rs`.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_domain::{IntegrationModels, Log, LogState, NanoDollars, UsageSource};
use portcullis_gateway::GatewaySettings;
use portcullis_runtime::websocket::Kind;
use serde_json::{Value, json};

use crate::{
    socket::{Handshake, Socket, frame, listen},
    support::{Ask, World},
};

const PATH: &str = "/v1/realtime?model=@open/gpt-realtime";

/// The log of the session that has ended.
pub(crate) async fn log_of(world: &World) -> Log {
    let closed = async {
        while world.recorder.closed().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), closed).await.expect("it was never recorded");
    world.only_log()
}

async fn respond(socket: &mut Socket) -> Value {
    socket.say(&json!({"type": "response.create"})).await;
    socket.until("response.done").await
}

#[tokio::test]
async fn a_session_goes_through_and_is_one_log() {
    let world = World::new().await;
    let server = listen(&world);
    let handshake = Handshake::new(&world, PATH)
        .header("sec-websocket-protocol", "realtime, openai-beta.realtime-v1")
        .header("openai-beta", "realtime=v1")
        .header("x-portkey-trace-id", "t-1")
        .header("x-portkey-metadata", r#"{"_user":"u-1"}"#);
    let mut socket = handshake.open(&server).await.unwrap();
    for line in [
        "sec-websocket-protocol: realtime",
        "x-portkey-trace-id: t-1",
        "x-portkey-provider: openai",
        "x-portkey-retry-attempt-count: 0",
    ] {
        assert!(socket.head.contains(&format!("\r\n{line}\r\n")), "{}", socket.head);
    }
    let created = socket.event().await;
    assert_eq!(created["session"]["model"], "gpt-realtime");
    respond(&mut socket).await;
    assert_eq!(respond(&mut socket).await["response"]["usage"]["input_tokens"], 20);
    socket.send(&frame(0x89, b"there?")).await;
    assert_eq!(socket.message().await, Some((Kind::Pong, b"there?".to_vec())));
    // Nothing is recorded as ended while it goes on, but it was opened before it began.
    assert!(world.recorder.closed().is_empty());
    let opened = world.recorder.opened();
    assert_eq!((opened.len(), opened[0].1), (1, 0));
    socket.close().await;

    let request = world.only_request();
    assert_eq!((&*request.method, &*request.path), ("GET", "/v1/realtime"));
    assert_eq!(request.query, "model=gpt%2Drealtime");
    assert_eq!(request.header("authorization"), Some("Bearer sk-vaulted-openai-7f3a9c"));
    assert_eq!(request.header("openai-beta"), Some("realtime=v1"));
    assert_eq!(request.header("sec-websocket-protocol"), Some("realtime, openai-beta.realtime-v1"));
    assert_eq!(request.header("sec-websocket-extensions"), None);
    assert_ne!(request.header("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    assert!(request.headers.iter().all(|(name, _)| !name.starts_with("x-portkey-")));

    let log = log_of(&world).await;
    assert_eq!(log.id, opened[0].0.id);
    assert_eq!((log.state, log.is_success, log.error.clone()), (LogState::Finished, true, None));
    assert_eq!((&*log.endpoint, log.response_status, log.stream), ("realtime", Some(101), true));
    assert_eq!(
        (log.model_asked.as_deref(), log.model_served.as_deref()),
        (Some("gpt-realtime"), Some("gpt-realtime"))
    );
    assert_eq!((log.trace_id.as_str(), log.user.as_deref()), ("t-1", Some("u-1")));
    assert!(log.upstream_id.as_deref().is_some_and(|id| id.starts_with("sess_")));
    // 10 and 20 of the first response, 20 and 40 of the second; half of each is audio.
    let usage = log.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(30), Some(60)));
    assert_eq!((usage.input_audio_tokens, usage.output_audio_tokens), (Some(15), Some(30)));
    assert_eq!(log.usage_source, UsageSource::Provider);
    // gpt-realtime, per million: text 4 in and 16 out, audio 32 in and 64 out.
    let nano = 15 * 4000 + 15 * 32_000 + 30 * 16_000 + 30 * 64_000;
    assert_eq!(log.cost, Some(NanoDollars(nano)));
    assert!(log.request_bytes > 60 && log.response_bytes > 1000, "{log:?}");
    // session.created, twice response.created, three deltas and response.done.
    assert_eq!(log.response_chunks, 11);
    assert!(log.timings.time_to_first_byte.is_some());

    let [sent, got] = world.content().await;
    let sent = String::from_utf8(sent.unwrap()).unwrap();
    assert_eq!(sent, "{\"type\":\"response.create\"}\n".repeat(2));
    let got = String::from_utf8(got.unwrap()).unwrap();
    let events: Vec<Value> = got.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((events.len(), &events[10]["type"]), (11, &json!("response.done")));
}

#[tokio::test]
async fn the_key_comes_in_any_of_its_places_and_never_goes_on() {
    let world = World::new().await;
    let server = listen(&world);
    let protocols = format!("realtime, openai-insecure-api-key.{}", world.key);
    for handshake in [
        Handshake::keyless(PATH).header("authorization", &format!("Bearer {}", world.key)),
        Handshake::keyless(PATH).header("x-portkey-api-key", &world.key),
        Handshake::keyless(PATH).header("sec-websocket-protocol", &protocols),
        Handshake::keyless("/v1/realtime?model=gpt-realtime")
            .header("sec-websocket-protocol", &protocols)
            .header("x-portkey-virtual-key", "open"),
        // With a key of ours elsewhere, it is the provider's.
        Handshake::keyless("/v1/realtime?model=gpt-realtime")
            .header("sec-websocket-protocol", "realtime, openai-insecure-api-key.sk-brought")
            .header("x-portkey-api-key", &world.key)
            .header("x-portkey-custom-host", &world.upstream.base_url())
            .header("x-portkey-provider", "openai"),
    ] {
        let mut socket = handshake.open(&server).await.unwrap();
        assert_eq!(socket.event().await["type"], "session.created");
        socket.close().await;
        let request = world.only_request();
        let wire = format!("{request:?}");
        assert!(!wire.contains(&world.key) && !wire.contains("insecure"), "{wire}");
        assert!(request.header("authorization").unwrap().starts_with("Bearer sk-"));
        log_of(&world).await;
        world.recorder.forget();
    }
    let refused = Handshake::keyless(PATH).open(&server).await.err().unwrap();
    assert_eq!(refused.status, 401, "{refused:?}");
    let wrong = Handshake::keyless(PATH)
        .header("sec-websocket-protocol", "realtime, openai-insecure-api-key.pck_wrong");
    assert_eq!(wrong.open(&server).await.err().unwrap().status, 401);
    assert_eq!(world.upstream.count(), 0);
}

#[tokio::test]
async fn subprotocols_that_nobody_knows_do_not_go_on_and_a_known_one_is_always_answered() {
    let world = World::new().await;
    let server = listen(&world);
    let offered = "openai-organization.org-1, openai-project.p, chat";
    let handshake = Handshake::new(&world, PATH).header("sec-websocket-protocol", offered);
    let socket = handshake.open(&server).await.unwrap();
    assert!(!socket.head.contains("sec-websocket-protocol"), "{}", socket.head);
    assert_eq!(world.only_request().header("sec-websocket-protocol"), None);
}

#[tokio::test]
async fn azure_has_a_path_of_its_own() {
    let world = World::new().await;
    let server = listen(&world);
    let path = "/v1/realtime?model=@azure/my-deployment";
    let mut socket = Handshake::new(&world, path).open(&server).await.unwrap();
    respond(&mut socket).await;
    socket.close().await;
    let request = world.only_request();
    assert_eq!(request.path, "/openai/realtime");
    assert_eq!(request.query, "deployment=my-deployment&api-version=2025-04-01-preview");
    assert_eq!(request.header("api-key"), Some("sk-vaulted-azure"));
    assert_eq!(request.header("authorization"), None);
    let log = log_of(&world).await;
    assert_eq!((log.provider.as_deref(), log.usage.input_tokens), (Some("azure-openai"), Some(10)));
}

#[tokio::test]
async fn what_is_no_handshake_or_no_realtime_provider_is_refused_by_name() {
    let world = World::new().await;
    let server = listen(&world);
    let any = IntegrationModels::default();
    world.virtual_key("fast", "mistral-ai", "sk-m", &world.upstream.base_url(), any).await;
    let with = |name, value| Handshake::new(&world, PATH).header(name, value);
    for (handshake, status, word) in [
        (with("upgrade", ""), 400, "over WebSockets only"),
        (with("upgrade", "h2c"), 400, "over WebSockets only"),
        (with("connection", "keep-alive"), 400, "over WebSockets only"),
        (with("sec-websocket-version", "8"), 400, "must be 13"),
        (with("sec-websocket-key", "short"), 400, "sec-websocket-key"),
        (with("sec-websocket-key", ""), 400, "sec-websocket-key"),
        (Handshake::new(&world, "/v1/responses/x?model=@open/a"), 400, "'/v1/realtime'"),
        (Handshake::new(&world, "/v1/realtime"), 400, "no provider is named"),
        (Handshake::new(&world, "/v1/realtime?model=@nobody/x"), 400, "no virtual key 'nobody'"),
        (Handshake::new(&world, "/v1/realtime?model=@claude/x"), 400, "'realtime'"),
        (Handshake::new(&world, "/v1/realtime?model=@fast/x"), 400, "'realtime'"),
        (Handshake::new(&world, "/v1/realtime?model=@strict/gpt-4o"), 412, "not enabled"),
    ] {
        let refused = handshake.open(&server).await.err().unwrap();
        assert_eq!(refused.status, status, "{word}: {refused:?}");
        assert!(refused.body.contains(word), "{word}: {refused:?}");
        let body: Value = serde_json::from_str(&refused.body).unwrap();
        assert_eq!(body["status"], "failure");
    }
    // Without a listener that could switch: HTTP/2 brings no such headers.
    let answer = world.send(Ask::new("GET", PATH)).await;
    assert!(answer.refused(400, None).contains("over WebSockets only"));
    assert_eq!(world.upstream.count(), 0);
}

#[tokio::test]
async fn a_provider_that_refuses_is_heard() {
    let world = World::new().await;
    let server = listen(&world);
    let path = format!("{PATH}&script=status-429+retry-after-3");
    let refused = Handshake::new(&world, &path).open(&server).await.err().unwrap();
    assert_eq!(refused.status, 429);
    assert!(refused.body.contains("openai error: Rate limit reached."), "{refused:?}");
    let log = log_of(&world).await;
    assert_eq!((log.state, log.error.as_deref()), (LogState::Finished, Some("provider_error")));
    assert_eq!((log.response_status, log.cost), (Some(429), Some(NanoDollars(0))));
    world.recorder.forget();
    // It does not listen to what was asked.
    let path = format!("{PATH}&script=garbage");
    let path = path.replace("realtime?", "realtime/?");
    let refused = Handshake::new(&world, &path).open(&server).await.err().unwrap();
    assert_eq!(refused.status, 502, "{refused:?}");
}

#[tokio::test]
async fn an_unrecorded_session_is_not_opened() {
    let world = World::new().await;
    let server = listen(&world);
    world.recorder.fails.store(true, std::sync::atomic::Ordering::Relaxed);
    let refused = Handshake::new(&world, PATH).open(&server).await.err().unwrap();
    assert_eq!((refused.status, world.upstream.count()), (503, 0));
}

#[tokio::test]
async fn events_are_the_same_however_the_bytes_come() {
    let world = World::new().await;
    let server = listen(&world);
    for split in [1, 2, 3, 7, 100, 1000] {
        let path = format!("{PATH}&script=split-{split}");
        let early = frame(0x81, br#"{"type":"test.fragments"}"#);
        let mut socket = Handshake::new(&world, &path).open_with(&server, &early).await.unwrap();
        assert_eq!(socket.event().await["type"], "session.created");
        assert_eq!(socket.event().await["type"], "response.done");
        // The client's frames come in pieces as well.
        let sent = frame(0x81, json!({"type": "response.create"}).to_string().as_bytes());
        for piece in sent.chunks(split) {
            socket.send(piece).await;
            tokio::task::yield_now().await;
        }
        let done = socket.until("response.done").await;
        assert_eq!(done["response"]["usage"]["output_tokens"], 40);
        socket.close().await;
        let log = log_of(&world).await;
        assert_eq!((log.usage.input_tokens, log.usage.output_tokens), (Some(30), Some(60)));
        assert_eq!(log.state, LogState::Finished, "{split}");
        let [sent, _] = world.content().await;
        let expected = "{\"type\":\"test.fragments\"}\n{\"type\":\"response.create\"}\n";
        assert_eq!(String::from_utf8(sent.unwrap()).unwrap(), expected);
        world.recorder.forget();
    }
}

#[tokio::test]
async fn huge_messages_pass_and_little_of_them_is_kept() {
    let settings = GatewaySettings { max_kept_bytes: 1000, ..GatewaySettings::default() };
    let world = World::with(settings).await;
    let server = listen(&world);
    let mut socket = Handshake::new(&world, PATH).open(&server).await.unwrap();
    socket.say(&json!({"type": "test.bytes", "count": 5_000_000})).await;
    let padding = socket.until("test.padding").await;
    assert_eq!(padding["padding"].as_str().map(str::len), Some(5_000_000));
    let audio = "A".repeat(3_000_000);
    socket.say(&json!({"type": "input_audio_buffer.append", "audio": audio})).await;
    respond(&mut socket).await;
    socket.close().await;
    let log = log_of(&world).await;
    assert_eq!(log.usage.input_tokens, Some(10));
    assert!(log.request_bytes > 3_000_000 && log.response_bytes > 5_000_000);
    assert_eq!(serde_json::to_value(log.stored_content).unwrap(), "truncated");
    let [sent, got] = world.content().await;
    assert_eq!((sent.unwrap().len(), got.unwrap().len()), (1000, 1000));
}

#[tokio::test]
async fn with_content_off_nothing_is_kept() {
    let world = World::new().await;
    let server = listen(&world);
    let handshake = Handshake::new(&world, PATH).header("x-portkey-debug", "false");
    let mut socket = handshake.open(&server).await.unwrap();
    respond(&mut socket).await;
    socket.close().await;
    let log = log_of(&world).await;
    assert_eq!(log.usage.input_tokens, Some(10));
    assert_eq!(world.content().await, [None, None]);
}

#[tokio::test]
async fn a_session_in_which_nothing_was_made_costs_nothing() {
    let world = World::new().await;
    let server = listen(&world);
    let mut socket = Handshake::new(&world, PATH).open(&server).await.unwrap();
    socket.event().await;
    socket.close().await;
    let log = log_of(&world).await;
    assert_eq!((log.cost, log.usage_source), (Some(NanoDollars(0)), UsageSource::None));
}

/// Has the provider say an event.
async fn hear(socket: &mut Socket, event: &Value) {
    let text = event.to_string();
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    let frame = [&[0x81, 126][..], &length, text.as_bytes()].concat();
    socket.say(&json!({"type": "test.raw", "base64": STANDARD.encode(frame)})).await;
    assert_eq!(socket.event().await["type"], event["type"]);
}

async fn transcribe(socket: &mut Socket, by: &str) {
    let session = json!({"audio": {"input": {"transcription": {"model": by}}}});
    socket.say(&json!({"type": "session.update", "session": session})).await;
    socket.until("session.updated").await;
}

#[tokio::test]
async fn what_was_begun_and_states_no_usage_leaves_the_session_unpriced() {
    let world = World::new().await;
    let server = listen(&world);
    let mut socket = Handshake::new(&world, PATH).open(&server).await.unwrap();
    respond(&mut socket).await;
    hear(&mut socket, &json!({"type": "response.created", "response": {"id": "resp_x"}})).await;
    // The client has what it wants, and leaves.
    drop(socket);
    let log = log_of(&world).await;
    assert_eq!((log.usage.input_tokens, log.cost), (Some(10), None));
    world.recorder.forget();

    let mut socket = Handshake::new(&world, PATH).open(&server).await.unwrap();
    socket.event().await;
    transcribe(&mut socket, "whisper-1").await;
    hear(&mut socket, &json!({"type": "input_audio_buffer.committed", "item_id": "i"})).await;
    socket.close().await;
    let log = log_of(&world).await;
    assert_eq!((log.cost, log.usage_source), (None, UsageSource::None));
}

#[tokio::test]
async fn transcriptions_are_charged_at_their_models_price() {
    let world = World::new().await;
    let server = listen(&world);
    let mut socket = Handshake::new(&world, PATH).open(&server).await.unwrap();
    socket.event().await;
    transcribe(&mut socket, "whisper-1").await;
    hear(&mut socket, &json!({"type": "input_audio_buffer.committed", "item_id": "i"})).await;
    let completed = json!({"type": "conversation.item.input_audio_transcription.completed",
        "item_id": "i", "transcript": "Hello", "usage": {"type": "duration", "seconds": 90}});
    hear(&mut socket, &completed).await;
    socket.close().await;
    let log = log_of(&world).await;
    assert_eq!((log.usage.audio_millis, log.usage.input_tokens), (Some(90_000), None));
    // 0.006 a minute.
    assert_eq!(log.cost, Some(NanoDollars(9_000_000)));
}
