//! Outbound calls over HTTP/1.1.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode, header::HOST};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use portcullis_runtime::{
    BoxError,
    egress::{EgressErrorKind, EgressSettings, OutboundBody, Refused},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{HELLO, SOON, Upstream, egress, egress_with, get, post, read_request, text};

#[tokio::test]
async fn one_connection_serves_call_after_call() {
    let upstream = Upstream::hello().await;
    let egress = egress();
    for _ in 0..10 {
        let answer = egress.send(post(&upstream.url(), "{}"), SOON).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(text(answer.into_body()).await, "hello");
    }
    assert_eq!(upstream.opened(), 1);
}

#[tokio::test]
async fn a_chunked_answer_read_to_its_end_gives_its_connection_back() {
    let upstream = Upstream::start(|mut stream, _| async move {
        while read_request(&mut stream).await.is_some() {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head).await.unwrap();
            for chunk in ["2\r\nab\r\n", "3\r\ncde\r\n", "0\r\n\r\n"] {
                tokio::time::sleep(Duration::from_millis(5)).await;
                stream.write_all(chunk.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let egress = egress();
    for _ in 0..3 {
        let answer = egress.send(get(&upstream.url()), SOON).await.unwrap();
        assert_eq!(text(answer.into_body()).await, "abcde");
    }
    assert_eq!(upstream.opened(), 1);
}

#[tokio::test]
async fn calls_at_the_same_time_have_connections_of_their_own_and_keep_them() {
    let upstream = Upstream::hello().await;
    let egress = egress();
    for _ in 0..3 {
        let calls = (0..8).map(|_| async {
            text(egress.send(get(&upstream.url()), SOON).await.unwrap().into_body()).await
        });
        assert_eq!(futures_util::future::join_all(calls).await, ["hello"; 8]);
    }
    assert!((1..=8).contains(&upstream.opened()), "{}", upstream.opened());
}

#[tokio::test]
async fn two_egresses_share_no_connection() {
    let upstream = Upstream::hello().await;
    for egress in [egress(), egress()] {
        text(egress.send(get(&upstream.url()), SOON).await.unwrap().into_body()).await;
    }
    assert_eq!(upstream.opened(), 2);
}

#[tokio::test]
async fn the_host_header_is_the_urls_and_the_target_is_the_path() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let tell = Arc::new(tell);
    let upstream = Upstream::start(move |mut stream, _| {
        let tell = tell.clone();
        async move {
            let request = read_request(&mut stream).await.unwrap();
            tell.lock().unwrap().take().unwrap().send(request).unwrap();
            stream.write_all(HELLO).await.unwrap();
        }
    })
    .await;
    let url = format!("http://localhost:{}/v1/x?y=z", upstream.address.port());
    let request = Request::get(&url).header(HOST, "attacker.example").header("x-a", "b");
    let answer = egress().send(request.body(OutboundBody::Empty).unwrap(), SOON).await.unwrap();
    assert_eq!(text(answer.into_body()).await, "hello");
    let request = told.await.unwrap();
    assert!(request.starts_with("GET /v1/x?y=z HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: localhost:{}\r\n", upstream.address.port())));
    assert!(request.contains("x-a: b\r\n") && !request.contains("attacker"), "{request}");
}

#[tokio::test]
async fn a_post_over_a_connection_that_was_closed_meanwhile_is_made_once_on_a_new_one() {
    let served = Arc::new(AtomicUsize::new(0));
    let count = served.clone();
    let upstream = Upstream::start(move |mut stream, _| {
        let count = count.clone();
        async move {
            // One request per connection, closed without a word.
            if read_request(&mut stream).await.is_some() {
                count.fetch_add(1, SeqCst);
                stream.write_all(HELLO).await.unwrap();
            }
        }
    })
    .await;
    let egress = egress();
    for round in 1..=20 {
        let answer = egress.send(post(&upstream.url(), "{}"), SOON).await.unwrap();
        assert_eq!(text(answer.into_body()).await, "hello");
        assert_eq!(served.load(SeqCst), round);
        // Let the end of the connection arrive.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_post_that_was_sent_is_not_repeated() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let upstream = Upstream::start(move |mut stream, _| {
        let count = count.clone();
        async move {
            read_request(&mut stream).await.unwrap();
            count.fetch_add(1, SeqCst);
            stream.write_all(HELLO).await.unwrap();
            // The second request is read, and then the connection breaks.
            read_request(&mut stream).await.unwrap();
            count.fetch_add(1, SeqCst);
        }
    })
    .await;
    let egress = egress();
    text(egress.send(post(&upstream.url(), "{}"), SOON).await.unwrap().into_body()).await;
    let error = egress.send(post(&upstream.url(), "{}"), SOON).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (EgressErrorKind::Broken, true), "{error}");
    assert_eq!((seen.load(SeqCst), upstream.opened()), (2, 1));
}

