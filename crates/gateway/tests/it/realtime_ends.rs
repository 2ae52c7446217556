//! How realtime sessions end, and what then is recorded.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_domain::{Change, FaultKind, IntegrationModels, LogState};
use portcullis_gateway::GatewaySettings;
use portcullis_runtime::websocket::{Kind, accept_of};
use portcullis_testkit::upstream::End;
use portcullis_vault::KmsFailure;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    realtime::log_of,
    socket::{Handshake, Socket, frame, listen},
    support::World,
};

const PATH: &str = "/v1/realtime?model=@open/gpt-realtime";
/// Long enough for anything that works, also on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A session of which something was used.
async fn begun(world: &World, server: &portcullis_runtime::server::ServerHandle) -> Socket {
    let mut socket = Handshake::new(world, PATH).open(server).await.unwrap();
    socket.say(&json!({"type": "response.create"})).await;
    socket.until("response.done").await;
    socket
}

#[tokio::test]
async fn the_providers_close_reaches_the_client_and_its_code_says_how_it_went() {
    let world = World::new().await;
    let server = listen(&world);
    for (code, succeeds) in [(1000, true), (1001, true), (1011, false), (4000, false)] {
        let mut socket = begun(&world, &server).await;
        socket.say(&json!({"type": "test.close", "code": code, "reason": "that is it"})).await;
        assert_eq!(socket.closed().await, Some((code, "that is it".to_owned())));
        socket.send(&frame(0x88, &code.to_be_bytes())).await;
        assert_eq!(socket.message().await, None);
        let log = log_of(&world).await;
        assert_eq!((log.state, log.is_success), (LogState::Finished, succeeds), "{code}");
        assert_eq!(log.error.as_deref(), (!succeeds).then_some("provider_error"));
        assert_eq!((log.usage.input_tokens, log.response_status), (Some(10), Some(101)));
        world.recorder.forget();
    }
}

