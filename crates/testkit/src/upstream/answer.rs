//! An answer before it is sent, and how it is sent: at once, in pieces, slowly, or not to the end.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderName, HeaderValue, Response, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde_json::{Value, json};

use super::{
    journal::{End, Journal},
    script::Script,
};

/// A body whose failure makes the server drop the connection.
pub(crate) type Body = UnsyncBoxBody<Bytes, Cut>;

/// The script ended the connection here.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut by the script")
    }
}

impl std::error::Error for Cut {}

/// What a dialect says to a request.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    /// The whole body.
    Whole(Bytes),
    /// A stream of events, and the event with which this dialect reports a failure inside one.
    Events { events: Vec<Bytes>, failure: Bytes },
}

impl Answer {
    pub(crate) fn json(value: &Value) -> Self {
        Self::status(200, value)
    }

    pub(crate) fn status(status: u16, value: &Value) -> Self {
        Self::binary("application/json", value.to_string().into()).with_status(status)
    }

    pub(crate) fn binary(content_type: &'static str, body: Bytes) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status: 200, headers, content: Content::Whole(body) }
    }

    pub(crate) fn events(events: Vec<Bytes>, failure: Bytes) -> Self {
        let headers = vec![
            ("content-type", "text/event-stream; charset=utf-8".to_owned()),
            ("cache-control", "no-cache".to_owned()),
        ];
        Self { status: 200, headers, content: Content::Events { events, failure } }
    }

    /// An error in OpenAI's form.
    pub(crate) fn error(status: u16, kind: &str, code: Option<&str>, message: &str) -> Self {
        let error = json!({ "message": message, "type": kind, "param": null, "code": code });
        Self::status(status, &json!({ "error": error }))
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The response that plays this answer as the script says.
    pub(crate) fn play(self, script: &Script, closing: Closing) -> Response<Body> {
        let (content_length, body) = self.content.play(script, closing);
        let mut response = Response::new(body);
        *response.status_mut() =
            http::StatusCode::from_u16(self.status).unwrap_or(http::StatusCode::IM_A_TEAPOT);
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value).expect("answers hold plain header values");
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
        if let Some(length) = content_length {
            response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        }
        response
    }
}

/// `data: <json>` and a blank line.
pub(crate) fn data(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}

/// `event: <type>` with its data, the type being the value's own.
pub(crate) fn named(value: &Value) -> Bytes {
    let name = value["type"].as_str().unwrap_or("message");
    format!("event: {name}\ndata: {value}\n\n").into()
}

/// Notes in the journal how an answer ended: also when it is dropped half-way.
pub(crate) struct Closing {
    journal: Journal,
    index: usize,
}

impl Closing {
    pub(crate) fn new(journal: Journal, index: usize) -> Self {
        Self { journal, index }
    }

    pub(crate) fn note(&self, end: End) {
        self.journal.ended(self.index, end);
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.note(End::HungUp);
    }
}

enum Step {
    Bytes(Bytes),
    Cut,
    Hang,
}

impl Content {
    fn play(self, script: &Script, closing: Closing) -> (Option<usize>, Body) {
        match self {
            Self::Whole(bytes) if script.die_after.is_some() => {
                // Half of what the length promised, then the end of the connection.
                let half = bytes.slice(..bytes.len() / 2);
                let body = steps(vec![Step::Bytes(half), Step::Cut], Duration::ZERO, closing);
                (Some(bytes.len()), body)
            }
            Self::Whole(bytes) if script.split.is_some() => {
                let pieces = split(vec![bytes], script.split);
                let steps_ = pieces.into_iter().map(Step::Bytes).collect();
                (None, steps(steps_, script.gap, closing))
            }
            Self::Whole(bytes) => {
                closing.note(End::Finished);
                let body = Full::new(bytes).map_err(|never: Infallible| match never {});
                (None, body.boxed_unsync())
            }
            Self::Events { events, failure } => {
                (None, steps(plan(events, failure, script), script.gap, closing))
            }
        }
    }
}

fn plan(mut events: Vec<Bytes>, failure: Bytes, script: &Script) -> Vec<Step> {
    let stop = |after: Option<usize>| after.map(|count| count.min(events.len()));
    let (end, last) = if let Some(end) = stop(script.die_after) {
        (end, Some(Step::Cut))
    } else if let Some(end) = stop(script.hang_after) {
        (end, Some(Step::Hang))
    } else if let Some(end) = stop(script.error_after) {
        (end, Some(Step::Bytes(failure)))
    } else {
        (events.len(), None)
    };
    events.truncate(end);
    split(events, script.split).into_iter().map(Step::Bytes).chain(last).collect()
}

fn split(pieces: Vec<Bytes>, size: Option<usize>) -> Vec<Bytes> {
    let Some(size) = size else { return pieces };
    let whole = pieces.concat();
    whole.chunks(size).map(Bytes::copy_from_slice).collect()
}

fn steps(steps: Vec<Step>, gap: Duration, closing: Closing) -> Body {
    let state = (steps.into_iter(), true, closing);
    let frames = stream::unfold(state, move |(mut steps, first, closing)| async move {
        let Some(step) = steps.next() else {
            closing.note(End::Finished);
            return None;
        };
        if !gap.is_zero() && !first {
            tokio::time::sleep(gap).await;
        }
        let frame = match step {
            Step::Bytes(bytes) => Ok(Frame::data(bytes)),
            Step::Cut => {
                // What was written so far must leave before the connection goes.
                tokio::time::sleep(Duration::from_millis(20)).await;
                closing.note(End::Cut);
                Err(Cut)
            }
            Step::Hang => std::future::pending().await,
        };
        Some((frame, (steps, false, closing)))
    });
    StreamBody::new(frames).boxed_unsync()
}
