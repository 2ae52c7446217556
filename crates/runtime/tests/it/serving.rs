//! The listener: how calls arrive, end and drain.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis_runtime::{
    BoxError,
    egress::OutboundBody,
    server::{App, Bound, RequestBody, ResponseBody, Server, ServerHandle, ServerSettings},
    telemetry::{Metrics, Ops, Readiness},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::world::{SOON, egress, get, text, until};

/// `/echo` returns the body; `/wait` takes 200 ms; `/hang` never answers; `/endless` never ends;
/// `/headers` names the headers; `/ignore` answers without reading the body, `/swallow` after reading it.
#[derive(Clone, Default)]
pub(crate) struct Probe {
    pub(crate) calls: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
    pieces: Arc<AtomicUsize>,
}

struct OnDrop(Arc<AtomicUsize>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl App for Probe {
    async fn call(
        &self,
        request: Request<RequestBody>,
        peer: SocketAddr,
    ) -> Response<ResponseBody> {
        assert!(peer.ip().is_loopback());
        self.calls.fetch_add(1, SeqCst);
        match request.uri().path() {
            "/wait" => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Response::new("waited".into())
            }
            "/hang" => {
                let _guard = OnDrop(self.dropped.clone());
                std::future::pending().await
            }
            "/swallow" => {
                let _guard = OnDrop(self.dropped.clone());
                let body = request.into_body().collect().await;
                assert!(body.is_err(), "an upload that broke off was taken for complete");
                Response::new(ResponseBody::empty())
            }
            "/endless" => {
                let state = (OnDrop(self.dropped.clone()), self.pieces.clone());
                let chunks = futures_util::stream::unfold(state, |state| async move {
                    tokio::task::yield_now().await;
                    state.1.fetch_add(1, SeqCst);
                    let chunk = Bytes::from(vec![b'x'; 16 * 1024]);
                    Some((Ok::<_, BoxError>(Frame::data(chunk)), state))
                });
                Response::new(ResponseBody::stream(StreamBody::new(chunks)))
            }
            "/silent" => {
                let first = Ok::<_, BoxError>(Frame::data(Bytes::from("first")));
                let guard = OnDrop(self.dropped.clone());
                let rest = futures_util::stream::once(async move {
                    let _guard = guard;
                    std::future::pending().await
                });
                let chunks =
                    futures_util::StreamExt::chain(futures_util::stream::iter([first]), rest);
                Response::new(ResponseBody::stream(StreamBody::new(chunks)))
            }
            "/breaks" => {
                let frames =
                    [Ok(Frame::data(Bytes::from("part"))), Err(BoxError::from("on purpose"))];
                let body = StreamBody::new(futures_util::stream::iter(frames));
                Response::new(ResponseBody::stream(body))
            }
            "/headers" => {
                let names = request.headers().keys().map(|name| format!("saw {name}\n"));
                Response::new(names.collect::<String>().into())
            }
            "/ignore" => Response::new(ResponseBody::empty()),
            _ => match request.into_body().collect().await {
                Ok(body) => Response::new(body.to_bytes().into()),
                Err(error) => {
                    let mut response = Response::new(error.to_string().into());
                    *response.status_mut() = http::StatusCode::BAD_REQUEST;
                    response
                }
            },
        }
    }
}

fn bind(settings: ServerSettings) -> Bound {
    Server::bind("127.0.0.1:0".parse().unwrap(), settings).unwrap()
}

pub(crate) fn start(settings: ServerSettings) -> (Probe, ServerHandle) {
    let probe = Probe::default();
    let handle = bind(settings).serve(probe.clone()).unwrap();
    (probe, handle)
}

fn one_worker() -> ServerSettings {
    ServerSettings { workers: 1, ..ServerSettings::default() }
}

