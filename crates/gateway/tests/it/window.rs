//! A client of HTTP/2 that asks and lets nothing of the answer come (RFC 9113 §5.2).

use std::time::Duration;

use portcullis_domain::LogState;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    socket::listen,
    support::{Ask, World},
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Everything up to the end of a request; no answer may have a byte.
fn frames(ask: Ask, key: &str) -> Vec<u8> {
    let request = ask.request(key);
    // POST, http, the path and the headers as literals (RFC 7541 §6.2.2, appendix A).
    let mut head = vec![0x83, 0x86, 0x04];
    let put = |head: &mut Vec<u8>, text: &[u8]| {
        head.push(u8::try_from(text.len()).ok().filter(|len| *len < 127).unwrap());
        head.extend_from_slice(text);
    };
    put(&mut head, request.uri().path().as_bytes());
    for (name, value) in request.headers() {
        head.push(0);
        put(&mut head, name.as_str().as_bytes());
        put(&mut head, value.as_bytes());
    }
    let mut frames = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frames.extend(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
    frames.extend(frame(HEADERS, END_HEADERS, 1, &head));
    frames.extend(frame(DATA, END_STREAM, 1, request.body()));
    frames
}

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "the client's side of the connection")]
async fn a_client_that_leaves_without_its_answer_has_hung_up() {
    let world = World::new().await;
    let server = listen(&world);
    // The second comes in one piece.
    for ask in [Ask::chat("@open/gpt-4o-mini"), Ask::stream("@open/split-100000")] {
        let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
        client.write_all(&frames(ask, &world.key)).await.unwrap();
        loop {
            let mut head = [0; 9];
            client.read_exact(&mut head).await.unwrap();
            let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            client.read_exact(&mut vec![0; usize::try_from(len).unwrap()]).await.unwrap();
            assert_ne!(head[3], DATA, "there was no window");
            if head[3] == HEADERS {
                break;
            }
        }
        // The first of the answer is waiting to be let through, for as long as the client likes.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(world.recorder.closed().is_empty());
        drop(client);
        while world.recorder.closed().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let log = world.only_log();
        assert_eq!((log.state, log.response_status), (LogState::HungUp, Some(200)));
        world.recorder.forget();
    }
}
