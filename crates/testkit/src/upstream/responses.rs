//! The Responses API, whole and streamed.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    answer::{Answer, named},
    serve::Call,
    text,
};

pub(crate) fn create(call: &Call, model: &str) -> Answer {
    let input = &call.json["input"];
    let prompt = match input {
        Value::String(prompt) => prompt.clone(),
        Value::Array(items) => items.last().map_or_else(String::new, last_item),
        _ => return Answer::error(400, "invalid_request_error", None, "'input' is required"),
    };
    let tool = call.json["tools"].get(0).filter(|tool| tool["type"] == "function");
    let answered = input.as_array().and_then(|items| items.last());
    let answered = answered.is_some_and(|item| item["type"] == "function_call_output");
    let item = match tool {
        Some(tool) if !answered && call.json["tool_choice"] != "none" => function_call(call, tool),
        _ => message(call, &text::reply(&prompt, &call.script)),
    };
    let whole = response(call, model, "completed", vec![item.clone()], &prompt);
    if call.json["stream"] != true {
        return Answer::json(&whole);
    }
    let started = response(call, model, "in_progress", Vec::new(), &prompt);
    let failure = json!({
        "type": "error",
        "code": "server_error",
        "message": "The server had an error while processing your request.",
        "param": null,
        "sequence_number": 0,
    });
    Answer::events(events(call, &started, &item, &whole), named(&failure))
}

pub(crate) fn retrieve(id: &str) -> Answer {
    let response = json!({
        "id": id,
        "object": "response",
        "created_at": 1_750_000_000,
        "status": "completed",
        "model": "gpt-4o-mini",
        "output": [],
        "parallel_tool_calls": true,
        "tool_choice": "auto",
        "tools": [],
    });
    Answer::json(&response)
}

pub(crate) fn delete(id: &str) -> Answer {
    Answer::json(&json!({ "id": id, "object": "response", "deleted": true }))
}

pub(crate) fn input_items() -> Answer {
    let content = json!([{ "type": "input_text", "text": "hello" }]);
    let item = json!({ "id": "msg_1", "type": "message", "role": "user", "content": content });
    let list = json!({
        "object": "list", "data": [item], "first_id": "msg_1", "last_id": "msg_1", "has_more": false,
    });
    Answer::json(&list)
}

fn last_item(item: &Value) -> String {
    match item["output"].as_str() {
        Some(output) => output.to_owned(),
        None => text::content(&item["content"]),
    }
}

fn message(call: &Call, reply: &str) -> Value {
    json!({
        "id": format!("msg_{:08}", call.serial),
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{ "type": "output_text", "text": reply, "annotations": [] }],
    })
}

fn function_call(call: &Call, tool: &Value) -> Value {
    json!({
        "id": format!("fc_{:08}", call.serial),
        "type": "function_call",
        "status": "completed",
        "call_id": format!("call_{:08}", call.serial),
        "name": tool["name"],
        "arguments": text::arguments(&tool["parameters"]).to_string(),
    })
}

fn response(call: &Call, model: &str, status: &str, output: Vec<Value>, prompt: &str) -> Value {
    let mut response = json!({
        "id": format!("resp_{:08}", call.serial),
        "object": "response",
        "created_at": 1_750_000_000,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "instructions": call.json["instructions"],
        "metadata": {},
        "model": model,
        "parallel_tool_calls": true,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": call.json.get("tools").cloned().unwrap_or_else(|| json!([])),
        "usage": null,
    });
    if status == "completed" && !call.script.no_usage {
        let said: String = output.iter().map(spoken).collect();
        let input_tokens = text::tokens(prompt) + call.script.cached;
        let output_tokens = text::tokens(&said) + call.script.reasoning;
        response["usage"] = json!({
            "input_tokens": input_tokens,
            "input_tokens_details": { "cached_tokens": call.script.cached },
            "output_tokens": output_tokens,
            "output_tokens_details": { "reasoning_tokens": call.script.reasoning },
            "total_tokens": input_tokens + output_tokens,
        });
    }
    response["output"] = Value::Array(output);
    response
}

fn spoken(item: &Value) -> String {
    item["arguments"]
        .as_str()
        .or_else(|| item["content"][0]["text"].as_str())
        .unwrap_or_default()
        .to_owned()
}

fn events(call: &Call, started: &Value, item: &Value, whole: &Value) -> Vec<Bytes> {
    let mut empty = item.clone();
    empty["status"] = "in_progress".into();
    let id = &item["id"];
    let at = |event: Value| {
        let mut event = event;
        event["item_id"] = id.clone();
        event["output_index"] = 0.into();
        event
    };
    let mut list = vec![
        json!({ "type": "response.created", "response": started }),
        json!({ "type": "response.in_progress", "response": started }),
    ];
    if item["type"] == "message" {
        let text = spoken(item);
        let whole_part = &item["content"][0];
        let part = json!({ "type": "output_text", "text": "", "annotations": [] });
        empty["content"] = json!([]);
        list.push(
            json!({ "type": "response.output_item.added", "output_index": 0, "item": empty }),
        );
        list.push(at(
            json!({ "type": "response.content_part.added", "content_index": 0, "part": part }),
        ));
        for piece in text::pieces(&text, &call.script) {
            list.push(at(json!({
                "type": "response.output_text.delta",
                "content_index": 0,
                "delta": piece,
                "logprobs": [],
            })));
        }
        list.push(at(json!({
            "type": "response.output_text.done",
            "content_index": 0,
            "text": text,
            "logprobs": [],
        })));
        list.push(at(
            json!({ "type": "response.content_part.done", "content_index": 0, "part": whole_part }),
        ));
    } else {
        empty["arguments"] = "".into();
        list.push(
            json!({ "type": "response.output_item.added", "output_index": 0, "item": empty }),
        );
        let arguments = spoken(item);
        for piece in arguments.as_bytes().chunks(5) {
            let delta = String::from_utf8_lossy(piece);
            list.push(at(
                json!({ "type": "response.function_call_arguments.delta", "delta": delta }),
            ));
        }
        list.push(at(json!({
            "type": "response.function_call_arguments.done",
            "name": item["name"],
            "arguments": arguments,
        })));
    }
    list.push(json!({ "type": "response.output_item.done", "output_index": 0, "item": item }));
    list.push(json!({ "type": "response.completed", "response": whole }));
    for (number, event) in list.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
    }
    list.iter().map(named).collect()
}
