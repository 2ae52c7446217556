//! OpenAI's surface (and Azure's below its prefix): which answer belongs to which path.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{answer::Answer, chat, media, responses, serve::Call, storage, storage::Storage, text};

pub(crate) fn answer(call: &Call, storage: &Storage) -> Answer {
    let parts: Vec<&str> = call.path.split('/').collect();
    let method = call.method.as_str();
    if storage::holds(&call.method, parts[0]) {
        return storage.answer(call, parts[0], &parts[1..]);
    }
    match (method, parts.as_slice()) {
        ("POST", ["chat", "completions"]) => model(call, chat::chat),
        ("POST", ["completions"]) => model(call, chat::completion),
        ("POST", ["embeddings"]) => model(call, embeddings),
        ("POST", ["responses"]) => model(call, responses::create),
        ("GET", ["responses", id]) => responses::retrieve(id),
        ("DELETE", ["responses", id]) => responses::delete(id),
        ("GET", ["responses", _, "input_items"]) => responses::input_items(),
        ("POST", ["moderations"]) => moderation(call),
        ("POST", ["rerank"]) => model(call, rerank),
        ("POST", ["images", "generations"]) => model(call, media::image),
        ("POST", ["images", "edits" | "variations"]) => media::image_form(call),
        ("POST", ["audio", "speech"]) => model(call, media::speech),
        ("POST", ["audio", "transcriptions" | "translations"]) => media::transcription(call),
        ("GET", ["models"]) => models(),
        ("GET", ["models", id]) => Answer::json(&model_entry(id)),
        _ => echo(call),
    }
}

/// What a `status-<code>` script answers.
pub(crate) fn scripted_failure(status: u16) -> Answer {
    let (kind, code, message) = match status {
        401 => ("invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided."),
        404 => ("invalid_request_error", Some("model_not_found"), "The model does not exist."),
        429 => ("requests", Some("rate_limit_exceeded"), "Rate limit reached."),
        500.. => ("server_error", None, "The server had an error processing your request."),
        _ => ("invalid_request_error", None, "The request was refused as the script asked."),
    };
    Answer::error(status, kind, code, message)
}

/// The stream event with which OpenAI reports a failure.
pub(crate) fn failure_event() -> Value {
    json!({ "error": {
        "message": "The server had an error while processing your request.",
        "type": "server_error",
        "param": null,
        "code": null,
    }})
}

fn model(call: &Call, then: impl FnOnce(&Call, &str) -> Answer) -> Answer {
    let refuse =
        |status, code, message: &str| Answer::error(status, "invalid_request_error", code, message);
    if !call.json.is_object() {
        return refuse(400, None, "We could not parse the JSON body of your request.");
    }
    match call.json["model"].as_str() {
        // Azure names the deployment in the path, so its body needs no model.
        None if call.parts.uri.path().starts_with("/openai/deployments/") => then(call, "gpt-4o"),
        None | Some("") => refuse(400, None, "you must provide a model parameter"),
        Some(name) if name.starts_with('@') => {
            let message = format!("The model `{name}` does not exist or you do not have access.");
            refuse(404, Some("model_not_found"), &message)
        }
        Some(name) => then(call, name),
    }
}

fn embeddings(call: &Call, model: &str) -> Answer {
    let inputs = match &call.json["input"] {
        Value::Array(inputs) if inputs.iter().all(Value::is_number) => vec![String::from("tokens")],
        Value::Array(inputs) => {
            inputs.iter().map(|i| i.as_str().unwrap_or("tokens").to_owned()).collect()
        }
        Value::String(input) => vec![input.clone()],
        _ => return Answer::error(400, "invalid_request_error", None, "'input' is required"),
    };
    let dimensions = call.json["dimensions"].as_u64().unwrap_or(8) as usize;
    let base64 = call.json["encoding_format"] == "base64";
    let mut data = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let vector = vector(input, dimensions);
        let embedding = if base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
            Value::from(STANDARD.encode(bytes))
        } else {
            json!(vector)
        };
        data.push(json!({ "object": "embedding", "index": index, "embedding": embedding }));
    }
    let count: u64 = inputs.iter().map(|input| text::tokens(input)).sum();
    let usage = json!({ "prompt_tokens": count, "total_tokens": count });
    let answer = json!({ "object": "list", "data": data, "model": model, "usage": usage });
    Answer::json(&answer)
}

/// A vector that depends only on its text: exact in binary, so that both encodings agree.
fn vector(input: &str, dimensions: usize) -> Vec<f32> {
    let sum = input.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    (0..dimensions).map(|i| f32::from((sum.rotate_left(i as u32) & 0xff) as u8) / 256.0).collect()
}

fn moderation(call: &Call) -> Answer {
    let inputs = match &call.json["input"] {
        Value::Array(inputs) => inputs.clone(),
        Value::String(_) => vec![call.json["input"].clone()],
        _ => return Answer::error(400, "invalid_request_error", None, "'input' is required"),
    };
    let result = |input: &Value| {
        let flagged = input.as_str().is_some_and(|text| text.contains("violence"));
        let score = if flagged { 0.97 } else { 0.01 };
        json!({
            "flagged": flagged,
            "categories": { "violence": flagged },
            "category_scores": { "violence": score },
        })
    };
    let results: Vec<Value> = inputs.iter().map(result).collect();
    let id = format!("modr-{:08}", call.serial);
    Answer::json(&json!({ "id": id, "model": "omni-moderation-latest", "results": results }))
}

fn rerank(call: &Call, model: &str) -> Answer {
    let Some(documents) = call.json["documents"].as_array() else {
        return Answer::error(400, "invalid_request_error", None, "'documents' is required");
    };
    let results: Vec<Value> = (0..documents.len())
        .map(|index| json!({ "index": index, "relevance_score": 1.0 / (index as f64 + 1.0) }))
        .collect();
    let id = format!("rr-{:08}", call.serial);
    let usage = json!({ "search_units": 1, "total_tokens": text::tokens(&call.json.to_string()) });
    Answer::json(&json!({ "id": id, "model": model, "results": results, "usage": usage }))
}

fn models() -> Answer {
    let names = ["gpt-4o-mini", "gpt-4o", "text-embedding-3-small", "gpt-image-1", "tts-1"];
    let data: Vec<Value> = names.iter().map(|name| model_entry(name)).collect();
    Answer::json(&json!({ "object": "list", "data": data }))
}

fn model_entry(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 1_715_367_049, "owned_by": "system" })
}

/// Unknown paths tell what arrived.
fn echo(call: &Call) -> Answer {
    let headers: serde_json::Map<String, Value> = call
        .parts
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "authorization" | "api-key" | "x-api-key"))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    Answer::json(&json!({
        "object": "echo",
        "method": call.method.as_str(),
        "path": call.parts.uri.path(),
        "query": call.parts.uri.query(),
        "headers": headers,
        "json": call.json,
        "base64": STANDARD.encode(&call.body),
    }))
}