#[tokio::test]
async fn a_client_that_is_gone_ends_the_session() {
    let world = World::new().await;
    let server = listen(&world);
    for in_a_frame in [false, true] {
        let mut socket = begun(&world, &server).await;
        if in_a_frame {
            socket.send(&frame(0x81, &[b'x'; 100])[..50]).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(socket);
        let log = log_of(&world).await;
        assert_eq!((log.state, log.error.as_deref()), (LogState::HungUp, Some("client_gone")));
        assert_eq!((log.usage.input_tokens, log.response_status), (Some(10), Some(101)));
        // It is told by a frame of its own, or, inside of one, by the end of the connection.
        let end = if in_a_frame { End::HungUp } else { End::Finished };
        world.upstream_ended(end).await;
        world.recorder.forget();
    }
}

#[tokio::test]
async fn a_provider_that_is_gone_ends_the_session() {
    let world = World::new().await;
    let server = listen(&world);
    let mut socket = begun(&world, &server).await;
    socket.say(&json!({"type": "test.cut"})).await;
    assert_eq!(socket.closed().await.map(|(code, _)| code), Some(1014));
    socket.send(&frame(0x88, &1014_u16.to_be_bytes())).await;
    assert_eq!(socket.message().await, None);
    drop(socket);
    let log = log_of(&world).await;
    assert_eq!((log.state, log.error.as_deref()), (LogState::Failed, Some("upstream_broken")));
    assert_eq!((log.usage.input_tokens, log.is_success), (Some(10), false));
    assert!(log.cost.is_some_and(|cost| cost.0 > 0));
    world.recorder.forget();

    // In the middle of a frame there is no place for another.
    let mut socket = begun(&world, &server).await;
    let half = STANDARD.encode([&[0x81, 100][..], &[b'x'; 50]].concat());
    socket.say(&json!({"type": "test.raw", "base64": half})).await;
    socket.say(&json!({"type": "test.cut"})).await;
    assert_eq!(socket.closed().await, None);
    drop(socket);
    assert_eq!(log_of(&world).await.state, LogState::Failed);
}

#[tokio::test]
async fn whoever_breaks_the_protocol_is_told_and_the_other_side_too() {
    let world = World::new().await;
    let server = listen(&world);
    let mut socket = begun(&world, &server).await;
    // Not masked.
    socket.send(&[0x81, 1, b'a']).await;
    assert_eq!(socket.closed().await.map(|(code, _)| code), Some(1002));
    drop(socket);
    let log = log_of(&world).await;
    assert_eq!((log.state, log.error.as_deref()), (LogState::Failed, Some("bad_request")));
    world.upstream_ended(End::Finished).await;
    world.recorder.forget();

    for raw in [&[0xc1, 0][..], &[0x81, 0x81, 1, 2, 3, 4, 0], b"<html>"] {
        let mut socket = begun(&world, &server).await;
        let base64 = STANDARD.encode(raw);
        socket.say(&json!({"type": "test.raw", "base64": base64})).await;
        assert_eq!(socket.closed().await.map(|(code, _)| code), Some(1014));
        drop(socket);
        let log = log_of(&world).await;
        assert_eq!((log.state, log.error.as_deref()), (LogState::Failed, Some("upstream_broken")));
        world.recorder.forget();
    }
}

#[tokio::test]
async fn a_key_that_is_taken_back_ends_the_session() {
    let world = World::new().await;
    let server = listen(&world);
    let mut id = None;
    let key = world.api_key(|key| id = Some(key.id));
    let mut socket =
        Handshake::keyless(PATH).header("x-portkey-api-key", &key).open(&server).await.unwrap();
    socket.until("session.created").await;
    world.apply([Change::ApiKeyGone(id.unwrap())]);
    let closed = timeout(SOON, socket.closed()).await.unwrap();
    assert_eq!(closed, Some((1008, "the API Key was taken back".to_owned())));
    drop(socket);
    let log = log_of(&world).await;
    assert_eq!((log.state, log.error.as_deref()), (LogState::Failed, Some("key_unknown")));
    world.upstream_ended(End::Finished).await;
    world.recorder.forget();

    let key = world.api_key(|key| key.expires_at = Some(key.created_at.plus_millis(5000)));
    let expiring = Handshake::keyless(PATH).header("x-portkey-api-key", &key);
    let mut socket = expiring.open(&server).await.unwrap();
    world.clock.advance_millis(6000);
    let closed = timeout(SOON, socket.closed()).await.unwrap();
    assert_eq!(closed.map(|(code, _)| code), Some(1008));
    drop(socket);
    assert_eq!(log_of(&world).await.error.as_deref(), Some("key_expired"));
}

#[tokio::test]
async fn data_keys_that_are_taken_away_end_the_session() {
    let world = World::new().await;
    let server = listen(&world);
    let mut socket = begun(&world, &server).await;
    world.kms.set(Some((world.organisation(), KmsFailure::Disabled)));
    // Past the time for which data keys may be used without asking.
    for _ in 0..6 {
        world.clock.advance_millis(60_000);
        world.vault.refresh_due().await;
    }
    let closed = timeout(SOON, socket.closed()).await.unwrap();
    assert_eq!(closed.map(|(code, _)| code), Some(1008));
    drop(socket);
    assert_eq!(log_of(&world).await.error.as_deref(), Some(FaultKind::KmsRefused.name()));
}

#[tokio::test]
async fn a_session_in_which_nothing_is_said_ends() {
    let settings = GatewaySettings {
        session_idle_timeout: Duration::from_millis(100),
        ..GatewaySettings::default()
    };
    let world = World::with(settings).await;
    let server = listen(&world);
    let mut socket = begun(&world, &server).await;
    let closed = timeout(SOON, socket.closed()).await.unwrap();
    assert_eq!(closed.map(|(code, _)| code), Some(1001));
    drop(socket);
    let log = log_of(&world).await;
    assert_eq!((log.state, log.is_success), (LogState::Finished, true));
}

#[tokio::test]
async fn a_server_that_drains_says_that_it_goes() {
    let world = World::new().await;
    let server = listen(&world);
    let mut socket = begun(&world, &server).await;
    let draining = server.drain(Duration::from_secs(20));
    let client = async {
        assert_eq!(socket.closed().await.map(|(code, _)| code), Some(1001));
        socket.send(&frame(0x88, &1001_u16.to_be_bytes())).await;
        assert_eq!(socket.message().await, None);
        drop(socket);
    };
    let (cut, ()) = tokio::join!(draining, client);
    assert_eq!(cut, 0);
    let log = log_of(&world).await;
    assert_eq!((log.state, log.usage.input_tokens), (LogState::Finished, Some(10)));
    world.upstream_ended(End::Finished).await;
}

/// A provider of raw bytes, as the virtual key `raw`.
async fn raw(world: &World) -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}/v1", listener.local_addr().unwrap());
    world.virtual_key("raw", "openai", "sk-x", &host, IntegrationModels::default()).await;
    listener
}

