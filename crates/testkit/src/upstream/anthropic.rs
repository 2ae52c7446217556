//! Anthropic's surface: messages, whole and streamed, token counts and models.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    answer::{Answer, named},
    credential::anthropic_error,
    serve::Call,
    text,
};

pub(crate) fn answer(call: &Call) -> Answer {
    let parts: Vec<&str> = call.path.split('/').collect();
    match (call.method.as_str(), parts.as_slice()) {
        ("POST", ["messages"]) => checked(call, messages),
        ("POST", ["messages", "count_tokens"]) => {
            checked(call, |call, _| Answer::json(&json!({ "input_tokens": prompt_tokens(call) })))
        }
        ("GET", ["models"]) => models(),
        _ => anthropic_error(404, "not_found_error", "Not found"),
    }
}

/// What a `status-<code>` script answers.
pub(crate) fn scripted_failure(status: u16) -> Answer {
    let (kind, message) = match status {
        401 => ("authentication_error", "invalid x-api-key"),
        429 => ("rate_limit_error", "This request would exceed your rate limit."),
        529 => ("overloaded_error", "Overloaded"),
        500.. => ("api_error", "Internal server error"),
        _ => ("invalid_request_error", "The request was refused as the script asked."),
    };
    anthropic_error(status, kind, message)
}

fn checked(call: &Call, then: impl FnOnce(&Call, &str) -> Answer) -> Answer {
    let refuse = |message: &str| anthropic_error(400, "invalid_request_error", message);
    let Some(model) = call.json["model"].as_str() else {
        return refuse("model: Field required");
    };
    if model.starts_with('@') {
        return anthropic_error(404, "not_found_error", &format!("model: {model}"));
    }
    let messages = call.json["messages"].as_array().filter(|list| !list.is_empty());
    let Some(messages) = messages else { return refuse("messages: Field required") };
    if messages
        .iter()
        .any(|message| !matches!(message["role"].as_str(), Some("user" | "assistant")))
    {
        return refuse("messages: role must be 'user' or 'assistant'");
    }
    then(call, model)
}

fn messages(call: &Call, model: &str) -> Answer {
    if !call.json["max_tokens"].is_u64() {
        return anthropic_error(400, "invalid_request_error", "max_tokens: Field required");
    }
    let blocks = blocks(call);
    let calls_tool = blocks.iter().any(|block| block["type"] == "tool_use");
    let reason = if calls_tool { "tool_use" } else { "end_turn" };
    let output_tokens: u64 = blocks.iter().map(|block| text::tokens(&spoken(block))).sum();
    let input_tokens = prompt_tokens(call);
    let message = |content: Value, reason: Value, output_tokens: u64| {
        json!({
            "id": format!("msg_{:08}", call.serial),
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": null,
            "usage": {
                "input_tokens": input_tokens,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": call.script.cached,
                "output_tokens": output_tokens,
                "service_tier": "standard",
            },
        })
    };
    if call.json["stream"] != true {
        return Answer::json(&message(blocks.into(), reason.into(), output_tokens));
    }
    let mut events = vec![
        json!({ "type": "message_start", "message": message(json!([]), Value::Null, 1) }),
        json!({ "type": "ping" }),
    ];
    for (index, block) in blocks.iter().enumerate() {
        block_events(call, index, block, &mut events);
    }
    events.push(json!({
        "type": "message_delta",
        "delta": { "stop_reason": reason, "stop_sequence": null },
        "usage": { "output_tokens": output_tokens },
    }));
    events.push(json!({ "type": "message_stop" }));
    let error = json!({ "type": "overloaded_error", "message": "Overloaded" });
    let failure = json!({ "type": "error", "error": error });
    let events: Vec<Bytes> = events.iter().map(named).collect();
    Answer::events(events, named(&failure))
}

/// What the model says: thinking when asked for, then text or a call of the first tool.
fn blocks(call: &Call) -> Vec<Value> {
    let mut blocks = Vec::new();
    if call.json["thinking"]["type"] == "enabled" {
        let signature = "c2lnbmF0dXJlIG9mIHRoZSB1cHN0cmVhbQ==";
        blocks.push(
            json!({ "type": "thinking", "thinking": "Let me think.", "signature": signature }),
        );
    }
    let last = &call.json["messages"].as_array().and_then(|list| list.last()).cloned();
    let content = last.as_ref().map_or(&Value::Null, |message| &message["content"]);
    let answered = content
        .as_array()
        .is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "tool_result"));
    let tool = &call.json["tools"][0];
    match tool["name"].as_str() {
        Some(name) if !answered && call.json["tool_choice"]["type"] != "none" => {
            let block = json!({
                "type": "tool_use",
                "id": format!("toolu_{:08}", call.serial),
                "name": name,
                "input": text::arguments(&tool["input_schema"]),
            });
            blocks.push(block);
        }
        _ => {
            let reply = text::reply(&text::content(content), &call.script);
            blocks.push(json!({ "type": "text", "text": reply }));
        }
    }
    blocks
}

fn block_events(call: &Call, index: usize, block: &Value, events: &mut Vec<Value>) {
    let (empty, deltas): (Value, Vec<Value>) = match block["type"].as_str() {
        Some("thinking") => (
            json!({ "type": "thinking", "thinking": "", "signature": "" }),
            vec![
                json!({ "type": "thinking_delta", "thinking": block["thinking"] }),
                json!({ "type": "signature_delta", "signature": block["signature"] }),
            ],
        ),
        Some("tool_use") => {
            let empty = json!({ "type": "tool_use", "id": block["id"], "name": block["name"], "input": {} });
            let input = block["input"].to_string();
            let pieces = input.as_bytes().chunks(5).map(|piece| {
                let piece = String::from_utf8_lossy(piece);
                json!({ "type": "input_json_delta", "partial_json": piece })
            });
            let first = json!({ "type": "input_json_delta", "partial_json": "" });
            (empty, std::iter::once(first).chain(pieces).collect())
        }
        _ => {
            let pieces = text::pieces(&spoken(block), &call.script);
            let deltas = pieces.iter().map(|piece| json!({ "type": "text_delta", "text": piece }));
            (json!({ "type": "text", "text": "" }), deltas.collect())
        }
    };
    events.push(json!({ "type": "content_block_start", "index": index, "content_block": empty }));
    for delta in deltas {
        events.push(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
    }
    events.push(json!({ "type": "content_block_stop", "index": index }));
}

fn spoken(block: &Value) -> String {
    match block["type"].as_str() {
        Some("thinking") => block["thinking"].as_str().unwrap_or_default().to_owned(),
        Some("tool_use") => block["input"].to_string(),
        _ => block["text"].as_str().unwrap_or_default().to_owned(),
    }
}

fn prompt_tokens(call: &Call) -> u64 {
    let messages = call.json["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let said = messages.iter().map(|message| text::tokens(&text::content(&message["content"])));
    let system = text::content(&call.json["system"]);
    said.sum::<u64>() + if system.is_empty() { 0 } else { text::tokens(&system) }
}

fn models() -> Answer {
    let entry = |id: &str, name: &str| json!({ "type": "model", "id": id, "display_name": name, "created_at": "2025-05-14T00:00:00Z" });
    let data = [
        entry("claude-sonnet-4-20250514", "Claude Sonnet 4"),
        entry("claude-3-5-haiku-20241022", "Claude Haiku 3.5"),
    ];
    let (first, last) = (data[0]["id"].clone(), data[1]["id"].clone());
    Answer::json(&json!({ "data": data, "has_more": false, "first_id": first, "last_id": last }))
}
