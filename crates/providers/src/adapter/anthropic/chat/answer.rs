//! A message as a chat completion.

use portcullis_domain::{Fault, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{
        super::{Observed, noted},
        broken,
        json::{Json, Members, Object, text},
        misread,
        usage::Stated,
    },
    Asked,
};

/// A message, just enough of it.
#[derive(Deserialize)]
struct Message<'a> {
    id: Option<String>,
    model: Option<String>,
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Stated,
}

/// Translates an answer and notes what it tells.
pub(super) fn to_completion(
    body: &[u8],
    asked: &Asked,
    observed: &mut Observed,
) -> Result<Vec<u8>, Fault> {
    let message: Message<'_> = serde_json::from_slice(body)
        .map_err(|e| misread("The provider's answer is not a message.", &e))?;
    message.usage.note(observed);
    observed.id = message.id.as_deref().map(noted);
    observed.model = message.model.as_deref().map(noted);
    observed.finish_reason = message.stop_reason.as_deref().map(noted);

    let mut said = String::new();
    let mut calls = Vec::new();
    let mut others = Vec::new();
    for raw in message.content {
        let mut block = Members::parse(raw.get())
            .ok_or_else(|| broken("The provider's answer holds a block that is no object."))?;
        match block.take_text("type").as_deref() {
            Some("tool_use") => {
                let input = block.take("input").map_or("{}", RawValue::get);
                observed.output_chars += input.chars().count() as u64;
                calls.push(
                    Object::default()
                        .with("id", block.take("id").map_or(Json::Null, Json::Raw))
                        .with("type", "function")
                        .with(
                            "function",
                            Object::default()
                                .with("name", block.take("name").map_or(Json::Null, Json::Raw))
                                .with("arguments", input),
                        )
                        .into(),
                );
                continue;
            }
            Some("text") => {
                if let Some(text) = block.take_text("text") {
                    said.push_str(&text);
                }
            }
            Some("thinking") => {
                let thought = block.take("thinking").and_then(text).unwrap_or_default();
                observed.output_chars += thought.chars().count() as u64;
            }
            _ => {}
        }
        others.push(Json::Raw(raw));
    }
    observed.output_chars += said.chars().count() as u64;

    let content = if said.is_empty() && !calls.is_empty() { Json::Null } else { said.into() };
    let mut answer = Object::default()
        .with("role", "assistant")
        .with("content", content)
        .with("refusal", Json::Null);
    if !calls.is_empty() {
        answer.put("tool_calls", calls);
    }
    if !asked.strict {
        answer.put("content_blocks", others);
    }
    let choice = Object::default()
        .with("index", 0)
        .with("message", answer)
        .with("logprobs", Json::Null)
        .with("finish_reason", finish_reason(message.stop_reason.as_deref(), asked.strict));
    let id = message.id.unwrap_or_else(|| asked.made_up_id());
    let out = Object::default()
        .with("id", id)
        .with("object", "chat.completion")
        .with("created", asked.created())
        .with("model", message.model.unwrap_or_else(|| asked.model.clone()))
        .with("provider", asked.provider)
        .with("choices", vec![choice.into()])
        .with("usage", usage(&message.usage, &observed.usage, asked.strict));
    Ok(out.to_bytes())
}

/// The reason in OpenAI's words, or in Anthropic's when the caller is not strict.
pub(super) fn finish_reason(reason: Option<&str>, strict: bool) -> Json<'static> {
    let Some(reason) = reason else { return Json::Null };
    if !strict {
        return reason.to_owned().into();
    }
    match reason {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        _ => "stop",
    }
    .into()
}

/// Usage as OpenAI states it: the prompt's tokens include those of the cache.
pub(super) fn usage(stated: &Stated, usage: &Usage, strict: bool) -> Object<'static> {
    let input = usage.input_tokens.unwrap_or(0);
    let output = usage.output_tokens.unwrap_or(0);
    let details =
        Object::default().with("cached_tokens", stated.cache_read_input_tokens.unwrap_or(0));
    let mut out = Object::default()
        .with("prompt_tokens", input)
        .with("completion_tokens", output)
        .with("total_tokens", input.saturating_add(output))
        .with("prompt_tokens_details", details);
    if !strict {
        out.put_some("cache_read_input_tokens", stated.cache_read_input_tokens);
        out.put_some("cache_creation_input_tokens", stated.cache_creation_input_tokens);
    }
    out
}