/// Has it answer the next handshake, whose key the answer is made from.
async fn accept(listener: &TcpListener, answer: fn(&str) -> String) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0);
    }
    let head = String::from_utf8(head).unwrap();
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
    stream.write_all(answer(key).as_bytes()).await.unwrap();
    stream
}

fn switching(more: &str, key: &str) -> String {
    let accept = accept_of(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n{more}\r\n"
    )
}

#[tokio::test]
async fn a_provider_that_does_not_shake_hands_is_not_believed() {
    let world = World::new().await;
    let server = listen(&world);
    let answers: [fn(&str) -> String; 5] = [
        |_| switching("", "another key"),
        |key| switching("sec-websocket-extensions: permessage-deflate\r\n", key),
        |key| switching("sec-websocket-protocol: chat\r\n", key),
        |key| switching("", key).replace("websocket\r\nsec", "h2c\r\nsec"),
        |_| "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_owned(),
    ];
    for answer in answers {
        let listener = raw(&world).await;
        let path = "/v1/realtime?model=@raw/gpt-realtime";
        let (refused, _stream) =
            tokio::join!(Handshake::new(&world, path).open(&server), accept(&listener, answer));
        let refused = refused.err().unwrap();
        assert_eq!(refused.status, 502, "{refused:?}");
        assert!(refused.body.contains("did not open a WebSocket"), "{refused:?}");
        let log = log_of(&world).await;
        assert_eq!((log.state, log.error.as_deref()), (LogState::Failed, Some("upstream_broken")));
        world.recorder.forget();
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_holds_the_provider_back() {
    let world = World::new().await;
    let server = listen(&world);
    let answer: fn(&str) -> String = |key| switching("", key);
    let listener = raw(&world).await;
    let path = "/v1/realtime?model=@raw/gpt-realtime";
    let (socket, mut provider) =
        tokio::join!(Handshake::new(&world, path).open(&server), accept(&listener, answer));
    let socket = socket.unwrap();
    let frame = [&[0x82, 126, 0xff, 0xff][..], &[0; 0xffff]].concat();
    let mut sent = 0_usize;
    // All the buffers of the system between the two hold a few megabytes.
    while timeout(Duration::from_millis(500), provider.write_all(&frame)).await.is_ok() {
        sent += frame.len();
        assert!(sent < 128 << 20, "nothing held it back");
    }
    drop(socket);
    let log = log_of(&world).await;
    assert_eq!(log.state, LogState::HungUp);
    assert!(log.response_bytes < 128 << 20);
}

#[tokio::test]
async fn a_side_that_does_not_answer_a_close_is_not_waited_for_for_long() {
    let world = World::new().await;
    let server = listen(&world);
    let answer: fn(&str) -> String = |key| switching("", key);
    let listener = raw(&world).await;
    let path = "/v1/realtime?model=@raw/gpt-realtime";
    let (socket, _provider) =
        tokio::join!(Handshake::new(&world, path).open(&server), accept(&listener, answer));
    let mut socket = socket.unwrap();
    socket.send(&frame(0x88, &1000_u16.to_be_bytes())).await;
    let ended = timeout(SOON, socket.message()).await;
    assert_eq!(ended.expect("it was waited for"), None);
    assert_eq!(log_of(&world).await.state, LogState::Finished);
}

#[tokio::test]
async fn what_cannot_be_read_leaves_the_session_unpriced() {
    let world = World::new().await;
    let server = listen(&world);
    let mut socket = begun(&world, &server).await;
    // A response's end that is larger than anything that is held.
    let text = format!(r#"{{"type":"response.done","padding":"{}"}}"#, "x".repeat(2 << 20));
    let head = [&[0x81, 127][..], &(text.len() as u64).to_be_bytes()].concat();
    let base64 = STANDARD.encode([&head, text.as_bytes()].concat());
    socket.say(&json!({"type": "test.raw", "base64": base64})).await;
    socket.until("response.done").await;
    socket.close().await;
    let log = log_of(&world).await;
    assert_eq!((log.usage.input_tokens, log.cost), (Some(10), None));
    assert!(log.is_success);
}

#[tokio::test]
async fn a_virtual_key_that_is_taken_back_ends_the_session() {
    let world = World::new().await;
    let server = listen(&world);
    let mut socket = begun(&world, &server).await;
    let log = world.recorder.opened().pop().unwrap().0;
    world.apply([Change::VirtualKeyGone(log.virtual_key_id.unwrap())]);
    let closed = timeout(SOON, socket.closed()).await.unwrap();
    assert_eq!(closed, Some((1008, "the virtual key was taken back".to_owned())));
    drop(socket);
    assert_eq!(log_of(&world).await.state, LogState::Failed);
}

#[tokio::test]
async fn a_session_that_turns_to_a_model_off_the_list_is_ended() {
    let world = World::new().await;
    let server = listen(&world);
    let path = "/v1/realtime?model=@strict/gpt-4o-mini";
    let update = |model: &str| {
        let session = json!({"audio": {"input": {"transcription": {"model": model}}}});
        json!({"type": "session.update", "session": session})
    };
    let mut socket = Handshake::new(&world, path).open(&server).await.unwrap();
    socket.say(&update("gpt-4o-mini")).await;
    socket.until("session.updated").await;
    // Whatever the model may say comes behind the update, and does not come through.
    socket.say(&update("whisper-1")).await;
    socket.say(&json!({"type": "response.create"})).await;
    socket.until("session.updated").await;
    let expected = "the model 'whisper-1' is not enabled for this virtual key";
    let (kind, payload) = timeout(SOON, socket.message()).await.unwrap().unwrap();
    assert_eq!(kind, Kind::Close);
    assert_eq!(payload, [&1008_u16.to_be_bytes()[..], expected.as_bytes()].concat());
    drop(socket);
    let log = log_of(&world).await;
    assert_eq!((log.state, log.error.as_deref()), (LogState::Failed, Some("model_not_allowed")));
    world.recorder.forget();

    // What cannot be seen is not let through.
    let mut socket = Handshake::new(&world, path).open(&server).await.unwrap();
    let text = format!(r#"{{"type":"session.updated","padding":"{}"}}"#, "x".repeat(2 << 20));
    let head = [&[0x81, 127][..], &(text.len() as u64).to_be_bytes()].concat();
    let base64 = STANDARD.encode([&head, text.as_bytes()].concat());
    socket.say(&json!({"type": "test.raw", "base64": base64})).await;
    let closed = timeout(SOON, socket.closed()).await.unwrap();
    assert!(closed.is_some_and(|(code, reason)| code == 1008 && reason.contains("too large")));
    drop(socket);

    // Other keys may.
    let mut socket = Handshake::new(&world, PATH).open(&server).await.unwrap();
    socket.say(&update("whisper-1")).await;
    socket.say(&json!({"type": "response.create"})).await;
    socket.until("response.done").await;
}
