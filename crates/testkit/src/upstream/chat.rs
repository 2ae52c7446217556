//! Chat completions and the older completions, whole and streamed.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    answer::{Answer, data},
    openai::failure_event,
    serve::Call,
    text,
};

const CREATED: u64 = 1_750_000_000;

pub(crate) fn chat(call: &Call, model: &str) -> Answer {
    let Some(messages) = call.json["messages"].as_array().filter(|list| !list.is_empty()) else {
        let message = "Invalid 'messages': expected a non-empty array.";
        return Answer::error(400, "invalid_request_error", None, message);
    };
    let said = Said::to(messages, call);
    let usage = usage(call, messages_tokens(messages), &said);
    let id = format!("chatcmpl-{:08}", call.serial);
    if call.json["stream"] == true {
        return Answer::events(
            chat_events(call, &id, model, &said, &usage),
            data(&failure_event()),
        );
    }
    let choices: Vec<Value> = (0..call.json["n"].as_u64().unwrap_or(1))
        .map(|index| {
            json!({
                "index": index,
                "message": said.message(),
                "logprobs": null,
                "finish_reason": said.finish_reason(),
            })
        })
        .collect();
    let mut answer = json!({
        "id": id,
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": choices,
        "service_tier": "default",
        "system_fingerprint": "fp_testkit",
    });
    if !call.script.no_usage {
        answer["usage"] = usage;
    }
    Answer::json(&answer)
}

pub(crate) fn completion(call: &Call, model: &str) -> Answer {
    let prompt = match &call.json["prompt"] {
        Value::String(prompt) => prompt.clone(),
        Value::Array(prompts) => prompts.iter().filter_map(Value::as_str).collect(),
        _ => return Answer::error(400, "invalid_request_error", None, "'prompt' is required"),
    };
    let reply = text::reply(&prompt, &call.script);
    let said = Said::Text(reply.clone());
    let usage = usage(call, text::tokens(&prompt), &said);
    let id = format!("cmpl-{:08}", call.serial);
    let chunk = |choices: Value, usage: &Value| {
        let mut chunk = json!({
            "id": id,
            "object": "text_completion",
            "created": CREATED,
            "model": model,
            "choices": choices,
        });
        if !usage.is_boolean() {
            chunk["usage"] = usage.clone();
        }
        chunk
    };
    let choice = |text: &str, reason: Value| json!([{ "text": text, "index": 0, "logprobs": null, "finish_reason": reason }]);
    if call.json["stream"] != true {
        let none = Value::Bool(false);
        let usage = if call.script.no_usage { &none } else { &usage };
        return Answer::json(&chunk(choice(&reply, "stop".into()), usage));
    }
    let member = usage_member(call);
    let mut events: Vec<Bytes> = text::pieces(&reply, &call.script)
        .iter()
        .map(|piece| data(&chunk(choice(piece, Value::Null), &member)))
        .collect();
    events.push(data(&chunk(choice("", "stop".into()), &member)));
    if member.is_null() && !call.script.no_usage {
        events.push(data(&chunk(json!([]), &usage)));
    }
    events.push(done());
    Answer::events(events, data(&failure_event()))
}

/// What the model says: text, or a call of the first tool.
enum Said {
    Text(String),
    ToolCall { id: String, name: String, arguments: String },
}

impl Said {
    /// A tool is called when tools are offered, not switched off, and none has answered yet.
    fn to(messages: &[Value], call: &Call) -> Self {
        let answered = messages.iter().rev().find(|message| message["role"] != "system");
        let answered = answered.is_some_and(|message| message["role"] == "tool");
        let tool = &call.json["tools"][0]["function"];
        if let Some(name) = tool["name"].as_str()
            && !answered
            && call.json["tool_choice"] != "none"
        {
            return Self::ToolCall {
                id: format!("call_{:08}", call.serial),
                name: name.to_owned(),
                arguments: text::arguments(&tool["parameters"]).to_string(),
            };
        }
        let last = messages.last().map(|message| text::content(&message["content"]));
        Self::Text(text::reply(&last.unwrap_or_default(), &call.script))
    }

    fn message(&self) -> Value {
        match self {
            Self::Text(text) => {
                json!({ "role": "assistant", "content": text, "refusal": null, "annotations": [] })
            }
            Self::ToolCall { id, name, arguments } => json!({
                "role": "assistant",
                "content": null,
                "refusal": null,
                "tool_calls": [{
                    "id": id,
                    "type": "function",
                    "function": { "name": name, "arguments": arguments },
                }],
            }),
        }
    }

    fn finish_reason(&self) -> &'static str {
        match self {
            Self::Text(_) => "stop",
            Self::ToolCall { .. } => "tool_calls",
        }
    }

    fn tokens(&self) -> u64 {
        match self {
            Self::Text(text) => text::tokens(text),
            Self::ToolCall { name, arguments, .. } => text::tokens(name) + text::tokens(arguments),
        }
    }

    fn deltas(&self, call: &Call) -> Vec<Value> {
        match self {
            Self::Text(text) => {
                let first = json!({ "role": "assistant", "content": "", "refusal": null });
                let pieces = text::pieces(text, &call.script);
                std::iter::once(first)
                    .chain(pieces.iter().map(|piece| json!({ "content": piece })))
                    .collect()
            }
            Self::ToolCall { id, name, arguments } => {
                let opening = json!([{
                    "index": 0,
                    "id": id,
                    "type": "function",
                    "function": { "name": name, "arguments": "" },
                }]);
                let mut deltas =
                    vec![json!({ "role": "assistant", "content": null, "tool_calls": opening })];
                // Arguments come in pieces that are no JSON on their own.
                for piece in arguments.as_bytes().chunks(5) {
                    let piece = String::from_utf8_lossy(piece);
                    let function = json!({ "arguments": piece });
                    deltas.push(json!({ "tool_calls": [{ "index": 0, "function": function }] }));
                }
                deltas
            }
        }
    }
}

fn chat_events(call: &Call, id: &str, model: &str, said: &Said, usage: &Value) -> Vec<Bytes> {
    let member = usage_member(call);
    let chunk = |choices: Value, usage: &Value| {
        let mut chunk = json!({
            "id": id,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": model,
            "service_tier": "default",
            "system_fingerprint": "fp_testkit",
            "choices": choices,
        });
        if !usage.is_boolean() {
            chunk["usage"] = usage.clone();
        }
        data(&chunk)
    };
    let choice = |delta: &Value, reason: Value| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason }]);
    let mut events: Vec<Bytes> =
        said.deltas(call).iter().map(|delta| chunk(choice(delta, Value::Null), &member)).collect();
    events.push(chunk(choice(&json!({}), said.finish_reason().into()), &member));
    if member.is_null() && !call.script.no_usage {
        events.push(chunk(json!([]), usage));
    }
    events.push(done());
    events
}

/// The `usage` member of every chunk but the last: null when usage was asked for, else absent
/// (which is written as a boolean here, since no usage is one).
fn usage_member(call: &Call) -> Value {
    if call.json["stream_options"]["include_usage"] == true {
        Value::Null
    } else {
        Value::Bool(false)
    }
}

fn usage(call: &Call, prompt: u64, said: &Said) -> Value {
    let prompt = prompt + call.script.cached;
    let completion = said.tokens() + call.script.reasoning;
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": { "cached_tokens": call.script.cached, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": call.script.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

fn messages_tokens(messages: &[Value]) -> u64 {
    messages.iter().map(|message| text::tokens(&text::content(&message["content"]))).sum()
}

fn done() -> Bytes {
    Bytes::from_static(b"data: [DONE]\n\n")
}
