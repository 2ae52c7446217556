//! Connections in, answers out.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use socket2::Socket;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    answer::{Answer, Body, Closing, Cut},
    anthropic,
    credential::{self, Surface},
    journal::{End, Journal},
    openai, realtime,
    script::Script,
    storage::Storage,
};

/// A request larger than this is refused, as providers do.
const LARGEST_BODY: usize = 256 << 20;

/// One call as the dialects see it.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// The path without the surface's prefix: `chat/completions`.
    pub(crate) path: String,
    pub(crate) parts: http::request::Parts,
    pub(crate) body: Bytes,
    /// The body when it is JSON, else null.
    pub(crate) json: Value,
    pub(crate) script: Script,
    /// A number that no other call of this upstream has.
    pub(crate) serial: u64,
}

#[derive(Clone)]
pub(crate) struct Provider {
    journal: Journal,
    storage: Arc<Storage>,
    serial: Arc<AtomicU64>,
}

pub(crate) async fn accept(listener: TcpListener, provider: Provider) {
    // Owning the connections here means that aborting this task ends them all.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    provider.journal.connected();
                    connections.spawn(connection(stream, provider.clone()));
                }
                Err(error) => eprintln!("upstream: accept failed: {error}"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, provider: Provider) {
    let Ok(socket) = stream.set_nodelay(true).and_then(|()| duplicate(&stream)) else { return };
    let socket = Arc::new(socket);
    let service = service_fn(move |request| {
        let provider = provider.clone();
        let socket = Arc::clone(&socket);
        async move { provider.call(request, &socket).await }
    });
    // An error here is a client that went away or a script that cut the answer: both are intended.
    let _ended = http1::Builder::new()
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

/// A second handle on the same socket, by which the service can ask for a reset.
fn duplicate(stream: &TcpStream) -> std::io::Result<Socket> {
    use std::os::fd::AsFd;
    Ok(Socket::from(stream.as_fd().try_clone_to_owned()?))
}

impl Provider {
    pub(crate) fn new(journal: Journal) -> Self {
        Self { journal, storage: Arc::default(), serial: Arc::default() }
    }

    async fn call(
        &self,
        request: Request<Incoming>,
        socket: &Socket,
    ) -> Result<Response<Body>, Cut> {
        let (mut parts, body) = request.into_parts();
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        if let Some(answer) = self.about_itself(&parts) {
            let unrecorded = Closing::new(Journal::default(), 0);
            return Ok(answer.play(&Script::default(), unrecorded));
        }
        let body = match Limited::new(body, LARGEST_BODY).collect().await {
            Ok(collected) => collected.to_bytes(),
            // The client broke off inside its request: nothing reached this provider.
            Err(_) => return Err(Cut),
        };
        let index = self.journal.record(&parts, &body);
        let closing = Closing::new(self.journal.clone(), index);
        let (surface, path) = Surface::of(&parts);
        if let Some(refusal) = credential::refusal(surface, &parts) {
            return Ok(refusal.play(&Script::default(), closing));
        }
        let call = self.understand(parts, path, body);
        let script = call.script.clone();
        tokio::time::sleep(script.slow).await;
        if script.hang {
            std::future::pending::<()>().await;
        }
        if script.reset {
            closing.note(End::Cut);
            // Closing with this option discards the connection with a reset instead of an end.
            let _best_effort = socket.set_linger(Some(std::time::Duration::ZERO));
            return Err(Cut);
        }
        if let (Some(upgrade), true, None) = (upgrade, realtime::opens(&call), script.status) {
            return Ok(realtime::open(&call, upgrade, closing));
        }
        let answer = self.answer(surface, &call);
        let answer = answer.with_header("x-request-id", format!("req_{:08}", call.serial));
        Ok(answer.play(&script, closing))
    }

    fn about_itself(&self, parts: &http::request::Parts) -> Option<Answer> {
        match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/__journal") => {
                Some(Answer::json(&json!({ "requests": self.journal.all() })))
            }
            (&Method::DELETE, "/__journal") => {
                self.journal.clear();
                Some(Answer::json(&json!({})))
            }
            (&Method::GET, "/__count") => Some(Answer::json(&json!({
                "requests": self.journal.count(),
                "connections": self.journal.connections(),
            }))),
            _ => None,
        }
    }

    fn understand(&self, parts: http::request::Parts, path: String, body: Bytes) -> Call {
        let json: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let mut script = Script::default();
        if let Some(model) = json["model"].as_str() {
            script.read(model);
        }
        script.read_prompt(&body);
        if let Some(words) = parts.headers.get("x-upstream-script").and_then(|v| v.to_str().ok()) {
            script.read(words);
        }
        let query = parts.uri.query().unwrap_or_default();
        if let Some(words) = query.split('&').find_map(|member| member.strip_prefix("script=")) {
            script.read(words);
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        Call { method: parts.method.clone(), path, parts, body, json, script, serial }
    }

    fn answer(&self, surface: Surface, call: &Call) -> Answer {
        if call.script.garbage {
            return Answer::binary("application/json", Bytes::from_static(b"<html>not JSON"));
        }
        let anthropic = surface == Surface::Anthropic;
        if let Some(status) = call.script.status {
            let answer = if anthropic {
                anthropic::scripted_failure(status)
            } else {
                openai::scripted_failure(status)
            };
            return match call.script.retry_after {
                Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
                None => answer,
            };
        }
        if anthropic { anthropic::answer(call) } else { openai::answer(call, &self.storage) }
    }
}
