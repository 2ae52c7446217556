//! Connections that leave HTTP, on both sides.

use std::{net::SocketAddr, time::Duration};

use http::{HeaderValue, Request, Response, StatusCode};
use portcullis_runtime::{
    Switched,
    egress::{EgressErrorKind, OutboundBody},
    server::{
        App, Draining, RequestBody, ResponseBody, Server, ServerHandle, ServerSettings, Upgrade,
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::world::{HELLO, SOON, Upstream, egress, get, read_request, text};

const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                           upgrade: shout\r\nx-of: provider\r\n\r\n";

/// Shouts back whatever it is told until the server drains.
#[derive(Clone)]
struct Shouting;

impl App for Shouting {
    async fn call(&self, request: Request<RequestBody>, _: SocketAddr) -> Response<ResponseBody> {
        let mut response = Response::new(match request.uri().path() {
            "/plain" => return Response::new("plain".into()),
            _ => ResponseBody::Upgrade(Upgrade::new("shout", shout)),
        });
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("x-of", HeaderValue::from_static("app"));
        response
    }
}

async fn shout(mut client: Switched, mut draining: Draining) {
    let mut buffer = [0; 1024];
    loop {
        tokio::select! {
            () = &mut draining => {
                client.write_all(b"BYE").await.unwrap();
                let _ = client.shutdown().await;
                return;
            }
            read = client.read(&mut buffer) => match read {
                Ok(read @ 1..) => {
                    buffer[..read].make_ascii_uppercase();
                    client.write_all(&buffer[..read]).await.unwrap();
                }
                _ => return,
            },
        }
    }
}

fn serve() -> ServerHandle {
    let settings = ServerSettings { workers: 1, ..ServerSettings::default() };
    Server::bind("127.0.0.1:0".parse().unwrap(), settings).unwrap().serve(Shouting).unwrap()
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_client_switches_and_its_early_bytes_come_through() {
    let server = serve();
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    // An ordinary call before it, and the other protocol's first bytes right behind the request.
    stream
        .write_all(
            b"GET /plain HTTP/1.1\r\nhost: a\r\n\r\n\
              GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: shout\r\n\r\nearly",
        )
        .await
        .unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200"));
    stream.read_exact(&mut [0; 5]).await.unwrap();
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    for line in ["connection: upgrade", "upgrade: shout", "x-of: app"] {
        assert_eq!(head.matches(&format!("\r\n{line}\r\n")).count(), 1, "{head}");
    }
    assert!(!head.contains("content-length") && !head.contains("transfer-encoding"), "{head}");
    stream.write_all(b" and late").await.unwrap();
    let mut shouted = [0; 14];
    stream.read_exact(&mut shouted).await.unwrap();
    assert_eq!(&shouted, b"EARLY AND LATE");
}

#[tokio::test]
async fn what_goes_on_hears_of_the_drain_and_is_waited_for() {
    let server = serve();
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: shout\r\n\r\n").await.unwrap();
    read_head(&mut stream).await;
    assert_eq!(server.drain(SOON).await, 0);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"BYE");
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let server = serve();
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: shout\r\n\r\n").await.unwrap();
    read_head(&mut stream).await;
    drop(server);
    let mut rest = Vec::new();
    let ended = timeout(SOON, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection outlived its server");
}

#[tokio::test]
async fn a_provider_switches_and_its_early_bytes_come_through() {
    let upstream = Upstream::start(|mut stream, _| async move {
        let request = read_request(&mut stream).await.unwrap();
        let head = request.to_ascii_lowercase();
        for line in ["connection: upgrade", "upgrade: shout", "x-a: 1"] {
            assert_eq!(head.matches(&format!("\r\n{line}\r\n")).count(), 1, "{request}");
        }
        assert!(!head.contains("content-length"), "{request}");
        stream.write_all(&[SWITCHING, &b"early"[..]].concat()).await.unwrap();
        let mut told = [0; 4];
        stream.read_exact(&mut told).await.unwrap();
        stream.write_all(&told).await.unwrap();
    })
    .await;
    let url = upstream.url();
    let mut request = get(&url);
    request.headers_mut().insert("x-a", HeaderValue::from_static("1"));
    let (response, switched) = egress().upgrade(request, "shout", SOON, &mut false).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["x-of"], "provider");
    let mut switched = switched.unwrap();
    switched.write_all(b"late").await.unwrap();
    let mut all = Vec::new();
    switched.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"earlylate");
    assert_eq!(text(response.into_body()).await, "");
}

#[tokio::test]
async fn a_provider_that_does_not_switch_has_answered() {
    let upstream = Upstream::hello().await;
    let egress = egress();
    let (response, switched) =
        egress.upgrade(get(&upstream.url()), "shout", SOON, &mut false).await.unwrap();
    assert!(switched.is_none());
    assert_eq!(
        (response.status().as_u16(), text(response.into_body()).await),
        (200, "hello".into())
    );
}

#[tokio::test]
async fn the_connection_of_a_refused_switch_serves_ordinary_calls() {
    let upstream = Upstream::start(|mut stream, _| async move {
        for switches in [true, false] {
            let request = read_request(&mut stream).await.unwrap().to_ascii_lowercase();
            assert_eq!(request.contains("\r\nconnection: upgrade\r\n"), switches, "{request}");
            stream.write_all(HELLO).await.unwrap();
        }
        read_request(&mut stream).await.unwrap();
        stream.write_all(SWITCHING).await.unwrap();
    })
    .await;
    let egress = egress();
    let (refused, _) =
        egress.upgrade(get(&upstream.url()), "shout", SOON, &mut false).await.unwrap();
    assert_eq!(text(refused.into_body()).await, "hello");
    let ordinary = egress.send(get(&upstream.url()), SOON).await.unwrap();
    assert_eq!(text(ordinary.into_body()).await, "hello");
    let error = egress.send(get(&upstream.url()), SOON).await.err().unwrap();
    assert!(error.to_string().contains("without having been asked"), "{error}");
    assert_eq!(upstream.opened(), 1);
}

#[tokio::test]
async fn nobody_switches_without_having_been_asked_to() {
    let upstream = Upstream::start(|mut stream, _| async move {
        while read_request(&mut stream).await.is_some() {
            stream.write_all(SWITCHING).await.unwrap();
        }
    })
    .await;
    let error = egress().send(get(&upstream.url()), SOON).await.err().unwrap();
    assert_eq!((error.kind, error.sent), (EgressErrorKind::Broken, true));
    assert!(error.to_string().contains("without having been asked"), "{error}");
}

#[tokio::test]
async fn each_switch_has_a_connection_of_its_own_within_the_rules() {
    let upstream = Upstream::start(|mut stream, number| async move {
        read_request(&mut stream).await.unwrap();
        let answer = if number == 0 { HELLO } else { SWITCHING };
        stream.write_all(answer).await.unwrap();
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    let egress = egress();
    let kept = egress.send(get(&upstream.url()), SOON).await.unwrap();
    assert_eq!(text(kept.into_body()).await, "hello");
    let (_, switched) =
        egress.upgrade(get(&upstream.url()), "shout", SOON, &mut false).await.unwrap();
    assert!(switched.is_some());
    assert_eq!(upstream.opened(), 2);

    for (url, kind) in [
        ("http://10.0.0.1/v1", None),
        ("http://169.254.169.254/latest", None),
        ("ws://127.0.0.1/v1", None),
        ("http://127.0.0.1:1/v1", Some(EgressErrorKind::Unreachable)),
    ] {
        let request = Request::get(url).body(OutboundBody::Empty).unwrap();
        let error = egress.upgrade(request, "shout", SOON, &mut false).await.err().unwrap();
        assert!(!error.sent, "{url}");
        match kind {
            Some(kind) => assert_eq!(error.kind, kind, "{url}"),
            None => assert!(matches!(error.kind, EgressErrorKind::Refused(_)), "{url}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_provider_that_takes_its_time_is_late() {
    let upstream = Upstream::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    let soon = Duration::from_millis(50);
    let error =
        egress().upgrade(get(&upstream.url()), "shout", soon, &mut false).await.err().unwrap();
    assert_eq!((error.kind, error.sent), (EgressErrorKind::Timeout, true));
}
