//! OpenAI's realtime sessions over a WebSocket (RFC 6455), as far as clients need them.
//!
//! Besides OpenAI's events a client can send some that make the provider misbehave: `test.close`
//! (`code`, `reason`), `test.cut`, `test.bytes` (a text message of `count` bytes), `test.fragments`
//! (a response's end in pieces), `test.raw` (the bytes in `base64`, whatever they are).

use std::{io, time::Duration};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    answer::{Body, Closing},
    journal::End,
    serve::Call,
};

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Whether a call opens a session.
pub(crate) fn opens(call: &Call) -> bool {
    call.path == "realtime" && call.parts.headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

/// Answers the handshake; the session goes on by itself.
pub(crate) fn open(call: &Call, upgrade: OnUpgrade, closing: Closing) -> Response<Body> {
    let headers = &call.parts.headers;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut key = text(header::SEC_WEBSOCKET_KEY).as_bytes().to_vec();
    key.extend_from_slice(GUID);
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &key);
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let out: &mut HeaderMap = response.headers_mut();
    out.insert(header::CONNECTION, header::HeaderValue::from_static("Upgrade"));
    out.insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
    let accept = STANDARD.encode(hash).parse().expect("base64 is plain text");
    out.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    let offered = text(header::SEC_WEBSOCKET_PROTOCOL);
    if offered.split(',').any(|name| name.trim() == "realtime") {
        let protocol = header::HeaderValue::from_static("realtime");
        out.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    let query = call.parts.uri.query().unwrap_or_default();
    let member =
        |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let model = member("model").or(member("deployment")).unwrap_or("gpt-realtime");
    let model = percent_decoded(model);
    let (split, serial) = (call.script.split, call.serial);
    #[expect(clippy::disallowed_methods, reason = "ends with its connection")]
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let mut session = Session { io: TokioIo::new(upgraded), split, serial, responses: 0 };
        // A client that goes away in the middle is what some tests are about.
        let end = session.run(&model).await.unwrap_or(End::HungUp);
        closing.note(end);
    });
    response
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend(before.as_bytes());
        let code = after.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.extend(code);
        rest = after.get(2..).unwrap_or_default();
    }
    bytes.extend(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Session {
    io: TokioIo<Upgraded>,
    split: Option<usize>,
    serial: u64,
    responses: u64,
}

impl Session {
    async fn run(&mut self, model: &str) -> io::Result<End> {
        let session = json!({"id": format!("sess_{:08}", self.serial), "object": "realtime.session",
            "type": "realtime", "model": model});
        self.say(&json!({"type": "session.created", "session": session})).await?;
        let mut message = Vec::new();
        loop {
            let (first, payload) = self.frame().await?;
            match first & 0x0f {
                CLOSE => {
                    self.send(0x80 | CLOSE, &payload).await?;
                    return Ok(End::Finished);
                }
                PING => self.send(0x80 | PONG, &payload).await?,
                PONG => {}
                _ => {
                    message.extend_from_slice(&payload);
                    if first & 0x80 != 0 {
                        let event = serde_json::from_slice(&message).unwrap_or(Value::Null);
                        message.clear();
                        if let Some(end) = self.hear(&event, &session).await? {
                            return Ok(end);
                        }
                    }
                }
            }
        }
    }

    async fn hear(&mut self, event: &Value, session: &Value) -> io::Result<Option<End>> {
        let kind = event["type"].as_str().unwrap_or_default();
        match kind {
            "session.update" => {
                let mut session = session.clone();
                for (name, value) in event["session"].as_object().into_iter().flatten() {
                    session[name] = value.clone();
                }
                self.say(&json!({"type": "session.updated", "session": session})).await?;
            }
            "conversation.item.create" => {
                let mut item = event["item"].clone();
                item["id"] = json!("item_1");
                let added = json!({"type": "conversation.item.added", "previous_item_id": null,
                    "item": item});
                self.say(&added).await?;
            }
            "response.create" => {
                let id = format!("resp_{}", self.responses + 1);
                let empty = json!({"id": id, "object": "realtime.response",
                    "status": "in_progress", "output": []});
                self.say(&json!({"type": "response.created", "response": empty})).await?;
                for delta in ["You ", "said ", "something."] {
                    self.say(&json!({"type": "response.output_text.delta", "response_id": id,
                        "item_id": "item_2", "output_index": 0, "content_index": 0,
                        "delta": delta}))
                        .await?;
                }
                let done = self.done();
                self.say(&done).await?;
            }
            "input_audio_buffer.append" => {}
            "test.close" => {
                let code = u16::try_from(event["code"].as_u64().unwrap_or(1000)).unwrap_or(1000);
                let reason = event["reason"].as_str().unwrap_or_default();
                let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
                self.send(0x80 | CLOSE, &payload).await?;
                while self.frame().await?.0 & 0x0f != CLOSE {}
                return Ok(Some(End::Finished));
            }
            "test.cut" => {
                // What was written so far must leave before the connection goes.
                tokio::time::sleep(Duration::from_millis(20)).await;
                return Ok(Some(End::Cut));
            }
            "test.bytes" => {
                let count = event["count"].as_u64().unwrap_or(0);
                let padding = "x".repeat(usize::try_from(count).unwrap_or(0));
                self.say(&json!({"type": "test.padding", "padding": padding})).await?;
            }
            "test.fragments" => {
                let text = self.done().to_string();
                let third = text.len() / 3;
                let bytes = text.as_bytes();
                self.send(TEXT, &bytes[..third]).await?;
                self.send(0x80 | PING, b"in between").await?;
                self.send(0, &bytes[third..2 * third]).await?;
                self.send(0x80, &bytes[2 * third..]).await?;
            }
            "test.raw" => {
                let bytes = STANDARD.decode(event["base64"].as_str().unwrap_or_default());
                self.io.write_all(&bytes.unwrap_or_default()).await?;
                self.io.flush().await?;
            }
            _ => {
                let message = format!("Invalid value: '{kind}'.");
                self.say(&json!({"type": "error", "error": {"type": "invalid_request_error",
                    "code": "invalid_value", "message": message, "param": "type"}}))
                    .await?;
            }
        }
        Ok(None)
    }

    /// The end of the next response: the n-th takes n × 10 tokens in, n × 20 out, half of them
    /// audio.
    fn done(&mut self) -> Value {
        self.responses += 1;
        let n = self.responses;
        json!({"type": "response.done", "response": {
            "id": format!("resp_{n}"), "object": "realtime.response", "status": "completed",
            "output": [{"id": "item_2", "type": "message", "role": "assistant", "status":
                "completed", "content": [{"type": "output_text", "text": "You said something."}]}],
            "usage": {"total_tokens": n * 30, "input_tokens": n * 10, "output_tokens": n * 20,
                "input_token_details": {"text_tokens": n * 5, "audio_tokens": n * 5,
                    "cached_tokens": 0},
                "output_token_details": {"text_tokens": n * 10, "audio_tokens": n * 10}}}})
    }

    async fn say(&mut self, event: &Value) -> io::Result<()> {
        let mut event = event.clone();
        event["event_id"] = json!("event_1");
        self.send(0x80 | TEXT, event.to_string().as_bytes()).await
    }

    async fn send(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..=125 => bytes.push(u8::try_from(length).unwrap_or(0)),
            length @ 126..=0xffff => {
                bytes.push(126);
                bytes.extend(u16::try_from(length).unwrap_or(0).to_be_bytes());
            }
            length => {
                bytes.push(127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(payload);
        for piece in bytes.chunks(self.split.unwrap_or(usize::MAX)) {
            self.io.write_all(piece).await?;
            self.io.flush().await?;
            if self.split.is_some() {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// The next frame: its first byte and its payload, which a client must have masked.
    async fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.io.read_exact(&mut head).await?;
        if head[1] & 0x80 == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is not masked"));
        }
        let length = match head[1] & 0x7f {
            126 => u64::from(self.io.read_u16().await?),
            127 => self.io.read_u64().await?,
            short => u64::from(short),
        };
        if length > 64 << 20 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
        }
        let mut mask = [0; 4];
        self.io.read_exact(&mut mask).await?;
        let mut payload = vec![0; usize::try_from(length).unwrap_or(0)];
        self.io.read_exact(&mut payload).await?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        Ok((head[0], payload))
    }
}
