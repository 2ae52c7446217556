//! Metadata of a call (data-plane reference §14).

use std::{borrow::Cow, collections::BTreeMap};

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use portcullis_domain::ApiKey;

use crate::header;

/// Values are strings of at most this many characters; longer ones are cut.
const MAX_VALUE_CHARS: usize = 128;
/// More pairs than this are not kept.
const MAX_PAIRS: usize = 64;

/// Metadata from the key over the request's, over W3C baggage. A header that is not a JSON object
/// is ignored, as the contract says; so are values that are not strings, numbers or booleans.
pub(crate) fn collect(headers: &HeaderMap, key: &ApiKey) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::new();
    if let Some(baggage) = header::text(headers, "baggage") {
        for pair in baggage.split(',') {
            let pair = pair.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                let value = percent_decode_str(value.trim()).decode_utf8_lossy();
                put(&mut metadata, name.trim(), &value);
            }
        }
    }
    let own = header::text(headers, header::METADATA);
    if let Some(object) = own.and_then(|text| serde_json::from_str::<Object>(text).ok()) {
        for (name, value) in &object {
            let value = match value {
                serde_json::Value::String(text) => Cow::Borrowed(text.as_str()),
                serde_json::Value::Number(number) => Cow::Owned(number.to_string()),
                serde_json::Value::Bool(flag) => Cow::Owned(flag.to_string()),
                _ => continue,
            };
            put(&mut metadata, name, &value);
        }
    }
    for (name, value) in &key.defaults.metadata {
        put(&mut metadata, name, value);
    }
    metadata
}

type Object = serde_json::Map<String, serde_json::Value>;

fn put(metadata: &mut BTreeMap<String, String>, name: &str, value: &str) {
    if !name.is_empty() && (metadata.len() < MAX_PAIRS || metadata.contains_key(name)) {
        let name = name.chars().take(MAX_VALUE_CHARS).collect();
        metadata.insert(name, value.chars().take(MAX_VALUE_CHARS).collect());
    }
}
