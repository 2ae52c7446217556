//! The simulated provider: OpenAI's and Anthropic's forms on the loopback interface, answered from
//! memory. What it answers is a pure function of what it is asked; two models misbehave on purpose.

use std::{
    collections::VecDeque,
    future::Future as _,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame};
use portcullis_domain::Secret;
use portcullis_runtime::{
    BoxError,
    server::{App, RequestBody, ResponseBody, Server, ServerHandle, ServerSettings},
};
use serde_json::{Value, json};
use tokio::time::{Sleep, sleep};

use crate::failure::Failure;

/// The model that is always overloaded.
pub(crate) const BUSY: &str = "simulated-busy";
/// The model that takes [`SLOWNESS`] to begin.
pub(crate) const SLOW: &str = "simulated-slow";

const SLOWNESS: Duration = Duration::from_secs(5);
/// Between two pieces of a stream: fast enough for a reader, slow enough to be seen.
const PACE: Duration = Duration::from_millis(30);
/// Bytes of a request body.
const MAX_BODY: usize = 8 << 20;

/// A provider that is up. It stops when dropped.
pub(crate) struct SimulatedProvider {
    server: ServerHandle,
    served: Arc<AtomicU64>,
}

impl SimulatedProvider {
    /// Starts one that takes this credential and no other.
    pub(crate) fn start(credential: Secret<String>) -> Result<Self, Failure> {
        let served = Arc::new(AtomicU64::new(0));
        let settings = ServerSettings { workers: 1, ..ServerSettings::default() };
        let app = Responder { credential: Arc::new(credential), served: Arc::clone(&served) };
        let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), settings)?.serve(app)?;
        Ok(Self { server, served })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Where its API begins.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address())
    }

    /// How many calls have reached it.
    pub(crate) fn served(&self) -> u64 {
        self.served.load(Relaxed)
    }
}

#[derive(Clone)]
struct Responder {
    credential: Arc<Secret<String>>,
    served: Arc<AtomicU64>,
}

impl App for Responder {
    async fn call(
        &self,
        request: Request<RequestBody>,
        _peer: SocketAddr,
    ) -> Response<ResponseBody> {
        self.served.fetch_add(1, Relaxed);
        let (head, body) = request.into_parts();
        let reply = if presents(&head.headers, self.credential.danger_expose()) {
            match Limited::new(body, MAX_BODY).collect().await {
                Ok(body) => {
                    let body = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
                    reply(head.uri.path(), &body)
                }
                Err(_) => refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            }
        } else {
            refused(StatusCode::UNAUTHORIZED, "this is not the simulated provider's credential")
        };
        // A timer that is due at once still costs up to a millisecond.
        if !reply.delay.is_zero() {
            sleep(reply.delay).await;
        }
        let (content_type, body) = match reply.content {
            Content::Whole(value) => ("application/json", ResponseBody::from(value.to_string())),
            Content::Stream(pieces) => {
                ("text/event-stream", ResponseBody::stream(Paced::new(pieces)))
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = reply.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }
}

fn presents(headers: &HeaderMap, credential: &str) -> bool {
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|text| text.strip_prefix("Bearer "));
    let key = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    bearer.or(key) == Some(credential)
}

/// What is answered, and after how long.
struct Reply {
    status: StatusCode,
    content: Content,
    delay: Duration,
}

enum Content {
    Whole(Value),
    /// Events, one at a time.
    Stream(Vec<String>),
}

fn whole(value: Value) -> Reply {
    Reply { status: StatusCode::OK, content: Content::Whole(value), delay: Duration::ZERO }
}

fn refused(status: StatusCode, message: &str) -> Reply {
    let kind = if status == StatusCode::TOO_MANY_REQUESTS { "rate_limit_error" } else { "error" };
    let error = json!({"message": message, "type": kind, "param": null, "code": null});
    Reply { status, ..whole(json!({"error": error})) }
}

fn reply(path: &str, body: &Value) -> Reply {
    let model = body["model"].as_str().unwrap_or_default();
    if model == BUSY {
        return refused(
            StatusCode::TOO_MANY_REQUESTS,
            "the simulated model is overloaded, as ever",
        );
    }
    let streams = body["stream"] == true;
    let mut reply = match path {
        "/v1/chat/completions" if streams => chat_stream(model, body),
        "/v1/chat/completions" => whole(chat(model, body)),
        "/v1/messages" if streams => messages_stream(model, body),
        "/v1/messages" => whole(messages(model, body)),
        "/v1/embeddings" => whole(embeddings(model, body)),
        "/v1/models" => whole(models()),
        _ => refused(
            StatusCode::NOT_FOUND,
            "the simulated provider knows chat/completions, messages, embeddings and models",
        ),
    };
    if model == SLOW {
        reply.delay = SLOWNESS;
    }
    reply
}

fn chat(model: &str, body: &Value) -> Value {
    let asked = asked(body);
    let text = answer_to(&asked);
    json!({
        "id": "chatcmpl-simulated", "object": "chat.completion", "created": 0, "model": model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }],
        "usage": chat_usage(&asked, &text),
    })
}

