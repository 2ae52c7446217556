//! A plain HTTP/1.1 client for tests: one connection per call, no retries, no redirects, no headers
//! but those asked for (and `host`, `content-length`).

use std::{future::pending, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

/// A call to be sent.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A call to `url` (`http://ADDRESS:PORT/path?query`), without headers or body.
pub fn call(method: Method, url: impl Into<String>) -> Call {
    Call { method, url: url.into(), headers: HeaderMap::new(), body: Bytes::new() }
}

/// A `GET` of `url`.
pub fn get(url: impl Into<String>) -> Call {
    call(Method::GET, url)
}

/// A `POST` to `url`.
pub fn post(url: impl Into<String>) -> Call {
    call(Method::POST, url)
}

/// A `PUT` to `url`.
pub fn put(url: impl Into<String>) -> Call {
    call(Method::PUT, url)
}

/// A `DELETE` of `url`.
pub fn delete(url: impl Into<String>) -> Call {
    call(Method::DELETE, url)
}

impl Call {
    /// Adds a header.
    ///
    /// # Panics
    /// When the name or the value is not one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        self.headers.append(name, HeaderValue::from_str(value).expect("a header value"));
        self
    }

    /// Adds `authorization: Bearer <key>`.
    #[must_use]
    pub fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Sets a JSON body and its content type.
    ///
    /// # Panics
    /// When the value does not serialise.
    #[must_use]
    pub fn json(self, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("test bodies serialise");
        self.header("content-type", "application/json").body(body)
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the call and reads the whole answer.
    ///
    /// # Errors
    /// When the connection cannot be made or ends before the answer does.
    pub async fn send(self) -> io::Result<Answer> {
        let opened = self.open().await?;
        opened.finish().await
    }

    /// Sends the call and returns as soon as the head of the answer is here. Dropping what is
    /// returned closes the connection: the client hangs up.
    ///
    /// # Errors
    /// When the connection cannot be made or ends before the head of the answer.
    pub async fn open(self) -> io::Result<Opened> {
        let uri: http::Uri = self.url.parse().map_err(io::Error::other)?;
        let authority = uri.authority().map(ToString::to_string);
        let authority = authority.ok_or_else(|| io::Error::other("the URL has no host"))?;
        let address: SocketAddr = match authority.parse() {
            Ok(address) => address,
            Err(_) => tokio::net::lookup_host(&authority)
                .await?
                .next()
                .ok_or_else(|| io::Error::other("the host has no address"))?,
        };
        let stream = connect(address).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        #[expect(clippy::disallowed_methods, reason = "aborted when the answer is dropped")]
        let driver = tokio::spawn(async {
            // A failure of the connection also reaches whoever reads the answer.
            let _ended = connection.await;
        });
        let driver = Driver(driver);
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = target.parse().map_err(io::Error::other)?;
        *request.headers_mut() = self.headers;
        let host = HeaderValue::from_str(&authority).map_err(io::Error::other)?;
        request.headers_mut().entry(header::HOST).or_insert(host);
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let (parts, body) = response.into_parts();
        Ok(Opened { status: parts.status.as_u16(), headers: parts.headers, body, _driver: driver })
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null when it is none, which no assertion on a member survives.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first value of a header, empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// An answer whose head is here and whose body is still coming.
pub struct Opened {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    _driver: Driver,
}

impl Opened {
    /// The next piece of the body as it arrived; nothing at its end.
    ///
    /// # Errors
    /// When the connection ends before the body does.
    pub async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Reads the rest.
    ///
    /// # Errors
    /// When the connection ends before the body does.
    pub async fn finish(self) -> io::Result<Answer> {
        let body = self.body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Answer { status: self.status, headers: self.headers, body })
    }
}

struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends exactly `bytes` and returns what came back until the other side closed or `patience` ran
/// out: for requests that no client library would send. Reads while it writes: a server that
/// refuses early may not take all of it, and its answer counts.
///
/// # Errors
/// When the connection cannot be made.
pub async fn raw(address: SocketAddr, bytes: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
    let mut stream = connect(address).await?;
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let write = async {
        let _may_be_cut = writer.write_all(bytes).await;
        pending::<()>().await;
    };
    let read = async {
        let _may_be_reset = reader.read_to_end(&mut answer).await;
    };
    let _whatever_came_until_then = tokio::time::timeout(patience, async {
        tokio::select! {
            () = read => {}
            () = write => {}
        }
    })
    .await;
    Ok(answer)
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests and benchmarks dial the loopback server under test directly"
)]
pub(crate) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
