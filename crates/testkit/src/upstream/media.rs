//! Images and audio: binary bodies out, forms in.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    answer::Answer,
    multipart::{self, Part},
    serve::Call,
    text,
};

/// The smallest PNG: one transparent pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

pub(crate) fn image(call: &Call, _model: &str) -> Answer {
    match call.json["prompt"].as_str() {
        Some(prompt) => images(call.json["n"].as_u64().unwrap_or(1), prompt),
        None => Answer::error(400, "invalid_request_error", None, "'prompt' is required"),
    }
}

pub(crate) fn image_form(call: &Call) -> Answer {
    match form(call, "image") {
        Ok((_, parts)) => {
            let prompt = parts.iter().find(|part| part.name == "prompt");
            images(1, &prompt.map_or_else(String::new, |p| String::from_utf8_lossy(&p.body).into()))
        }
        Err(refusal) => refusal,
    }
}

pub(crate) fn speech(call: &Call, _model: &str) -> Answer {
    if call.json["input"].as_str().is_none() || call.json["voice"].is_null() {
        let message = "'input' and 'voice' are required";
        return Answer::error(400, "invalid_request_error", None, message);
    }
    let length = call.script.bytes.unwrap_or(4096);
    // Every byte value occurs, so that any text handling on the way shows.
    let sound: Bytes = (0..length).map(|i| (i % 256) as u8).collect();
    Answer::binary("audio/mpeg", sound)
}

pub(crate) fn transcription(call: &Call) -> Answer {
    match form(call, "file") {
        Ok((file, _)) => Answer::json(&json!({
            "text": format!("I heard {} bytes.", file),
            "usage": { "type": "duration", "seconds": 3 },
        })),
        Err(refusal) => refusal,
    }
}

fn images(count: u64, prompt: &str) -> Answer {
    let data: Vec<Value> = (0..count).map(|_| json!({ "b64_json": PIXEL })).collect();
    let input_tokens = text::tokens(prompt);
    let output_tokens = 272 * count;
    Answer::json(&json!({
        "created": 1_750_000_000,
        "data": data,
        "usage": {
            "input_tokens": input_tokens,
            "input_tokens_details": { "text_tokens": input_tokens, "image_tokens": 0 },
            "output_tokens": output_tokens,
            "total_tokens": input_tokens + output_tokens,
        },
    }))
}

/// The length of the named file of a form and all its parts, or the refusal.
fn form(call: &Call, file: &str) -> Result<(usize, Vec<Part>), Answer> {
    let refuse = |message: &str| Answer::error(400, "invalid_request_error", None, message);
    let parts = multipart::parts(&call.parts.headers, &call.body)
        .ok_or_else(|| refuse("The body is no complete form."))?;
    let found = parts.iter().find(|part| part.name == file && part.file_name.is_some());
    let length = found.map(|part| part.body.len());
    match length {
        Some(length) => Ok((length, parts)),
        None => Err(refuse(&format!("'{file}' is required"))),
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::PIXEL;

    #[test]
    fn the_pixel_is_a_png() {
        assert!(STANDARD.decode(PIXEL).unwrap().starts_with(b"\x89PNG\r\n"));
    }
}