#[tokio::test]
async fn an_answer_dropped_early_closes_the_connection() {
    let (closed_tx, mut closed) = tokio::sync::mpsc::unbounded_channel();
    let upstream = Upstream::start(move |mut stream, _| {
        let closed = closed_tx.clone();
        async move {
            read_request(&mut stream).await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
            stream.write_all(head).await.unwrap();
            // Silent from here on: only the client's end can wake this.
            let ended = stream.read(&mut [0; 16]).await;
            closed.send(matches!(ended, Ok(0) | Err(_))).unwrap();
        }
    })
    .await;
    let egress = egress();
    let mut answer = egress.send(get(&upstream.url()), SOON).await.unwrap().into_body();
    let chunk = answer.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(chunk, "hello");
    drop(answer);
    assert!(tokio::time::timeout(SOON, closed.recv()).await.unwrap().unwrap());
}

#[tokio::test]
async fn a_call_given_up_before_its_answer_closes_the_connection() {
    let (closed_tx, mut closed) = tokio::sync::mpsc::unbounded_channel();
    let upstream = Upstream::start(move |mut stream, _| {
        let closed = closed_tx.clone();
        async move {
            read_request(&mut stream).await.unwrap();
            let ended = stream.read(&mut [0; 16]).await;
            closed.send(matches!(ended, Ok(0) | Err(_))).unwrap();
        }
    })
    .await;
    let wait = Duration::from_millis(100);
    let error = egress().send(get(&upstream.url()), wait).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (EgressErrorKind::Timeout, true), "{error}");
    assert!(tokio::time::timeout(SOON, closed.recv()).await.unwrap().unwrap());
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let (closed_tx, mut closed) = tokio::sync::mpsc::unbounded_channel();
    let upstream = Upstream::start(move |mut stream, _| {
        let closed = closed_tx.clone();
        async move {
            while read_request(&mut stream).await.is_some() {
                stream.write_all(HELLO).await.unwrap();
            }
            closed.send(()).unwrap();
        }
    })
    .await;
    let settings =
        EgressSettings { idle_timeout: Duration::from_millis(500), ..EgressSettings::default() };
    let egress = egress_with(settings);
    let start = Instant::now();
    // Used again and again, it stays open beyond the timeout.
    while start.elapsed() < Duration::from_millis(900) {
        text(egress.send(get(&upstream.url()), SOON).await.unwrap().into_body()).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(upstream.opened(), 1);
    tokio::time::timeout(SOON, closed.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn no_more_idle_connections_are_kept_than_allowed() {
    let upstream = Upstream::start(|mut stream, _| async move {
        while read_request(&mut stream).await.is_some() {
            // Long enough for all calls to be under way together.
            tokio::time::sleep(Duration::from_millis(50)).await;
            stream.write_all(HELLO).await.unwrap();
        }
    })
    .await;
    let egress = egress_with(EgressSettings { max_idle_per_host: 2, ..Default::default() });
    let all = || async {
        let calls = (0..6).map(|_| async {
            text(egress.send(get(&upstream.url()), SOON).await.unwrap().into_body()).await
        });
        futures_util::future::join_all(calls).await;
    };
    all().await;
    assert_eq!(upstream.opened(), 6);
    all().await;
    assert_eq!(upstream.opened(), 10);
}

#[tokio::test]
async fn a_slow_reader_holds_the_provider_back() {
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let total = 64 * 1024 * 1024;
    let upstream = Upstream::start(move |mut stream, _| {
        let count = count.clone();
        async move {
            read_request(&mut stream).await.unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {total}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let piece = vec![b'x'; 64 * 1024];
            while count.load(SeqCst) < total {
                if stream.write_all(&piece).await.is_err() {
                    return;
                }
                count.fetch_add(piece.len(), SeqCst);
            }
        }
    })
    .await;
    let mut answer = egress().send(get(&upstream.url()), SOON).await.unwrap().into_body();
    answer.frame().await.unwrap().unwrap();
    let mut before = usize::MAX;
    while written.load(SeqCst) != before {
        before = written.load(SeqCst);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    // The kernel's buffers for both ends, and ours.
    assert!(before < total / 4, "{before} bytes were taken with nobody reading");
    let rest = answer.collect().await.unwrap().to_bytes();
    assert!(rest.len() > total / 2);
}

#[tokio::test]
async fn a_body_is_streamed_out_as_it_comes() {
    let upstream = Upstream::start(|mut stream, _| async move {
        let mut seen = Vec::new();
        while !seen.ends_with(b"0\r\n\r\n") {
            stream.read_buf(&mut seen).await.unwrap();
        }
        let seen = String::from_utf8(seen).unwrap();
        assert!(seen.contains("transfer-encoding: chunked\r\n"), "{seen}");
        assert!(seen.ends_with("\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"), "{seen}");
        stream.write_all(HELLO).await.unwrap();
    })
    .await;
    let frames = ["abc", "def"].map(|text| Ok::<_, BoxError>(Frame::data(Bytes::from(text))));
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let request = Request::post(upstream.url()).body(OutboundBody::Stream(Box::pin(body))).unwrap();
    let answer = egress().send(request, SOON).await.unwrap();
    assert_eq!(text(answer.into_body()).await, "hello");
}

#[tokio::test]
async fn a_body_that_fails_breaks_the_call() {
    let upstream = Upstream::hello().await;
    let frames = [Ok(Frame::data(Bytes::from("abc"))), Err(BoxError::from("the caller went away"))];
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let request = Request::post(upstream.url())
        .header("content-length", "100")
        .body(OutboundBody::Stream(Box::pin(body)))
        .unwrap();
    let error = egress().send(request, SOON).await.unwrap_err();
    assert_eq!(error.kind, EgressErrorKind::Broken);
    assert!(error.detail.contains("the caller went away"), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_not_an_end() {
    let upstream = Upstream::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        let part = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this";
        stream.write_all(part).await.unwrap();
    })
    .await;
    let answer = egress().send(get(&upstream.url()), SOON).await.unwrap();
    let error = answer.into_body().collect().await.unwrap_err();
    assert_eq!((error.kind, error.sent), (EgressErrorKind::Broken, true));
}

#[tokio::test]
async fn nobody_listening_is_unreachable_and_nothing_was_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = egress().send(get(&url), SOON).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (EgressErrorKind::Unreachable, false), "{error}");
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let upstream = Upstream::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        let head =
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(head).await.unwrap();
    })
    .await;
    let answer = egress().send(get(&upstream.url()), SOON).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn refusals_reach_the_caller_before_anything_is_opened() {
    let upstream = Upstream::hello().await;
    let port = upstream.address.port();
    let strict = portcullis_runtime::egress::Egress::new(
        portcullis_runtime::egress::EgressPolicy::default(),
        EgressSettings::default(),
    );
    for (url, reason) in [
        (format!("http://127.0.0.1:{port}/"), Refused::PrivateAddress),
        (format!("http://localhost:{port}/"), Refused::SpecialName),
        (format!("http://u:p@127.0.0.1:{port}/"), Refused::Credentials),
        ("ftp://example.com/".to_owned(), Refused::Scheme),
        ("/only/a/path".to_owned(), Refused::Malformed),
    ] {
        let error = strict.send(get(&url), SOON).await.unwrap_err();
        assert_eq!((error.kind, error.sent), (EgressErrorKind::Refused(reason), false), "{url}");
    }
    assert_eq!(upstream.opened(), 0);
}

#[tokio::test]
async fn errors_do_not_repeat_the_path_the_query_or_the_headers() {
    let upstream = Upstream::start(|stream, _| async move { drop(stream) }).await;
    let url = format!("{}/canary-path?key=canary-query", upstream.url());
    let request = Request::get(url).header("authorization", "Bearer canary-header");
    let error = egress().send(request.body(OutboundBody::Empty).unwrap(), SOON).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
}
