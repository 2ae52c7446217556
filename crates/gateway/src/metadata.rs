//! Metadata of a call (data-plane reference §14).

use std::{borrow::Cow, collections::BTreeMap};

use percent_encoding::percent_decode_str;
use portcullis_domain::{ApiKey, Member, Workspace};

use crate::{
    client_headers::ClientHeaders, head::Mask, header, settings::MetadataHeaders, trace::plain,
};

/// Values are strings of at most this many characters; longer ones are cut.
const MAX_VALUE_CHARS: usize = 128;
/// More pairs than this are not kept.
const MAX_PAIRS: usize = 64;

/// Metadata from the workspace over the key's, over the request's: its headers that the settings
/// list and it does not call sensitive, over what it calls metadata, over W3C baggage. For a person's
/// key `_user` is the person. A metadata header that is not a JSON object is ignored, as the contract
/// says; so are values that are not strings, numbers or booleans.
pub(crate) fn collect(
    headers: &ClientHeaders,
    listed: &MetadataHeaders,
    key: &ApiKey,
    workspace: &Workspace,
    member: Option<&Member>,
) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::new();
    // What comes first stays, also when there is more than is kept.
    for (name, value) in workspace.defaults.metadata.iter().chain(&key.defaults.metadata) {
        put(&mut metadata, name, value);
    }
    if let Some(member) = member {
        put(&mut metadata, "_user", &member.display_name());
    }
    let mask = Mask::of(headers.get_all(&header::SENSITIVE_HEADERS));
    for name in listed.0.iter().filter(|name| !mask.names(name.as_str())) {
        let value = headers.get(name).and_then(|value| str::from_utf8(value.as_bytes()).ok());
        if let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) {
            put(&mut metadata, name.as_str(), value);
        }
    }
    collect_own(headers, &mut metadata);
    if let Some(baggage) = header::text(headers, header::BAGGAGE) {
        for pair in baggage.split(',') {
            let pair = pair.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                let value = percent_decode_str(value.trim()).decode_utf8_lossy();
                put(&mut metadata, name.trim(), &value);
            }
        }
    }
    metadata
}

fn collect_own(headers: &ClientHeaders, metadata: &mut BTreeMap<String, String>) {
    let own = header::text(headers, header::METADATA);
    if let Some(object) = own.and_then(|text| serde_json::from_str::<Object>(text).ok()) {
        for (name, value) in &object {
            if let Some(value) = text(value) {
                put(metadata, name, &value);
            }
        }
    }
}

/// A value as metadata holds it: strings, numbers and booleans.
pub(crate) fn text(value: &serde_json::Value) -> Option<Cow<'_, str>> {
    match value {
        serde_json::Value::String(text) => Some(Cow::Borrowed(text)),
        serde_json::Value::Number(number) => Some(Cow::Owned(number.to_string())),
        serde_json::Value::Bool(flag) => Some(Cow::Owned(flag.to_string())),
        _ => None,
    }
}

type Object = serde_json::Map<String, serde_json::Value>;

/// Adds a pair, cut to what may be kept. One that is there already stays.
pub(crate) fn put(metadata: &mut BTreeMap<String, String>, name: &str, value: &str) {
    let name = plain(name, MAX_VALUE_CHARS);
    if !name.is_empty() && metadata.len() < MAX_PAIRS {
        metadata.entry(name).or_insert_with(|| plain(value, MAX_VALUE_CHARS));
    }
}