fn chat_usage(asked: &str, text: &str) -> Value {
    let (input, output) = (tokens(asked), tokens(text));
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
}

fn chat_stream(model: &str, body: &Value) -> Reply {
    let asked = asked(body);
    let text = answer_to(&asked);
    let chunk = |choices: Value, usage: Value| {
        let value = json!({
            "id": "chatcmpl-simulated", "object": "chat.completion.chunk", "created": 0,
            "model": model, "choices": choices, "usage": usage,
        });
        format!("data: {value}\n\n")
    };
    let choice = |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
    let mut events =
        vec![chunk(choice(json!({"role": "assistant", "content": ""}), Value::Null), Value::Null)];
    events.extend(
        text.split_inclusive(' ')
            .map(|word| chunk(choice(json!({"content": word}), Value::Null), Value::Null)),
    );
    events.push(chunk(choice(json!({}), json!("stop")), Value::Null));
    if body["stream_options"]["include_usage"] == true {
        events.push(chunk(json!([]), chat_usage(&asked, &text)));
    }
    events.push("data: [DONE]\n\n".to_owned());
    streamed(events)
}

fn messages(model: &str, body: &Value) -> Value {
    let asked = asked(body);
    let text = answer_to(&asked);
    json!({
        "id": "msg_simulated", "type": "message", "role": "assistant", "model": model,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": tokens(&asked), "output_tokens": tokens(&text)},
    })
}

fn messages_stream(model: &str, body: &Value) -> Reply {
    let asked = asked(body);
    let text = answer_to(&asked);
    let event = |name: &str, mut value: Value| {
        value["type"] = Value::from(name);
        format!("event: {name}\ndata: {value}\n\n")
    };
    let opening = json!({
        "id": "msg_simulated", "type": "message", "role": "assistant", "model": model,
        "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": tokens(&asked), "output_tokens": 0},
    });
    let block = json!({"index": 0, "content_block": {"type": "text", "text": ""}});
    let mut events = vec![
        event("message_start", json!({"message": opening})),
        event("content_block_start", block),
    ];
    events.extend(text.split_inclusive(' ').map(|word| {
        let delta = json!({"type": "text_delta", "text": word});
        event("content_block_delta", json!({"index": 0, "delta": delta}))
    }));
    let end = json!({
        "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": tokens(&text)},
    });
    events.push(event("content_block_stop", json!({"index": 0})));
    events.push(event("message_delta", end));
    events.push(event("message_stop", json!({})));
    streamed(events)
}

fn streamed(events: Vec<String>) -> Reply {
    Reply { status: StatusCode::OK, content: Content::Stream(events), delay: Duration::ZERO }
}

