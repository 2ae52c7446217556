//! A stream of messages events as a stream of chat completion chunks.

use std::borrow::Cow;

use http::StatusCode;
use portcullis_domain::Fault;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{
        super::{Observed, noted},
        error::Complaint,
        json::{Json, Members, Object, Text},
        misread,
        usage::Stated,
    },
    Asked,
    answer::{finish_reason, usage},
};

/// Translates event by event.
pub(super) struct Stream {
    id: String,
    model: String,
    stated: Stated,
    /// The block that is open.
    open: Open,
    /// Tool calls begun so far.
    calls: u64,
    state: State,
}

/// What the open block is.
enum Open {
    /// None, or one without a place in a chat.
    Other,
    /// A tool call, and whether anything of its arguments was sent.
    Call { index: u64, argued: bool },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    /// Ended as it should, or with the provider's own error.
    Over,
}

/// One event, just enough of it.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(default)]
    message: Option<Start>,
    #[serde(default)]
    index: u64,
    #[serde(borrow, default)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(default)]
    usage: Option<Stated>,
}

#[derive(Deserialize)]
struct Start {
    id: Option<String>,
    model: Option<String>,
    #[serde(default)]
    usage: Stated,
}

impl Stream {
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            id: asked.made_up_id(),
            model: asked.model.clone(),
            stated: Stated::default(),
            open: Open::Other,
            calls: 0,
            state: State::Waiting,
        }
    }

    /// Whether the provider ended the stream, well or with an error of its own.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes the data of one event and appends the chunks it becomes. Events of a kind that is not
    /// known are passed over, as Anthropic asks of its clients.
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
        let event: Event<'_> = serde_json::from_slice(data)
            .map_err(|e| misread("The provider sent an event that is not JSON.", &e))?;
        match event.r#type.0.as_ref() {
            "message_start" => self.start(event.message, asked, observed, out),
            "content_block_start" => {
                if let Some(mut block) = members(event.content_block) {
                    self.block(event.index, &mut block, asked, observed, out);
                }
            }
            "content_block_delta" => {
                if let Some(mut delta) = members(event.delta) {
                    self.delta(event.index, &mut delta, asked, observed, out);
                }
            }
            "content_block_stop" => {
                // A call without arguments never sends any, but clients parse what they joined.
                if let Open::Call { index, argued: false } = self.open {
                    self.arguments(index, "{}".into(), asked, out);
                }
                self.open = Open::Other;
            }
            "message_delta" => {
                if let Some(later) = event.usage {
                    self.stated.merge(later);
                    self.stated.note(observed);
                }
                let reason =
                    members(event.delta).and_then(|mut delta| delta.take_text("stop_reason"));
                if let Some(reason) = reason {
                    let reason = reason.into_owned();
                    let finish = finish_reason(Some(&reason), asked.strict);
                    observed.finish_reason = Some(noted(&reason));
                    self.chunk(Object::default(), finish, asked, out);
                }
            }
            "message_stop" => {
                if asked.wants_usage {
                    let used = usage(&self.stated, &observed.usage, asked.strict);
                    let chunk =
                        self.envelope(asked).with("choices", Vec::new()).with("usage", used);
                    write_event(&chunk.to_bytes(), out);
                }
                out.extend_from_slice(b"data: [DONE]\n\n");
                self.state = State::Over;
            }
            "error" => {
                let complaint = Complaint::read(StatusCode::BAD_GATEWAY, data, asked.key.as_ref());
                observed.error = Some(complaint.for_log());
                write_event(&complaint.for_chat(asked.provider), out);
                self.state = State::Over;
            }
            _ => {}
        }
        Ok(())
    }

    fn start(
        &mut self,
        start: Option<Start>,
        asked: &Asked,
        observed: &mut Observed,
        out: &mut Vec<u8>,
    ) {
        if self.state != State::Waiting {
            return;
        }
        self.state = State::Running;
        if let Some(start) = start {
            self.stated.merge(start.usage.at_start());
            self.stated.note(observed);
            observed.id = start.id.as_deref().map(noted);
            observed.model = start.model.as_deref().map(noted);
            // As noted, for each chunk repeats them.
            self.id = observed.id.clone().unwrap_or_else(|| asked.made_up_id());
            self.model = observed.model.clone().unwrap_or_else(|| asked.model.clone());
        }
        let delta = Object::default().with("role", "assistant").with("content", "");
        self.chunk(delta, Json::Null, asked, out);
    }

    fn block(
        &mut self,
        index: u64,
        block: &mut Members<'_>,
        asked: &Asked,
        observed: &mut Observed,
        out: &mut Vec<u8>,
    ) {
        self.open = Open::Other;
        match block.take_text("type").as_deref() {
            Some("tool_use") => {
                let call = self.calls;
                self.calls += 1;
                self.open = Open::Call { index: call, argued: false };
                let function = Object::default()
                    .with("name", block.take("name").map_or(Json::Null, Json::Raw))
                    .with("arguments", "");
                let delta = Object::default()
                    .with("index", call)
                    .with("id", block.take("id").map_or(Json::Null, Json::Raw))
                    .with("type", "function")
                    .with("function", function);
                self.chunk(calls(delta), Json::Null, asked, out);
                // Compatible servers may give the whole input at once.
                let input = block.take("input").map(RawValue::get);
                if let Some(input) = input.filter(|text| is_filled(text)) {
                    observed.output_chars += chars(Some(input));
                    self.arguments(call, input.into(), asked, out);
                }
            }
            kind => {
                let text = block.take_text("text").filter(|_| kind == Some("text"));
                observed.output_chars += chars(text.as_deref());
                self.say(index, text.as_deref(), std::mem::take(block), asked, out);
            }
        }
    }

    fn delta(
        &mut self,
        index: u64,
        delta: &mut Members<'_>,
        asked: &Asked,
        observed: &mut Observed,
        out: &mut Vec<u8>,
    ) {
        match delta.take_text("type").as_deref() {
            Some("input_json_delta") => {
                let part = delta.take_text("partial_json").unwrap_or_default();
                observed.output_chars += chars(Some(&part));
                // The arguments of Anthropic's own tools have no place in a chat.
                if let Open::Call { index, .. } = self.open
                    && !part.is_empty()
                {
                    self.arguments(index, part, asked, out);
                }
            }
            kind => {
                let text = delta.take_text("text").filter(|_| kind == Some("text_delta"));
                observed.output_chars += chars(text.as_deref());
                observed.output_chars += chars(delta.text("thinking").as_deref());
                self.say(index, text.as_deref(), std::mem::take(delta), asked, out);
            }
        }
    }

    /// Text, and for callers that are not strict what Anthropic sent of the block.
    fn say(
        &self,
        index: u64,
        text: Option<&str>,
        rest: Members<'_>,
        asked: &Asked,
        out: &mut Vec<u8>,
    ) {
        let said = text.unwrap_or_default();
        if asked.strict {
            if !said.is_empty() {
                self.chunk(Object::default().with("content", said), Json::Null, asked, out);
            }
            return;
        }
        let mut block = Object::default();
        block.put_some("text", text);
        block.put_rest(rest);
        let block = Object::default().with("index", index).with("delta", block);
        let delta =
            Object::default().with("content", said).with("content_blocks", vec![block.into()]);
        self.chunk(delta, Json::Null, asked, out);
    }

    fn arguments(&mut self, index: u64, text: Cow<'_, str>, asked: &Asked, out: &mut Vec<u8>) {
        self.open = Open::Call { index, argued: true };
        let delta = Object::default()
            .with("index", index)
            .with("function", Object::default().with("arguments", text));
        self.chunk(calls(delta), Json::Null, asked, out);
    }

    fn chunk(&self, delta: Object<'_>, finish: Json<'_>, asked: &Asked, out: &mut Vec<u8>) {
        let choice = Object::default()
            .with("index", 0)
            .with("delta", delta)
            .with("logprobs", Json::Null)
            .with("finish_reason", finish);
        let chunk = self.envelope(asked).with("choices", vec![choice.into()]);
        write_event(&chunk.to_bytes(), out);
    }

    fn envelope<'a>(&'a self, asked: &'a Asked) -> Object<'a> {
        Object::default()
            .with("id", self.id.as_str())
            .with("object", "chat.completion.chunk")
            .with("created", asked.created())
            .with("model", self.model.as_str())
            .with("provider", asked.provider)
    }
}

fn calls(delta: Object<'_>) -> Object<'_> {
    Object::default().with("tool_calls", vec![delta.into()])
}

fn members(raw: Option<&RawValue>) -> Option<Members<'_>> {
    raw.and_then(|raw| Members::parse(raw.get()))
}

fn chars(text: Option<&str>) -> u64 {
    text.map_or(0, |text| text.chars().count() as u64)
}

/// Whether an input holds anything.
fn is_filled(input: &str) -> bool {
    input.bytes().any(|byte| !matches!(byte, b'{' | b'}' | b' ' | b'\n' | b'\r' | b'\t'))
}

fn write_event(data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n\n");
}
