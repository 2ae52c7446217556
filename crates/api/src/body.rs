//! Request bodies: bounded JSON objects. Unknown fields are ignored: SDKs pass extra ones (admin
//! reference §0.5).

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Limited};
use portcullis_domain::Timestamp;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::error::ApiError;

/// No admin body needs more.
const LIMIT: usize = 1 << 20;
/// How long a client may take to send one.
const PATIENCE: Duration = Duration::from_secs(30);

/// A JSON body. An absent one reads as an empty object.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let body = request.into_body();
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
        let bytes = bytes.to_bytes();
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|error| ApiError::Malformed(complaint::<T>(text, &error)))
    }
}

/// Says which field is wrong and what it should be, without repeating what it holds: that may be a
/// secret in the wrong place.
fn complaint<T: DeserializeOwned>(text: &[u8], error: &serde_json::Error) -> String {
    if !error.is_data() {
        return format!("the request body is not valid JSON: {error}");
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

/// A field that may be left out (`None`), be null (`Some(None)`), or be an instant.
pub(crate) fn instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Timestamp>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.filter(|text| !text.is_empty())
        .map(|text| Timestamp::parse(&text).map_err(serde::de::Error::custom))
        .transpose()
        .map(Some)
}

/// Budgets, rate limits and secret mappings of a body. They are not enforced by this version, and
/// one that is accepted but not enforced would be worse than none.
#[derive(Default, Deserialize)]
pub(crate) struct Unenforced {
    #[serde(default)]
    usage_limits: Value,
    #[serde(default)]
    rate_limits: Value,
    #[serde(default)]
    secret_mappings: Value,
}

impl Unenforced {
    pub(crate) fn refuse(&self) -> Result<(), ApiError> {
        for (name, value) in [
            ("usage_limits", &self.usage_limits),
            ("rate_limits", &self.rate_limits),
            ("secret_mappings", &self.secret_mappings),
        ] {
            let is_empty = match value {
                Value::Null => true,
                Value::Array(items) => items.is_empty(),
                Value::Object(members) => members.is_empty(),
                _ => false,
            };
            if !is_empty {
                return Err(ApiError::Malformed(format!(
                    "{name}: this version does not enforce them, and so does not accept them; \
                     leave the field out"
                )));
            }
        }
        Ok(())
    }
}
