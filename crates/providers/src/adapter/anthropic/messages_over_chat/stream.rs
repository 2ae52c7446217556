//! A stream of chat completion chunks as a stream of messages events.

use http::StatusCode;
use portcullis_domain::{Fault, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{
        super::{Observed, noted, openai},
        broken,
        error::Complaint,
        json::{Json, Object},
        misread,
    },
    Asked,
    answer::{Call, Said, stop_reason, usage},
};

/// Translates chunk by chunk.
#[derive(Default)]
pub(super) struct Stream {
    state: State,
    open: Option<Open>,
    /// The index of the next block.
    next: u64,
}

/// The block that is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    /// The call of this index in the chat.
    Call(u64),
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Waiting,
    Running,
    /// The model has finished; its usage may still come.
    Finished,
    /// Ended as it should, or with the provider's own error.
    Over,
}

/// One chunk, just enough of it.
#[derive(Deserialize)]
struct Chunk<'a> {
    id: Option<String>,
    model: Option<String>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    usage: Option<Box<RawValue>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    #[serde(default)]
    delta: Option<Said>,
    finish_reason: Option<String>,
}

impl Stream {
    /// Whether the provider ended the stream, well or with an error of its own.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes the data of one event and appends the events it becomes.
    pub(super) fn event(
        &mut self,
        data: &[u8],
        asked: &Asked,
        observed: &mut Observed,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if self.state == State::Over {
            return Ok(());
        }
        if data.trim_ascii() == b"[DONE]" {
            self.end(observed, out);
            return Ok(());
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data)
            .map_err(|e| misread("The provider sent an event that is no chunk.", &e))?;
        if chunk.error.is_some() {
            let complaint = Complaint::read(StatusCode::BAD_GATEWAY, data, asked.key.as_ref());
            observed.error = Some(complaint.for_log());
            let body = complaint.for_messages(asked.provider, StatusCode::BAD_GATEWAY);
            out.extend_from_slice(b"event: error\ndata: ");
            out.extend_from_slice(&body);
            out.extend_from_slice(b"\n\n");
            self.state = State::Over;
            return Ok(());
        }
        if let Some(stated) = &chunk.usage {
            observed.usage.merge(&openai::usage::read(stated.get()));
        }
        if self.state == State::Waiting {
            observed.id = chunk.id.as_deref().map(noted);
            observed.model = chunk.model.as_deref().map(noted);
            self.start(chunk.id, chunk.model.as_deref(), asked, out);
        }
        // Further choices have no place in a message.
        for choice in chunk.choices.into_iter().flatten().filter(|choice| choice.index == 0) {
            if let Some(delta) = choice.delta {
                observed.output_chars += delta.chars();
                self.delta(&delta, out)?;
            }
            if let Some(reason) = choice.finish_reason {
                observed.finish_reason = Some(noted(&reason));
                self.state = State::Finished;
            }
        }
        Ok(())
    }

    /// The stream's end: says goodbye if the model had finished.
    pub(super) fn end(&mut self, observed: &Observed, out: &mut Vec<u8>) {
        if self.state != State::Finished {
            return;
        }
        self.close(out);
        let delta = Object::default()
            .with("stop_reason", stop_reason(observed.finish_reason.as_deref()))
            .with("stop_sequence", Json::Null);
        let event = Object::default().with("type", "message_delta").with("delta", delta);
        write("message_delta", &event.with("usage", usage(&observed.usage)), out);
        write("message_stop", &Object::default().with("type", "message_stop"), out);
        self.state = State::Over;
    }

    fn start(&mut self, id: Option<String>, model: Option<&str>, asked: &Asked, out: &mut Vec<u8>) {
        self.state = State::Running;
        let message = Object::default()
            .with("id", id.unwrap_or_else(|| asked.made_up_id()))
            .with("type", "message")
            .with("role", "assistant")
            .with("model", model.unwrap_or(&asked.model))
            .with("content", Vec::new())
            .with("stop_reason", Json::Null)
            .with("stop_sequence", Json::Null)
            // Nothing is known yet: `message_delta` brings the totals.
            .with("usage", usage(&Usage::default()));
        let event = Object::default().with("type", "message_start").with("message", message);
        write("message_start", &event, out);
    }

    fn delta(&mut self, delta: &Said, out: &mut Vec<u8>) -> Result<(), Fault> {
        if let Some(thought) = delta.thought() {
            let block = Object::default().with("type", "thinking").with("thinking", "");
            self.open(Open::Thinking, block.with("signature", ""), out);
            let delta = Object::default().with("type", "thinking_delta").with("thinking", thought);
            self.write_delta(delta, out);
        }
        if let Some(text) = delta.text() {
            self.open(Open::Text, Object::default().with("type", "text").with("text", ""), out);
            self.write_delta(Object::default().with("type", "text_delta").with("text", text), out);
        }
        for call in delta.tool_calls.iter().flatten() {
            self.call(call, out)?;
        }
        Ok(())
    }

    fn call(&mut self, call: &Call, out: &mut Vec<u8>) -> Result<(), Fault> {
        // Some servers number no calls, but name each in its first piece.
        let index = match (call.index, self.open, &call.function.name) {
            (Some(index), ..) => index,
            (None, Some(Open::Call(index)), None) => index,
            (None, Some(Open::Call(index)), Some(_)) => index + 1,
            (None, ..) => 0,
        };
        if self.open != Some(Open::Call(index)) {
            let (Some(id), Some(name)) = (&call.id, &call.function.name) else {
                return Err(broken("The provider sent the pieces of its tool calls in disorder."));
            };
            let block = Object::default()
                .with("type", "tool_use")
                .with("id", id.as_str())
                .with("name", name.as_str())
                .with("input", Object::default());
            self.open(Open::Call(index), block, out);
        }
        if let Some(part) = call.function.arguments.as_deref().filter(|part| !part.is_empty()) {
            let delta =
                Object::default().with("type", "input_json_delta").with("partial_json", part);
            self.write_delta(delta, out);
        }
        Ok(())
    }

    /// Opens a block unless it is open, closing the one before.
    fn open(&mut self, kind: Open, block: Object<'_>, out: &mut Vec<u8>) {
        if self.open == Some(kind) {
            return;
        }
        self.close(out);
        self.open = Some(kind);
        let event = Object::default()
            .with("type", "content_block_start")
            .with("index", self.next)
            .with("content_block", block);
        write("content_block_start", &event, out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            let event =
                Object::default().with("type", "content_block_stop").with("index", self.next);
            write("content_block_stop", &event, out);
            self.next += 1;
        }
    }

    fn write_delta(&self, delta: Object<'_>, out: &mut Vec<u8>) {
        let event = Object::default()
            .with("type", "content_block_delta")
            .with("index", self.next)
            .with("delta", delta);
        write("content_block_delta", &event, out);
    }
}

fn write(name: &str, event: &Object<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    out.extend_from_slice(&event.to_bytes());
    out.extend_from_slice(b"\n\n");
}
