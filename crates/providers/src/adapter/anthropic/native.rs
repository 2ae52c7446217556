//! Answers that are handed on as they came, watched for what they tell.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::CONTENT_ENCODING};
use memchr::memmem;
use portcullis_domain::{Fault, Secret};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{Observed, Reply, noted},
    body::{Body, Form},
    broken,
    error::{Complaint, messages_event},
    json::Text,
    usage::Stated,
};
use crate::{
    content_type::is_events,
    sse::{Event, Scanner},
};

/// Hands on a messages answer in Anthropic's own dialect. Of a stream whole events are handed on,
/// so an error event never lands within another one.
#[derive(Default)]
pub(super) struct NativeReply {
    /// The credential's key, not to be repeated to the log.
    key: Option<Secret<String>>,
    body: Body,
    stated: Stated,
    /// Whether the provider ended the stream, well or with an error of its own.
    over: bool,
    observed: Observed,
}

/// A message or an event of a stream, just enough of it.
#[derive(Default, Deserialize)]
struct Seen<'a> {
    #[serde(borrow, default)]
    r#type: Option<Text<'a>>,
    #[serde(default)]
    message: Option<Head>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(default)]
    usage: Option<Stated>,
}

#[derive(Deserialize)]
struct Head {
    id: Option<String>,
    model: Option<String>,
    #[serde(default)]
    usage: Stated,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Text<'a>>,
    #[serde(borrow, default)]
    partial_json: Option<Text<'a>>,
    #[serde(default)]
    stop_reason: Option<String>,
}

/// A whole message, just enough of it.
#[derive(Deserialize)]
struct Whole<'a> {
    id: Option<String>,
    model: Option<String>,
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Stated,
    #[serde(borrow, default)]
    content: Vec<&'a RawValue>,
    /// Some servers tell an error with a status of success.
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl NativeReply {
    pub(super) fn new(key: Option<Secret<String>>) -> Self {
        Self { key, ..Self::default() }
    }

    /// Notes what an event tells. What cannot be read is the client's to judge: it gets the same
    /// bytes.
    fn watch(&mut self, event: &Event) {
        let Some(data) = event.data() else { return };
        if tells_error(event, &data) {
            self.over = true;
            let complaint = Complaint::read(StatusCode::BAD_GATEWAY, &data, self.key.as_ref());
            self.observed.error = Some(complaint.for_log());
            return;
        }
        let seen = serde_json::from_slice::<Seen<'_>>(&data).unwrap_or_default();
        match seen.r#type.as_ref().map(|kind| kind.0.as_ref()) {
            Some("message_start") => {
                if let Some(head) = seen.message {
                    self.stated.merge(head.usage.at_start());
                    self.observed.id = head.id.as_deref().map(noted);
                    self.observed.model = head.model.as_deref().map(noted);
                }
            }
            Some("content_block_delta") => {
                self.observed.output_chars += seen.delta.as_ref().map_or(0, Delta::chars);
                return;
            }
            Some("message_delta") => {
                self.stated.merge(seen.usage.unwrap_or_default());
                if let Some(reason) = seen.delta.and_then(|delta| delta.stop_reason) {
                    self.observed.finish_reason = Some(noted(&reason));
                }
            }
            Some("message_stop") => self.over = true,
            _ => return,
        }
        self.stated.note(&mut self.observed);
    }

    fn watch_whole(&mut self, body: &[u8]) {
        let Ok(message) = serde_json::from_slice::<Whole<'_>>(body) else { return };
        self.observed = Observed {
            output_chars: message
                .content
                .iter()
                .filter_map(|raw| serde_json::from_str::<Delta<'_>>(raw.get()).ok())
                .map(|block| block.chars())
                .sum(),
            model: message.model.as_deref().map(noted),
            id: message.id.as_deref().map(noted),
            finish_reason: message.stop_reason.as_deref().map(noted),
            ..Observed::default()
        };
        message.usage.note(&mut self.observed);
        if message.error.is_some() {
            let complaint = Complaint::read(StatusCode::BAD_GATEWAY, body, self.key.as_ref());
            self.observed.error = Some(complaint.for_log());
        }
    }
}

impl Reply for NativeReply {
    fn head(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<&'static str> {
        self.body.head(status, headers);
        None
    }

    fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if self.body.form() != Form::Events {
            out.push(chunk.clone());
        }
        let mut events = Vec::new();
        let done = self.body.push(chunk, |event| {
            events.push(event.clone());
            Ok(())
        });
        for event in events {
            self.watch(&event);
            out.push(event.raw().clone());
        }
        done
    }

    fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let rest = self.body.finish();
        match self.body.form() {
            Form::Events => {
                if let Some(event) = &rest.last_event {
                    self.watch(event);
                }
                // What is left of an unfinished stream is half an event, which would swallow the
                // error event to come.
                if !self.over {
                    return Err(broken("The provider ended its stream too early."));
                }
                out.extend(rest.last_event.map(|event| event.raw().clone()));
            }
            Form::Answer => self.watch_whole(&rest.whole),
            Form::Error(status) => {
                self.observed.error =
                    Some(Complaint::read(status, &rest.whole, self.key.as_ref()).for_log());
            }
        }
        Ok(())
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<Bytes>) {
        if self.body.form() == Form::Events && !self.over {
            out.push(messages_event(fault).into());
        }
    }

    fn is_complete(&self) -> bool {
        self.over
    }

    fn observed(&mut self) -> &mut Observed {
        &mut self.observed
    }
}

/// What makes an event an error's, whatever else it holds.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow, default)]
    r#type: Option<&'a RawValue>,
    /// Absent where it is `null`.
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// Whether an event with this data is an error's: by its name, its type or a member.
fn tells_error(event: &Event, data: &[u8]) -> bool {
    event.name() == Some(b"error")
        || memmem::find(data, b"\"error\"").is_some()
            && serde_json::from_slice::<Told<'_>>(data).is_ok_and(|told| {
                told.error.is_some() || told.r#type.is_some_and(|kind| kind.get() == "\"error\"")
            })
}

impl Delta<'_> {
    fn chars(&self) -> u64 {
        [&self.text, &self.thinking, &self.partial_json]
            .into_iter()
            .flatten()
            .map(|text| text.0.chars().count() as u64)
            .sum()
    }
}

/// Hands on an answer that is not looked into, of any length, but for the errors in a stream.
#[derive(Default)]
pub(super) struct PassReply {
    /// The credential's key, not to be repeated to the log.
    key: Option<Secret<String>>,
    error: Option<StatusCode>,
    /// Of a stream, whole events are handed on.
    events: Option<Scanner>,
    /// The beginning of an error's body.
    complaint: Vec<u8>,
    observed: Observed,
}

/// Bytes of an error's body that are kept to learn its message.
const KEPT: usize = 64 * 1024;

impl PassReply {
    pub(super) fn new(key: Option<Secret<String>>) -> Self {
        Self { key, ..Self::default() }
    }

    /// Hands on an event of a stream, and notes an error.
    fn event(&mut self, event: &Event, out: &mut Vec<Bytes>) {
        if let Some(data) = event.data()
            && tells_error(event, &data)
        {
            let complaint = Complaint::read(StatusCode::BAD_GATEWAY, &data, self.key.as_ref());
            self.observed.error = Some(complaint.for_log());
        }
        out.push(event.raw().clone());
    }
}

impl Reply for PassReply {
    fn head(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<&'static str> {
        self.error = Some(status).filter(|status| status.as_u16() >= 400);
        // What is packed can be read by nobody here, and has no events to wait for.
        let is_packed = headers.contains_key(CONTENT_ENCODING);
        let is_events = self.error.is_none() && is_events(headers) && !is_packed;
        self.events = is_events.then(Scanner::default);
        None
    }

    fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if let Some(mut scanner) = self.events.take() {
            scanner.push(chunk);
            loop {
                match scanner.next_event() {
                    Ok(Some(event)) => self.event(&event, out),
                    Ok(None) => break self.events = Some(scanner),
                    // Nobody can follow this; what we cannot read we still hand on.
                    Err(_too_long) => break out.push(scanner.take_rest()),
                }
            }
            return Ok(());
        }
        if self.error.is_some() {
            let room = KEPT.saturating_sub(self.complaint.len()).min(chunk.len());
            self.complaint.extend_from_slice(&chunk[..room]);
        }
        out.push(chunk);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if let Some(last) = self.events.as_mut().and_then(Scanner::finish) {
            self.event(&last, out);
        }
        if let Some(status) = self.error {
            self.observed.error =
                Some(Complaint::read(status, &self.complaint, self.key.as_ref()).for_log());
        }
        Ok(())
    }

    fn fail(&mut self, _: &Fault, _: &mut Vec<Bytes>) {}

    fn observed(&mut self) -> &mut Observed {
        &mut self.observed
    }
}
