//! A server that answers as it is written down: exchanges with a service that cannot be run here.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::serving::{Port, Serving, speak};

/// Plays exchanges in order, each once. What is asked otherwise is answered 599 and remembered.
/// Dropping it ends it.
pub struct Replay {
    url: String,
    state: Arc<Mutex<State>>,
    _serving: Serving,
}

#[derive(Default)]
struct State {
    left: Vec<Value>,
    asked: Vec<Value>,
    wrong: Vec<String>,
}

impl Replay {
    /// Plays `exchanges`: objects of `request` (`method`, `path`, some `headers`, `body`: JSON, or
    /// an object of a form's fields; `"*"` matches any text) and `response` (`status`, `body`). In
    /// both, `{url}` is this server's own address.
    ///
    /// # Panics
    /// When no port is free or the exchanges are no list.
    pub async fn of(exchanges: &Value) -> Self {
        let port = Port::take().await;
        let url = port.url.clone();
        let text = exchanges.to_string().replace("{url}", &url);
        let exchanges: Value = serde_json::from_str(&text).expect("it was JSON");
        let mut left = exchanges.as_array().expect("a list of exchanges").clone();
        left.reverse();
        let state = Arc::new(Mutex::new(State { left, ..State::default() }));
        let shared = Arc::clone(&state);
        let serving = port.serve(move |stream| {
            let state = Arc::clone(&shared);
            speak(stream, move |request| answer(request, Arc::clone(&state)))
        });
        Self { url, state, _serving: serving }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Value> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }

    /// Fails unless everything was asked, and asked as it is written down.
    ///
    /// # Panics
    /// When it was not.
    pub fn finish(self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(state.wrong.is_empty(), "{}", state.wrong.join("\n"));
        assert!(state.left.is_empty(), "never asked: {:?}", state.left);
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&body);
    let body = serde_json::from_str(&text).unwrap_or_else(|_| form(&text));
    let headers: serde_json::Map<String, Value> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap_or_default())))
        .collect();
    let path = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let asked =
        json!({"method": parts.method.as_str(), "path": path, "headers": headers, "body": body});
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.asked.push(asked.clone());
    let Some(exchange) = state.left.pop() else {
        state.wrong.push(format!("asked beyond the end: {asked}"));
        return Ok(reply(599, &Value::Null));
    };
    let wanted = &exchange["request"];
    let is_same = ["method", "path", "body"].into_iter().all(|m| matches(&wanted[m], &asked[m]))
        && wanted["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .all(|(name, value)| matches(value, &asked["headers"][name]));
    if !is_same {
        state.wrong.push(format!("wanted {wanted}\nasked  {asked}"));
        return Ok(reply(599, &Value::Null));
    }
    let status = exchange["response"]["status"].as_u64().and_then(|s| u16::try_from(s).ok());
    Ok(reply(status.unwrap_or(200), &exchange["response"]["body"]))
}

fn matches(wanted: &Value, asked: &Value) -> bool {
    match (wanted, asked) {
        (Value::String(any), Value::String(_)) if any == "*" => true,
        (Value::Object(wanted), Value::Object(asked)) => {
            wanted.len() == asked.len()
                && wanted
                    .iter()
                    .all(|(name, value)| asked.get(name).is_some_and(|asked| matches(value, asked)))
        }
        _ => wanted == asked,
    }
}

/// A form's fields; null when there is no body.
fn form(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), json!(decoded(value)))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn reply(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}