async fn connect(handle: &ServerHandle, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(handle.local_addr()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn all_workers_answer_and_stop() {
    let (probe, handle) = start(ServerSettings { workers: 3, ..ServerSettings::default() });
    let url = format!("http://{}/echo", handle.local_addr());
    let egress = egress();
    let calls = (0..30).map(|_| async {
        let request = Request::post(&url).body(OutboundBody::Full("hello".into())).unwrap();
        text(egress.send(request, SOON).await.unwrap().into_body()).await
    });
    assert_eq!(futures_util::future::join_all(calls).await, ["hello"; 30]);
    assert_eq!(probe.calls.load(SeqCst), 30);
    drop(egress);
    assert_eq!(handle.drain(SOON).await, 0);
    assert!(TcpStream::connect(handle.local_addr()).await.is_err());
}

#[tokio::test]
async fn a_port_in_use_is_an_error_even_for_another_instance() {
    for workers in [1, 2] {
        let settings = ServerSettings { workers, ..ServerSettings::default() };
        let first = bind(settings.clone());
        let second = Server::bind(first.local_addr(), settings);
        assert_eq!(second.err().map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
    }
}

#[tokio::test]
async fn http_2_works_without_negotiation() {
    let (_, handle) = start(one_worker());
    let stream = TcpStream::connect(handle.local_addr()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let url = format!("http://{}/echo", handle.local_addr());
    let request = Request::post(url).body(OutboundBody::Full("over h2".into())).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "over h2");
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_call() {
    let (probe, handle) = start(one_worker());
    for (round, path) in ["/hang", "/endless", "/silent"].into_iter().enumerate() {
        let mut stream = connect(&handle, &format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        until("the call is under way", || probe.calls.load(SeqCst) == round + 1).await;
        if path != "/hang" {
            assert!(stream.read(&mut [0; 64]).await.unwrap() > 0);
        }
        drop(stream);
        until(path, || probe.dropped.load(SeqCst) == round + 1).await;
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_during_its_upload_ends_its_call() {
    let (probe, handle) = start(one_worker());
    let head = "POST /swallow HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nonly this";
    let stream = connect(&handle, head).await;
    until("the call is under way", || probe.calls.load(SeqCst) == 1).await;
    drop(stream);
    until("the call ends", || probe.dropped.load(SeqCst) == 1).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_answer_back() {
    let (probe, handle) = start(one_worker());
    let stream = connect(&handle, "GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until("pieces are made", || probe.pieces.load(SeqCst) > 0).await;
    let mut before = usize::MAX;
    while probe.pieces.load(SeqCst) != before {
        before = probe.pieces.load(SeqCst);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    // The kernel's buffers for both ends, and ours.
    assert!(before * 16 * 1024 < 16 * 1024 * 1024, "{before} pieces were made for nobody");
    drop(stream);
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_not_taken_in() {
    let (_, handle) = start(one_worker());
    let head = "POST /hang HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n";
    let mut stream = connect(&handle, head).await;
    let piece = vec![b'x'; 64 * 1024];
    let mut written = 0;
    let write = async {
        loop {
            stream.write_all(&piece).await.unwrap();
            written += piece.len();
        }
    };
    let stuck: Result<(), _> = tokio::time::timeout(Duration::from_millis(500), write).await;
    assert!(stuck.is_err() && written < 16 * 1024 * 1024, "{written} bytes were taken in");
}

#[tokio::test]
async fn an_answer_that_fails_cannot_be_taken_for_complete() {
    let (_, handle) = start(one_worker());
    let url = format!("http://{}/breaks", handle.local_addr());
    // Whether the head still got through is a matter of timing.
    if let Ok(answer) = egress().send(get(&url), SOON).await {
        assert!(answer.into_body().collect().await.is_err());
    }
}

#[tokio::test]
async fn a_client_that_is_slow_with_its_headers_is_cut_off() {
    let settings = ServerSettings { header_timeout: Duration::from_millis(200), ..one_worker() };
    let (probe, handle) = start(settings);
    for start_of_head in ["", "G", "PRI", "GET /echo HTTP/1.1\r\nhost: a\r\nx-"] {
        let began = Instant::now();
        let mut stream = connect(&handle, start_of_head).await;
        let mut seen = Vec::new();
        let end = tokio::time::timeout(SOON, stream.read_to_end(&mut seen)).await;
        assert!(end.is_ok(), "{start_of_head:?} was waited for");
        assert!(began.elapsed() >= Duration::from_millis(150), "{start_of_head:?}");
        // Who has begun a request is told why it ends.
        let seen = String::from_utf8(seen).unwrap();
        let is_told = start_of_head.starts_with('G');
        assert_eq!(seen.starts_with("HTTP/1.1 408 "), is_told, "{start_of_head:?}: {seen}");
    }
    assert_eq!(probe.calls.load(SeqCst), 0);
}

#[tokio::test]
async fn beyond_the_most_connections_new_ones_wait() {
    let (probe, handle) = start(ServerSettings { max_connections: 1, ..one_worker() });
    let request = "GET /echo HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut first = connect(&handle, request).await;
    assert!(first.read(&mut [0; 256]).await.unwrap() > 0);
    let mut second = connect(&handle, request).await;
    let waited = tokio::time::timeout(Duration::from_millis(100), second.read(&mut [0; 256])).await;
    assert!(waited.is_err());
    drop(first);
    assert!(tokio::time::timeout(SOON, second.read(&mut [0; 256])).await.unwrap().unwrap() > 0);
    assert_eq!(probe.calls.load(SeqCst), 2);
}

#[tokio::test]
async fn drain_waits_for_calls_under_way_and_closes_idle_connections() {
    let (probe, handle) = start(one_worker());
    let mut idle = connect(&handle, "GET /echo HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(idle.read(&mut [0; 256]).await.unwrap() > 0);
    let mut busy = connect(&handle, "GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until("both calls are known", || probe.calls.load(SeqCst) == 2).await;
    let began = Instant::now();
    assert_eq!(handle.drain(SOON).await, 0);
    assert!(began.elapsed() >= Duration::from_millis(100));
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("waited"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(idle.read(&mut [0; 16]).await.unwrap(), 0);
}

#[tokio::test]
async fn drain_cuts_what_does_not_end_in_time() {
    let (probe, handle) = start(one_worker());
    let stream = connect(&handle, "GET /hang HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until("the call is under way", || probe.calls.load(SeqCst) == 1).await;
    assert_eq!(handle.drain(Duration::from_millis(100)).await, 1);
    assert_eq!(probe.dropped.load(SeqCst), 1);
    drop(stream);
}

#[tokio::test]
async fn a_dropped_handle_ends_the_threads_and_what_they_do() {
    let (probe, handle) = start(one_worker());
    let stream = connect(&handle, "GET /hang HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until("the call is under way", || probe.calls.load(SeqCst) == 1).await;
    drop(handle);
    until("the call ends", || probe.dropped.load(SeqCst) == 1).await;
    drop(stream);
}

#[tokio::test]
async fn platforms_and_prometheus_get_their_answers() {
    let is_ready = Arc::new(AtomicUsize::new(0));
    let asked = is_ready.clone();
    let ops = Ops::new(Metrics::new("1.2.3"), move || match asked.load(SeqCst) {
        0 => Readiness::NotReady("starting\n"),
        _ => Readiness::Ready,
    });
    let handle = bind(one_worker()).serve(ops).unwrap();
    let egress = egress();
    let ask = async |path: &str| {
        let url = format!("http://{}{path}", handle.local_addr());
        let answer = egress.send(get(&url), SOON).await.unwrap();
        (answer.status().as_u16(), text(answer.into_body()).await)
    };
    assert_eq!(ask("/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(ask("/readyz").await, (503, "starting\n".to_owned()));
    is_ready.store(1, SeqCst);
    assert_eq!(ask("/readyz").await, (200, "ok\n".to_owned()));
    let (status, metrics) = ask("/metrics").await;
    assert_eq!(status, 200);
    assert!(metrics.contains("portcullis_build_info"), "{metrics}");
    assert_eq!(ask("/v1/models").await.0, 404);
}
