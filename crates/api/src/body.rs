//! Request bodies: bounded JSON objects. Unknown fields are ignored: SDKs pass extra ones (admin
//! reference §0.5).

use axum::extract::{FromRequest, Request};
use http_body_util::{BodyExt as _, Limited};
use portcullis_domain::Timestamp;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::error::ApiError;

/// No admin body needs more.
const LIMIT: usize = 1 << 20;

/// A JSON body. An absent one reads as an empty object.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let collected = Limited::new(request.into_body(), LIMIT).collect().await;
        let bytes = collected.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                ApiError::TooLarge(LIMIT)
            } else {
                ApiError::Malformed("the request body broke off".to_owned())
            }
        })?;
        let bytes = bytes.to_bytes();
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(text).map(Self).map_err(|error| {
            ApiError::Malformed(format!("the request body is not what is expected: {error}"))
        })
    }
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
