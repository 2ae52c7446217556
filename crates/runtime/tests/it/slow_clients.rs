//! Clients that do not take their answers, and connections that nobody uses.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis_runtime::{
    BoxError,
    egress::OutboundBody,
    server::{App, Delivery, RequestBody, ResponseBody, Server, ServerHandle, ServerSettings},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::world::{SOON, get, until};

const WITHIN: Duration = Duration::from_millis(200);
/// More than the system keeps for both ends of a connection.
const HUGE: usize = 64 << 20;

/// `/plain` and `/huge` answer whole, `/stream` in three pieces, `/huge-stream` in one, `/wait`
/// after longer than a connection may stay unused. Whether the answers were taken is counted.
#[derive(Clone, Default)]
struct Answers {
    taken: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
}

/// Of an answer in pieces: those that are left, and whether the others were taken.
struct Pieces {
    answers: Answers,
    left: usize,
    delivery: Delivery,
}

impl Answers {
    fn count(&self, is_taken: bool) {
        let count = if is_taken { &self.taken } else { &self.lost };
        count.fetch_add(1, SeqCst);
    }

    fn counted(&self) -> (usize, usize) {
        (self.taken.load(SeqCst), self.lost.load(SeqCst))
    }

    fn whole(&self, bytes: Bytes) -> ResponseBody {
        let answers = self.clone();
        ResponseBody::receipted(bytes, move |is_taken| answers.count(is_taken))
    }

    fn in_pieces(&self, left: usize, bytes: usize) -> ResponseBody {
        let delivery = Delivery::default();
        let pieces = Pieces { answers: self.clone(), left, delivery: delivery.clone() };
        let pieces = futures_util::stream::unfold(pieces, move |mut pieces| async move {
            pieces.left = pieces.left.checked_sub(1)?;
            let piece = Bytes::from(vec![b'x'; bytes]);
            Some((Ok::<_, BoxError>(Frame::data(piece)), pieces))
        });
        ResponseBody::followed(StreamBody::new(pieces), delivery)
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.answers.count(self.left == 0 && !self.delivery.is_pending());
    }
}

impl App for Answers {
    async fn call(&self, request: Request<RequestBody>, _: SocketAddr) -> Response<ResponseBody> {
        Response::new(match request.uri().path() {
            "/empty" => self.whole(Bytes::new()),
            "/plain" => self.whole(Bytes::from(vec![b'x'; 300_000])),
            "/huge" => self.whole(Bytes::from(vec![b'x'; HUGE])),
            "/wait" => {
                tokio::time::sleep(3 * WITHIN).await;
                self.whole(Bytes::from_static(b"waited"))
            }
            "/huge-stream" => self.in_pieces(1, HUGE),
            _ => self.in_pieces(3, 100_000),
        })
    }
}

fn start(settings: ServerSettings) -> (Answers, ServerHandle) {
    let answers = Answers::default();
    let settings = ServerSettings { workers: 1, ..settings };
    let bound = Server::bind("127.0.0.1:0".parse().unwrap(), settings).unwrap();
    (answers.clone(), bound.serve(answers).unwrap())
}

fn hasty() -> ServerSettings {
    ServerSettings { write_timeout: WITHIN, ..ServerSettings::default() }
}

/// A client of HTTP/2 that lets so many bytes of each answer come before it has read any.
async fn client(handle: &ServerHandle, window: u32) -> http2::SendRequest<OutboundBody> {
    let stream = TcpStream::connect(handle.local_addr()).await.unwrap();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(window);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn ask(handle: &ServerHandle, path: &str) -> Request<OutboundBody> {
    get(&format!("http://{}{path}", handle.local_addr()))
}

#[tokio::test]
async fn answers_that_are_read_are_handed_over() {
    let (answers, handle) = start(ServerSettings::default());
    for window in [1_000, 65_535, 1 << 20] {
        let mut sender = client(&handle, window).await;
        for (path, len) in [("/empty", 0), ("/plain", 300_000), ("/stream", 300_000)] {
            let (taken, lost) = answers.counted();
            let answer = sender.send_request(ask(&handle, path)).await.unwrap();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body.len(), len, "{path}");
            until(path, || answers.counted() == (taken + 1, lost)).await;
        }
    }
    assert_eq!(answers.counted().1, 0);
    assert_eq!(handle.drain(SOON).await, 0);
}

