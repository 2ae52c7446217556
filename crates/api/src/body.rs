//! Request bodies: bounded JSON objects. Unknown fields are ignored: SDKs pass extra ones (admin
//! reference §0.5).

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use axum::body::{Body, Bytes};
use http::{HeaderMap, header::CONTENT_TYPE};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Limited};
use portcullis_domain::{Secret, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::error::ApiError;

/// No admin body needs more.
const LIMIT: usize = 1 << 20;
/// How long a client may take to send one.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a route takes that takes no body. What is sent all the same is not read.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct NoBody {}

/// Takes in a body as it comes.
pub(crate) async fn collect(body: Body) -> Result<Bytes, ApiError> {
    // What is announced as too large need not be waited for.
    if body.size_hint().lower() > LIMIT as u64 {
        return Err(ApiError::TooLarge(LIMIT));
    }
    let collected = Limited::new(body, LIMIT).collect();
    let collected = tokio::time::timeout(PATIENCE, collected).await;
    let collected = collected.map_err(|_| ApiError::TooSlow(PATIENCE))?;
    let bytes = collected.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            ApiError::TooLarge(LIMIT)
        } else {
            ApiError::Malformed("the request body broke off".to_owned())
        }
    })?;
    Ok(bytes.to_bytes())
}

/// Reads a JSON body. An absent one reads as an empty object.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    // PostgreSQL takes no NUL in a text, and no name of ours needs one.
    if text.windows(6).any(|window| window == b"\\u0000") {
        return Err(ApiError::Malformed("the request body holds a NUL character".to_owned()));
    }
    serde_json::from_slice(text).map_err(|error| ApiError::Malformed(complaint::<T>(text, &error)))
}

/// What a form on another site can send without asking is not taken for JSON.
pub(crate) fn refuse_forms(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let forms =
        ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "text/html"];
    if forms.contains(&&*kind) {
        let message = format!("the request body must be application/json, not {kind}");
        return Err(ApiError::Malformed(message));
    }
    Ok(())
}

/// The longest body in which the field that is wrong is looked for: looking takes reading it again
/// and again, and anybody may send one.
const EXAMINED: usize = 64 << 10;

/// Says which field is wrong and what it should be, without repeating what it holds: that may be a
/// secret in the wrong place.
fn complaint<T: DeserializeOwned>(text: &[u8], error: &serde_json::Error) -> String {
    if !error.is_data() {
        return format!("the request body is not valid JSON: {error}");
    }
    if text.len() > EXAMINED {
        return "a field of the request body cannot be read".to_owned();
    }
    let Ok(Value::Object(members)) = serde_json::from_slice(text) else {
        return "the request body must be a JSON object".to_owned();
    };
    let message = reading::<T>(members.clone()).unwrap_or_default();
    if message.starts_with("missing field") {
        return format!("the request body has a {message}");
    }
    let should_be = match message.rsplit_once("expected ") {
        Some((_, expected)) => format!("must be {expected}"),
        None => "cannot be read".to_owned(),
    };
    match culprit::<T>(&members, &message) {
        Some(field) => format!("{field}: {should_be}"),
        None => format!("a field of the request body {should_be}"),
    }
}

/// The member that makes the object unreadable. Flattened fields do not say their names, so it is
/// found by trying; only the first of very many members are.
fn culprit<'a, T: DeserializeOwned>(
    members: &'a Map<String, Value>,
    message: &str,
) -> Option<&'a str> {
    let mut names = members.keys().take(64);
    names.clone().find(|name| alone::<T>(name, members)).map(String::as_str).or_else(|| {
        let found = names.find(|name| {
            let mut rest = members.clone();
            rest.remove(*name);
            reading::<T>(rest)
                .is_none_or(|other| other != message && other != format!("missing field `{name}`"))
        });
        found.map(String::as_str)
    })
}

fn alone<T: DeserializeOwned>(name: &str, members: &Map<String, Value>) -> bool {
    let one = members.get(name).map(|value| (name.to_owned(), value.clone()));
    let complaint = reading::<T>(one.into_iter().collect());
    complaint.is_some_and(|complaint| !complaint.starts_with("missing field"))
}

/// What is wrong with an object, if anything.
fn reading<T: DeserializeOwned>(members: Map<String, Value>) -> Option<String> {
    serde_json::from_value::<T>(Value::Object(members)).err().map(|error| error.to_string())
}

/// A field that may be left out (`None`), be null or empty (`Some(None)`), or be an instant.
pub(crate) fn instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Timestamp>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.filter(|text| !text.is_empty())
        .map(|text| Timestamp::parse(&text).map_err(serde::de::Error::custom))
        .transpose()
        .map(Some)
}

/// The schema of such a field.
pub(crate) fn instant_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "null"], "format": "date-time"})
}

/// A field that may be left out (`None`), be null (`Some(None)`), or hold something.
pub(crate) fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A secret that may be left out or empty.
pub(crate) fn secret(text: Option<String>) -> Option<Secret<String>> {
    text.filter(|text| !text.is_empty()).map(Secret::new)
}

/// Metadata that is shown: names and texts.
pub(crate) type Metadata = BTreeMap<String, String>;

/// Metadata of a body. What its values are is looked at afterwards, so that the complaint can name
/// the one that is no text.
#[derive(Deserialize)]
pub(crate) struct MetadataBody(Map<String, Value>);

impl MetadataBody {
    pub(crate) fn texts(self) -> Result<Metadata, ApiError> {
        let text = |(name, value): (String, Value)| match value {
            Value::String(text) => Ok((name, text)),
            _ => Err(ApiError::Malformed(format!(
                "defaults.metadata: the value of '{}' must be a string",
                name.chars().take(128).collect::<String>()
            ))),
        };
        self.0.into_iter().map(text).collect()
    }
}

impl JsonSchema for MetadataBody {
    fn schema_name() -> Cow<'static, str> {
        "Metadata".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "maxProperties": 64,
            "propertyNames": {"minLength": 1, "maxLength": 128},
            "additionalProperties": {"type": "string", "maxLength": 128},
        })
    }
}

/// Budgets, rate limits and secret mappings of a body. They are not enforced by this version, and
/// one that is accepted but not enforced would be worse than none.
#[derive(Default, Deserialize, JsonSchema)]
pub(crate) struct Unenforced {
    /// Budgets: not enforced by this version, and refused unless empty.
    #[serde(default)]
    #[schemars(schema_with = "nothing")]
    usage_limits: Value,
    /// Rate limits: not enforced by this version, and refused unless empty.
    #[serde(default)]
    #[schemars(schema_with = "nothing")]
    rate_limits: Value,
    /// Secrets of other vaults: not served by this version, and refused unless empty.
    #[serde(default)]
    #[schemars(schema_with = "nothing")]
    secret_mappings: Value,
}

/// The schema of what must be empty.
pub(crate) fn nothing(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [
        {"type": "null"},
        {"type": "array", "maxItems": 0},
        {"type": "object", "maxProperties": 0},
    ]})
}

/// Whether a value says nothing.
pub(crate) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

impl Unenforced {
    pub(crate) fn refuse(&self) -> Result<(), ApiError> {
        for (name, value) in [
            ("usage_limits", &self.usage_limits),
            ("rate_limits", &self.rate_limits),
            ("secret_mappings", &self.secret_mappings),
        ] {
            if !is_nothing(value) {
                return Err(ApiError::Malformed(format!(
                    "{name}: this version does not enforce them, and so does not accept them; \
                     leave the field out"
                )));
            }
        }
        Ok(())
    }
}
