//! What the model says: an echo, as long and in as many pieces as the script wants.

use serde_json::Value;

use super::script::Script;

/// The reply to `prompt`.
pub(crate) fn reply(prompt: &str, script: &Script) -> String {
    let mut text = if prompt.is_empty() {
        "Hello from the upstream.".to_owned()
    } else {
        format!("You said: {prompt}")
    };
    if let Some(length) = script.bytes {
        const FILLER: &str = "All work and no play makes a dull test. ";
        text = FILLER.chars().cycle().take(length).collect();
    }
    text
}

/// The text in the pieces in which a stream sends it: words, or as many as the script wants.
pub(crate) fn pieces(text: &str, script: &Script) -> Vec<String> {
    let words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
    match script.chunks {
        None => words,
        Some(count) if script.bytes.is_some() => {
            let letters: Vec<char> = text.chars().collect();
            let size = letters.len().div_ceil(count.max(1)).max(1);
            letters.chunks(size).map(|piece| piece.iter().collect()).collect()
        }
        Some(count) => words.into_iter().cycle().take(count).collect(),
    }
}

/// A plausible number of tokens; the same text always counts the same.
pub(crate) fn tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4).max(1)
}

/// The text of a message's `content`: a string, or the text parts of a list.
pub(crate) fn content(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| {
                part["text"].as_str().map(str::to_owned).or_else(|| {
                    let nested = &part["content"];
                    (!nested.is_null()).then(|| self::content(nested))
                })
            });
            texts.collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

/// Arguments that satisfy a tool's JSON schema: one value for each property.
pub(crate) fn arguments(schema: &Value) -> Value {
    let Some(properties) = schema["properties"].as_object() else {
        return Value::Object(serde_json::Map::new());
    };
    let argument = |schema: &Value| match (schema["enum"].get(0), schema["type"].as_str()) {
        (Some(first), _) => first.clone(),
        (None, Some("integer" | "number")) => Value::from(3),
        (None, Some("boolean")) => Value::from(true),
        (None, Some("array")) => Value::Array(Vec::new()),
        (None, Some("object")) => arguments(schema),
        _ => Value::from("Lisbon"),
    };
    Value::Object(
        properties.iter().map(|(name, schema)| (name.clone(), argument(schema))).collect(),
    )
}