#[tokio::test]
async fn a_client_that_opens_no_window_is_waited_for_only_so_long() {
    let (answers, handle) = start(hasty());
    let mut lost = 0;
    for window in [0, 1, 20_000, 299_999] {
        let mut sender = client(&handle, window).await;
        for path in ["/plain", "/stream"] {
            let answer = sender.send_request(ask(&handle, path)).await.unwrap();
            lost += 1;
            until(path, || answers.counted().1 == lost).await;
            let body = timeout(SOON, answer.into_body().collect()).await.expect("it is told");
            assert!(body.is_err(), "{path} was taken for complete");
        }
        // Other calls on the connection are none the worse for it.
        let taken = answers.counted().0;
        let answer = sender.send_request(ask(&handle, "/empty")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        until("the empty answer", || answers.counted() == (taken + 1, lost)).await;
    }
    assert_eq!(handle.drain(SOON).await, 0);
}

#[tokio::test]
async fn a_client_that_leaves_has_not_got_what_it_did_not_let_come() {
    let (answers, handle) = start(ServerSettings::default());
    let mut lost = 0;
    for window in [0, 1, 299_999] {
        for path in ["/plain", "/stream"] {
            let mut sender = client(&handle, window).await;
            let answer = sender.send_request(ask(&handle, path)).await.unwrap();
            drop((answer, sender));
            lost += 1;
            until(path, || answers.counted() == (0, lost)).await;
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_from_its_socket_is_waited_for_only_so_long() {
    let (answers, handle) = start(hasty());
    for (lost, path) in [(1, "/huge"), (2, "/huge-stream")] {
        let mut stream = TcpStream::connect(handle.local_addr()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        until(path, || answers.counted() == (0, lost)).await;
        let mut seen = Vec::new();
        let _may_be_reset = timeout(SOON, stream.read_to_end(&mut seen)).await.expect("it ends");
        assert!(seen.len() < HUGE);
    }

    let mut stream = TcpStream::connect(handle.local_addr()).await.unwrap();
    let all = u32::MAX >> 1;
    let mut frames = PREFACE.to_vec();
    frames.extend(frame(SETTINGS, 0, 0, &[&[0, 4][..], &all.to_be_bytes()[..]].concat()));
    frames.extend(frame(WINDOW_UPDATE, 0, 0, &(all - 65_535).to_be_bytes()));
    // GET, http, and the path as a literal (RFC 7541 §6.2.2, appendix A).
    frames.extend(frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x82\x86\x04\x05/huge"));
    stream.write_all(&frames).await.unwrap();
    until("HTTP/2", || answers.counted() == (0, 3)).await;
    assert_eq!(handle.drain(SOON).await, 0);
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed() {
    let settings = ServerSettings { header_timeout: WITHIN, ..ServerSettings::default() };
    let (_, handle) = start(settings);
    for (what, is_lively) in [("answers pings", true), ("is silent", false)] {
        let mut stream = TcpStream::connect(handle.local_addr()).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, b"")).await.unwrap();
        let is_told = timeout(SOON, until_closed(&mut stream, is_lively)).await.expect(what);
        assert!(is_told, "a client that {what} was not told");
    }
    // Not even the preface is whole, or the head of a call is not.
    let unended = frame(HEADERS, 0, 1, b"\x82\x86");
    let unended = [PREFACE, &frame(SETTINGS, 0, 0, b""), &unended].concat();
    for begun in [&PREFACE[..4], &PREFACE[..20], &unended] {
        let mut stream = TcpStream::connect(handle.local_addr()).await.unwrap();
        stream.write_all(begun).await.unwrap();
        timeout(SOON, until_closed(&mut stream, true)).await.expect("it is closed");
    }
}

#[tokio::test]
async fn a_drain_does_not_wait_for_a_client_that_has_no_call() {
    let (_, handle) = start(ServerSettings::default());
    let mut stream = TcpStream::connect(handle.local_addr()).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, b"")).await.unwrap();
    // Its settings: the connection is known to be one of HTTP/2.
    assert!(stream.read(&mut [0; 256]).await.unwrap() > 0);
    assert_eq!(handle.drain(2 * SOON).await, 0);
}

#[tokio::test]
async fn a_connection_with_a_call_is_used() {
    let settings = ServerSettings { header_timeout: WITHIN, ..ServerSettings::default() };
    let (_, handle) = start(settings);
    let mut sender = client(&handle, 65_535).await;
    let answer = sender.send_request(ask(&handle, "/wait")).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "waited");
    // And then it is not.
    until("it is closed", || sender.is_closed()).await;
}

// Frames (RFC 9113 §6), written by hand.

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Reads frames until there are no more, and answers those that want one if it `is_lively`. Says
/// whether the end was announced.
async fn until_closed(stream: &mut TcpStream, is_lively: bool) -> bool {
    let mut is_told = false;
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        if stream.read_exact(&mut payload).await.is_err() {
            break;
        }
        is_told |= head[3] == GOAWAY;
        let answer = match (head[3], head[4] & ACK) {
            (SETTINGS, 0) => frame(SETTINGS, ACK, 0, b""),
            (PING, 0) => frame(PING, ACK, 0, &payload),
            _ => continue,
        };
        if is_lively {
            let _may_be_closed = stream.write_all(&answer).await;
        }
    }
    is_told
}
