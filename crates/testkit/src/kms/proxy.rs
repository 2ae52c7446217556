//! A proxy in front of a key management service: passes calls on, remembers them, and makes them
//! fail in the ways that emulators do not.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use socket2::SockRef;
use tokio::net::TcpStream;

use super::serving::{Port, Serving};
use crate::client;

/// What becomes of a call.
#[derive(Clone, Debug, Default)]
pub enum Fault {
    /// It is passed on.
    #[default]
    Pass,
    /// It is answered with an error of AWS's form.
    Error {
        /// The HTTP status.
        status: u16,
        /// The error's code.
        code: &'static str,
        /// Its message.
        message: &'static str,
    },
    /// It is passed on after a while.
    Slow(Duration),
    /// It is never answered.
    Hang,
    /// The connection is reset.
    Reset,
    /// It is answered with something that is not what was asked for.
    Garbage,
    /// The answer ends in the middle.
    Cut,
    /// It is answered with a bare status.
    Status(u16),
}

/// A call that reached the proxy.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The operation: `Decrypt`, for one; for other services method and path.
    pub operation: String,
    /// The body, when it is JSON.
    pub json: Value,
    /// The body as text.
    pub text: String,
    /// The headers.
    pub headers: HeaderMap,
}

/// The proxy. Dropping it ends it.
pub struct FaultProxy {
    url: String,
    state: Arc<State>,
    _serving: Serving,
}

struct State {
    behind: String,
    seen: Mutex<Vec<Seen>>,
    answers: Mutex<Vec<String>>,
    faults: Mutex<Faults>,
}

#[derive(Default)]
struct Faults {
    always: Fault,
    by_operation: HashMap<&'static str, Fault>,
    /// How many calls still meet a fault; `None`: all.
    left: Option<usize>,
}

impl Fault {
    /// As when too much was asked.
    pub const fn throttling() -> Self {
        Self::Error { status: 400, code: "ThrottlingException", message: "Rate exceeded" }
    }

    /// A fault of the service's own.
    pub const fn internal() -> Self {
        Self::Error { status: 500, code: "KMSInternalException", message: "" }
    }

    /// Credentials whose time is over.
    pub const fn expired_credentials() -> Self {
        let message = "The security token included in the request is expired";
        Self::Error { status: 400, code: "ExpiredTokenException", message }
    }

    /// Clocks that differ.
    pub const fn clock_skew() -> Self {
        let message = "Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z";
        Self::Error { status: 400, code: "InvalidSignatureException", message }
    }
}

impl FaultProxy {
    /// In front of the service at `behind` (`http://ADDRESS:PORT`), on a free port.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn before(behind: &str) -> Self {
        let port = Port::take().await;
        let state = Arc::new(State {
            behind: behind.to_owned(),
            seen: Mutex::default(),
            answers: Mutex::default(),
            faults: Mutex::default(),
        });
        let (url, shared) = (port.url.clone(), Arc::clone(&state));
        let serving = port.serve(move |stream| connection(stream, Arc::clone(&shared)));
        Self { url, state, _serving: serving }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets every call from here on meet that.
    pub fn set(&self, fault: Fault) {
        *self.faults() = Faults { always: fault, ..Faults::default() };
    }

    /// Lets the next `count` calls meet that.
    pub fn set_for(&self, count: usize, fault: Fault) {
        *self.faults() = Faults { always: fault, left: Some(count), ..Faults::default() };
    }

    /// Lets calls of one operation meet that.
    pub fn set_on(&self, operation: &'static str, fault: Fault) {
        self.faults().by_operation.insert(operation, fault);
    }

    /// Every call that came, oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the service answered to the calls that were passed on, as text.
    pub fn answers(&self) -> Vec<String> {
        self.state.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many calls of that operation came.
    pub fn count(&self, operation: &str) -> usize {
        self.seen().iter().filter(|seen| seen.operation == operation).count()
    }

    /// Forgets the calls so far.
    pub fn forget(&self) {
        self.state.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.state.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    // So that dropping the connection resets it, where that is asked for.
    let reset = Arc::new(Mutex::new(false));
    let asked = Arc::clone(&reset);
    let socket = SockRef::from(&stream).try_clone();
    let service = service_fn(move |request| {
        let (state, reset) = (Arc::clone(&state), Arc::clone(&reset));
        async move { answer(request, &state, &reset).await }
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    if served.is_err()
        && *asked.lock().unwrap_or_else(PoisonError::into_inner)
        && let Ok(socket) = socket
    {
        // It is closed with the last handle; without lingering, that is a reset.
        let _reset = socket.set_linger(Some(Duration::ZERO));
    }
}

/// The error that makes hyper drop the connection.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("dropped on purpose")
    }
}

impl std::error::Error for Dropped {}

async fn answer(
    request: Request<Incoming>,
    state: &State,
    reset: &Mutex<bool>,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    let operation = operation(&parts, &text);
    let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let seen = Seen { operation: operation.clone(), json, text, headers: parts.headers.clone() };
    state.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    let fault = {
        let mut faults = state.faults.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut faults.left {
            Some(0) => Fault::Pass,
            left => {
                if let Some(left) = left {
                    *left -= 1;
                }
                faults.by_operation.get(&*operation).unwrap_or(&faults.always).clone()
            }
        }
    };
    match fault {
        Fault::Pass => {}
        Fault::Slow(span) => tokio::time::sleep(span).await,
        Fault::Hang => std::future::pending().await,
        Fault::Reset => {
            *reset.lock().unwrap_or_else(PoisonError::into_inner) = true;
            return Err(Dropped);
        }
        Fault::Garbage => return Ok(plain(200, "<html>It works!</html>".into())),
        Fault::Status(status) => return Ok(plain(status, Bytes::new())),
        Fault::Error { status, code, message } => {
            let body = json!({"__type": code, "message": message}).to_string();
            let mut answer = plain(status, body.into());
            let kind = http::HeaderValue::from_static("application/x-amz-json-1.1");
            answer.headers_mut().insert(http::header::CONTENT_TYPE, kind);
            return Ok(answer);
        }
        Fault::Cut => {
            let mut answer = pass(&parts, body, state).await?;
            let half = answer.body_mut().collect().await.map_err(|_| Dropped)?.to_bytes();
            answer.headers_mut().insert(http::header::CONTENT_LENGTH, half.len().into());
            *answer.body_mut() = Full::new(half.slice(..half.len() / 2));
            return Ok(answer);
        }
    }
    pass(&parts, body, state).await
}

async fn pass(
    parts: &http::request::Parts,
    body: Bytes,
    state: &State,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut call = client::call(parts.method.clone(), format!("{}{target}", state.behind));
    // The host too: it is signed.
    for (name, value) in &parts.headers {
        if name != http::header::CONTENT_LENGTH && name != http::header::TRANSFER_ENCODING {
            call = call.header(name.as_str(), value.to_str().map_err(|_| Dropped)?);
        }
    }
    let answer = call.body(body).send().await.map_err(|_| Dropped)?;
    state.answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer.text());
    let mut passed = plain(answer.status, answer.body);
    for (name, value) in &answer.headers {
        if name != http::header::CONTENT_LENGTH && name != http::header::TRANSFER_ENCODING {
            passed.headers_mut().append(name, value.clone());
        }
    }
    Ok(passed)
}

fn operation(parts: &http::request::Parts, body: &str) -> String {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    if let Some((_, operation)) = target.and_then(|target| target.rsplit_once('.')) {
        return operation.to_owned();
    }
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    action.map_or_else(|| format!("{} {}", parts.method, parts.uri.path()), str::to_owned)
}

fn plain(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    answer
}
