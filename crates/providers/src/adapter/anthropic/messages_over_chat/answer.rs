//! A chat completion as a message.

use portcullis_domain::{Fault, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{
        super::{Observed, noted, openai},
        broken,
        chat::arguments_object,
        json::{Json, Object},
        misread,
    },
    Asked,
};

/// A chat completion, just enough of it.
#[derive(Deserialize)]
struct Completion {
    id: Option<String>,
    model: Option<String>,
    choices: Vec<Choice>,
    usage: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Choice {
    message: Said,
    finish_reason: Option<String>,
}

/// A message, or a piece of one in a stream. Reasoning has two names among compatible servers.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) content: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) reasoning_content: Option<String>,
    pub(super) reasoning: Option<String>,
    pub(super) tool_calls: Option<Vec<Call>>,
}

/// A tool call, or a piece of one in a stream.
#[derive(Deserialize)]
pub(super) struct Call {
    #[serde(default)]
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) function: Function,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<String>,
}

impl Said {
    /// The reasoning, by whichever name.
    pub(super) fn thought(&self) -> Option<&str> {
        let thought = self.reasoning_content.as_deref().or(self.reasoning.as_deref());
        thought.filter(|thought| !thought.is_empty())
    }

    /// The text: the answer, or why there is none.
    pub(super) fn text(&self) -> Option<&str> {
        let content = self.content.as_deref().filter(|text| !text.is_empty());
        content.or(self.refusal.as_deref().filter(|text| !text.is_empty()))
    }

    /// Characters generated.
    pub(super) fn chars(&self) -> u64 {
        let calls = self.tool_calls.iter().flatten();
        let arguments = calls.filter_map(|call| call.function.arguments.as_deref());
        let texts = [self.thought(), self.text()].into_iter().flatten().chain(arguments);
        texts.map(|text| text.chars().count() as u64).sum()
    }
}

/// Translates an answer and notes what it tells.
pub(super) fn to_message(
    body: &[u8],
    asked: &Asked,
    observed: &mut Observed,
) -> Result<Vec<u8>, Fault> {
    let completion: Completion = serde_json::from_slice(body)
        .map_err(|e| misread("The provider's answer is not a chat completion.", &e))?;
    observed.usage = completion
        .usage
        .as_deref()
        .map(|usage| openai::usage::read(usage.get()))
        .unwrap_or_default();
    observed.id = completion.id.as_deref().map(noted);
    observed.model = completion.model.as_deref().map(noted);
    let choice = completion
        .choices
        .into_iter()
        .next()
        .ok_or_else(|| broken("The provider's answer holds no choice."))?;
    observed.output_chars = choice.message.chars();
    observed.finish_reason = choice.finish_reason.as_deref().map(noted);

    let mut content = Vec::new();
    if let Some(thought) = choice.message.thought() {
        let block = Object::default().with("type", "thinking").with("thinking", thought);
        content.push(block.with("signature", "").into());
    }
    if let Some(text) = choice.message.text() {
        content.push(Object::default().with("type", "text").with("text", text).into());
    }
    for call in choice.message.tool_calls.iter().flatten() {
        let arguments = call.function.arguments.as_deref().unwrap_or_default();
        let input = arguments_object(arguments)
            .ok_or_else(|| broken("The model called a tool with arguments that are not JSON."))?;
        content.push(
            Object::default()
                .with("type", "tool_use")
                .with("id", call.id.as_deref().unwrap_or_default())
                .with("name", call.function.name.as_deref().unwrap_or_default())
                .with("input", input)
                .into(),
        );
    }
    let out = Object::default()
        .with("id", completion.id.unwrap_or_else(|| asked.made_up_id()))
        .with("type", "message")
        .with("role", "assistant")
        .with("model", completion.model.as_deref().unwrap_or(&asked.model))
        .with("content", content)
        .with("stop_reason", stop_reason(choice.finish_reason.as_deref()))
        .with("stop_sequence", Json::Null)
        .with("usage", usage(&observed.usage));
    Ok(out.to_bytes())
}

/// The reason in Anthropic's words.
pub(super) fn stop_reason(reason: Option<&str>) -> &'static str {
    match reason {
        Some("length") => "max_tokens",
        Some("tool_calls" | "function_call") => "tool_use",
        Some("content_filter") => "refusal",
        _ => "end_turn",
    }
}

/// Usage as Anthropic states it: input tokens are those outside the cache.
pub(super) fn usage(usage: &Usage) -> Object<'static> {
    let cached = usage.cache_read_tokens.unwrap_or(0);
    Object::default()
        .with("input_tokens", usage.input_tokens.unwrap_or(0).saturating_sub(cached))
        .with("cache_creation_input_tokens", 0)
        .with("cache_read_input_tokens", cached)
        .with("output_tokens", usage.output_tokens.unwrap_or(0))
}
