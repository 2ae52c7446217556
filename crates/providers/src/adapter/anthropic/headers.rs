//! The headers of a request to Anthropic.

use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use portcullis_domain::Fault;

use super::super::{
    Ask, PreparedBody,
    openai::{bearer, custom_headers, secret_value},
};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");

/// The version of the API that is spoken unless the caller names another.
const DEFAULT_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// How an OAuth token begins. It goes into `Authorization`; any other key is an API key.
const OAUTH_TOKEN: &str = "sk-ant-oat";

/// Credentials, version, content type, and the beta features that the caller opted into.
pub(super) fn headers(ask: &Ask<'_>, body: &PreparedBody) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    if let Some(key) = &ask.credential.key {
        let key = key.danger_expose();
        let (name, value) =
            if key.starts_with(OAUTH_TOKEN) { bearer(key)? } else { (API_KEY, secret_value(key)?) };
        headers.insert(name, value);
    }
    let version = ask.headers.get("x-portkey-anthropic-version").or(ask.headers.get(VERSION));
    headers.insert(VERSION, version.cloned().unwrap_or(DEFAULT_VERSION));
    if let Some(betas) = betas(ask.headers) {
        headers.insert(BETA, betas);
    }
    if matches!(body, PreparedBody::Bytes(_)) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    custom_headers(&mut headers, &ask.credential.settings)?;
    Ok(headers)
}

/// All beta features named, in one value.
fn betas(headers: &HeaderMap) -> Option<HeaderValue> {
    let all = headers
        .get_all("x-portkey-anthropic-beta")
        .iter()
        .chain(headers.get_all(BETA))
        .map(HeaderValue::as_bytes)
        .collect::<Vec<_>>();
    if all.is_empty() { None } else { HeaderValue::from_bytes(&all.join(&b","[..])).ok() }
}
