//! Requests that two parsers could read in two ways: none may be served.

use portcullis_runtime::server::ServerSettings;
use std::sync::atomic::Ordering::SeqCst;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{serving::start, world::SOON};

/// The status of each answer that comes back before the connection ends.
async fn statuses(address: std::net::SocketAddr, request: &[u8]) -> Vec<u16> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close while we still write.
    let _ = stream.write_all(request).await;
    let _ = stream.shutdown().await;
    let mut seen = Vec::new();
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut seen)).await.unwrap();
    let seen = String::from_utf8_lossy(&seen);
    seen.match_indices("HTTP/1.1 ").map(|(at, _)| seen[at + 9..at + 12].parse().unwrap()).collect()
}

fn settings() -> ServerSettings {
    ServerSettings { workers: 1, max_header_bytes: 16 * 1024, ..ServerSettings::default() }
}

#[tokio::test]
async fn ambiguous_requests_are_refused() {
    let (probe, handle) = start(settings());
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let heads = [
        ("two lengths", "content-length: 4\r\ncontent-length: 5\r\n", "abcde"),
        ("a list of lengths", "content-length: 4, 5\r\n", "abcde"),
        ("a signed length", "content-length: +4\r\n", "abcd"),
        ("a negative length", "content-length: -1\r\n", ""),
        ("a hexadecimal length", "content-length: 0x4\r\n", "abcd"),
        ("a huge length", "content-length: 99999999999999999999\r\n", ""),
        ("not chunked last", "transfer-encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ("an unknown encoding", "transfer-encoding: gzip\r\n", "abcd"),
        ("a folded header", "x-a: b\r\n c\r\n", ""),
        ("a folded encoding", "transfer-encoding:\r\n chunked\r\n", "0\r\n\r\n"),
        ("a space before the colon", "content-length : 4\r\n", "abcd"),
        ("a space before the name", " content-length: 4\r\n", "abcd"),
        ("no colon", "content-length\r\n", ""),
        ("an empty name", ": 4\r\n", ""),
        ("a NUL in a value", "x-a: b\0c\r\n", ""),
        ("a bare CR in a value", "x-a: b\rtransfer-encoding: chunked\r\n", "0\r\n\r\n"),
        ("a control in a name", "x\x01: b\r\n", ""),
    ];
    let mut served = Vec::new();
    for (what, head, body) in heads {
        let request = format!("POST /ignore HTTP/1.1\r\nhost: a\r\n{head}\r\n{body}{smuggled}");
        let answers = statuses(handle.local_addr(), request.as_bytes()).await;
        if answers.iter().any(|status| *status != 400) {
            served.push((what, answers));
        }
    }
    assert!(served.is_empty(), "{served:?}");
    assert_eq!(probe.calls.load(SeqCst), 0);
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_refused_in_the_contracts_form() {
    let (probe, handle) = start(settings());
    let (length, chunked) = ("content-length: 6\r\n", "transfer-encoding: chunked\r\n");
    for (headers, status) in [
        (format!("host: a\r\n{length}{chunked}"), 400),
        (format!("host: a\r\n{chunked}{length}"), 400),
        (format!("host: a\r\nx-a: b\n{length}"), 400),
        (format!("host: a\r\nhost: a\r\n{chunked}"), 400),
        (chunked.to_owned(), 400),
        (format!("host: a\r\n{}", "x-a: b\r\n".repeat(200)), 431),
        (format!("host: a\r\nx-a: {}\r\n", "b".repeat(1 << 20)), 431),
    ] {
        let request = format!(
            "POST /headers HTTP/1.1\r\n{headers}\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: \
             a\r\n\r\n"
        );
        let mut stream = TcpStream::connect(handle.local_addr()).await.unwrap();
        // It may be cut off while it sends.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut seen = String::new();
        tokio::time::timeout(SOON, stream.read_to_string(&mut seen)).await.unwrap().unwrap();
        let headers: String = headers.chars().take(60).collect();
        assert!(seen.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {seen}");
        assert!(seen.contains("\r\ncontent-type: application/json\r\n"), "{headers}: {seen}");
        let (_, body) = seen.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["status"], "failure", "{headers}");
        assert_eq!(body["message"], body["error"]["message"], "{headers}");
    }
    assert_eq!(probe.calls.load(SeqCst), 0);
}

#[tokio::test]
async fn a_bad_chunk_ends_the_connection_before_what_follows() {
    let (probe, handle) = start(settings());
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let bodies = [
        "x\r\nabcd\r\n0\r\n\r\n",
        "-4\r\nabcd\r\n0\r\n\r\n",
        "0x4\r\nabcd\r\n0\r\n\r\n",
        "4 4\r\nabcd\r\n0\r\n\r\n",
        "4\r\nabcdX\r\n0\r\n\r\n",
        "4\nabcd\n0\n\n",
        "ffffffffffffffff1\r\nabcd\r\n0\r\n\r\n",
        "4;a\nb\r\nabcd\r\n0\r\n\r\n",
    ];
    for (count, body) in bodies.into_iter().enumerate() {
        let head = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let request = format!("{head}{body}{smuggled}");
        let answers = statuses(handle.local_addr(), request.as_bytes()).await;
        assert!(!answers.contains(&200), "{body:?}: {answers:?}");
        assert_eq!(probe.calls.load(SeqCst), count + 1, "{body:?}");
    }
}

#[tokio::test]
async fn broken_request_lines_are_refused() {
    let (probe, handle) = start(settings());
    for line in [
        "GET /echo",
        "GET  /echo HTTP/1.1",
        "GET /echo HTTP/1.2",
        "GET /echo HTTP/3.0",
        "GET /e cho HTTP/1.1",
        "GET /\x01 HTTP/1.1",
        "G{T /echo HTTP/1.1",
        "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03",
    ] {
        let request = format!("{line}\r\nhost: a\r\n\r\n");
        let answers = statuses(handle.local_addr(), request.as_bytes()).await;
        assert!(answers.iter().all(|status| *status == 400), "{line:?}: {answers:?}");
    }
    assert_eq!(probe.calls.load(SeqCst), 0);
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_431() {
    let (probe, handle) = start(settings());
    let many: String = (0..101).map(|n| format!("x-{n}: a\r\n")).collect();
    let large = format!("x-a: {}\r\n", "a".repeat(20_000));
    for headers in [many, large] {
        let request = format!("GET /echo HTTP/1.1\r\nhost: a\r\n{headers}\r\n");
        assert_eq!(statuses(handle.local_addr(), request.as_bytes()).await, [431]);
    }
    assert_eq!(probe.calls.load(SeqCst), 0);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (_, handle) = start(settings());
    let stream = TcpStream::connect(handle.local_addr()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    // Bodies that come with their heads, in one more read, and in several, each with the next request
    // right behind.
    let bodies = [3, 30_000, 700_000, 5].map(|length| "x".repeat(length) + "|");
    let post = |body: &String| {
        format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let requests: String = bodies.iter().map(post).collect();
    tokio::spawn(async move { writing.write_all(requests.as_bytes()).await.map(|()| writing) });
    let mut seen = String::new();
    while seen.matches('|').count() < bodies.len() {
        let mut piece = [0; 1024];
        let count = tokio::time::timeout(SOON, reading.read(&mut piece)).await.unwrap().unwrap();
        assert!(count > 0, "{}", seen.len());
        seen.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    let answered: Vec<usize> =
        seen.split('|').map(|answer| answer.len() - answer.trim_end_matches('x').len()).collect();
    assert_eq!(answered, [3, 30_000, 700_000, 5, 0]);
}