fn embeddings(model: &str, body: &Value) -> Value {
    let inputs: Vec<&str> = match &body["input"] {
        Value::String(text) => vec![text],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let data: Vec<Value> = inputs.iter().enumerate().map(|(index, text)| {
        json!({"object": "embedding", "index": index, "embedding": vector(text)})
    }).collect();
    let input: u64 = inputs.iter().map(|text| tokens(text)).sum();
    json!({
        "object": "list", "model": model, "data": data,
        "usage": {"prompt_tokens": input, "total_tokens": input},
    })
}

/// Eight numbers between 0 and 1: texts with the same letters are close.
fn vector(text: &str) -> [f64; 8] {
    let mut counts = [0_u32; 8];
    for byte in text.bytes() {
        counts[usize::from(byte % 8)] += 1;
    }
    let all = f64::from(counts.iter().sum::<u32>().max(1));
    counts.map(|count| f64::from(count) / all)
}

fn models() -> Value {
    let model = |id: &str| json!({"id": id, "object": "model", "created": 0, "owned_by": "demo"});
    let names = ["gpt-4o-mini", "claude-sonnet-4-5", "text-embedding-3-small", BUSY, SLOW];
    json!({"object": "list", "data": names.map(model)})
}

/// The text of the last message, in whichever of the forms it comes.
fn asked(body: &Value) -> String {
    let content = body["messages"].as_array().and_then(|messages| messages.last());
    match content.map(|message| &message["content"]) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

fn answer_to(asked: &str) -> String {
    let words = match asked.split_whitespace().count() {
        1 => "one word".to_owned(),
        many => format!("{many} words"),
    };
    format!(
        "I have read your {words}. Being simulated, I know nothing about them, but what they \
         would have cost is counted as if I did."
    )
}

/// About as many as a real tokeniser finds in English.
fn tokens(text: &str) -> u64 {
    (text.split_whitespace().count() as u64 * 4).div_ceil(3)
}

/// A body whose pieces come at [`PACE`].
struct Paced {
    pieces: VecDeque<String>,
    pause: Pin<Box<Sleep>>,
}

impl Paced {
    fn new(pieces: Vec<String>) -> Self {
        Self { pieces: pieces.into(), pause: Box::pin(sleep(PACE)) }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        ready!(self.pause.as_mut().poll(context));
        self.pause.set(sleep(PACE));
        let piece = self.pieces.pop_front();
        Poll::Ready(piece.map(|piece| Ok(Frame::data(Bytes::from(piece)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(model: &str, stream: bool) -> Value {
        let messages = json!([{"role": "user", "content": "one two three"}]);
        json!({
            "model": model, "stream": stream, "messages": messages,
            "stream_options": {"include_usage": true},
        })
    }

    fn events(reply: Reply) -> Vec<Value> {
        let Content::Stream(events) = reply.content else { panic!("no stream") };
        let lines = events.iter().flat_map(|event| event.lines());
        let data = lines.filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]").map(|d| serde_json::from_str(d).unwrap()).collect()
    }

    #[test]
    fn a_stream_says_and_counts_the_same_as_a_whole_answer() {
        let whole = chat("m", &asking("m", false));
        let events = events(reply("/v1/chat/completions", &asking("m", true)));
        let text: String =
            events.iter().filter_map(|e| e["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(whole["choices"][0]["message"]["content"], text);
        assert_eq!(whole["usage"], events.last().unwrap()["usage"]);
    }

    #[test]
    fn so_does_a_stream_of_messages() {
        let whole = messages("m", &asking("m", false));
        let events = events(reply("/v1/messages", &asking("m", true)));
        let text: String = events.iter().filter_map(|e| e["delta"]["text"].as_str()).collect();
        assert_eq!(whole["content"][0]["text"], text);
        let end = &events[events.len() - 2];
        assert_eq!(whole["usage"]["output_tokens"], end["usage"]["output_tokens"]);
    }

    #[test]
    fn some_models_misbehave() {
        let busy = reply("/v1/chat/completions", &asking(BUSY, false));
        assert_eq!(busy.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(reply("/v1/chat/completions", &asking(SLOW, false)).delay, SLOWNESS);
    }
}
