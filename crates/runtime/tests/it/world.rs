//! A small outside world: upstreams that are scripted byte by byte, and an egress that may call
//! them.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use portcullis_runtime::egress::{Egress, EgressPolicy, EgressSettings, InboundBody, OutboundBody};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Long enough for anything that works, short enough for a test that fails.
pub(crate) const SOON: Duration = Duration::from_secs(5);

pub(crate) const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// A listener whose connections are handled by a function of the stream and its number.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    opened: Arc<AtomicUsize>,
}

impl Upstream {
    pub(crate) async fn start<F>(handle: impl Fn(TcpStream, usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let opened = Arc::new(AtomicUsize::new(0));
        let count = opened.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(handle(stream, count.fetch_add(1, SeqCst)));
            }
        });
        Self { address, opened }
    }

    /// Answers every request with `hello`, on connections that stay open.
    pub(crate) async fn hello() -> Self {
        Self::start(|mut stream, _| async move {
            while read_request(&mut stream).await.is_some() {
                stream.write_all(HELLO).await.unwrap();
            }
        })
        .await
    }

    pub(crate) fn opened(&self) -> usize {
        self.opened.load(SeqCst)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

/// Reads a request with its body, if it has a content length. `None` at the end.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut seen = Vec::new();
    loop {
        if let Some(end) = seen.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&seen[..end]).to_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if seen.len() >= end + 4 + length {
                return Some(String::from_utf8(seen).unwrap());
            }
        }
        if stream.read_buf(&mut seen).await.ok()? == 0 {
            return None;
        }
    }
}

/// An egress that may call this machine.
pub(crate) fn egress() -> Egress {
    egress_with(EgressSettings { dns_ttl: Duration::ZERO, ..EgressSettings::default() })
}

pub(crate) fn egress_with(settings: EgressSettings) -> Egress {
    Egress::new(EgressPolicy::parse("127.0.0.0/8,localhost").unwrap(), settings)
}

pub(crate) fn get(url: &str) -> Request<OutboundBody> {
    Request::get(url).body(OutboundBody::Empty).unwrap()
}

pub(crate) fn post(url: &str, body: &'static str) -> Request<OutboundBody> {
    Request::post(url).body(OutboundBody::Full(Bytes::from_static(body.as_bytes()))).unwrap()
}

pub(crate) async fn text(body: InboundBody) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Waits until something is true.
pub(crate) async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(SOON, async {
        while !is_true() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never: {what}"));
}
