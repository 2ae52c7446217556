//! The headers of the contract (data-plane reference §3, §11), and which may pass.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE},
};
use portcullis_providers::credential::Credential;

use crate::client_headers::ClientHeaders;

pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-portkey-api-key");
pub(crate) const PROVIDER: HeaderName = HeaderName::from_static("x-portkey-provider");
pub(crate) const MODE: HeaderName = HeaderName::from_static("x-portkey-mode");
pub(crate) const VIRTUAL_KEY: HeaderName = HeaderName::from_static("x-portkey-virtual-key");
pub(crate) const CONFIG: HeaderName = HeaderName::from_static("x-portkey-config");
pub(crate) const METADATA: HeaderName = HeaderName::from_static("x-portkey-metadata");
pub(crate) const TRACE_ID: HeaderName = HeaderName::from_static("x-portkey-trace-id");
pub(crate) const SPAN_ID: HeaderName = HeaderName::from_static("x-portkey-span-id");
pub(crate) const PARENT_SPAN_ID: HeaderName = HeaderName::from_static("x-portkey-parent-span-id");
pub(crate) const SPAN_NAME: HeaderName = HeaderName::from_static("x-portkey-span-name");
pub(crate) const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-portkey-request-timeout");
pub(crate) const RETRY_COUNT: HeaderName = HeaderName::from_static("x-portkey-retry-count");
pub(crate) const CUSTOM_HOST: HeaderName = HeaderName::from_static("x-portkey-custom-host");
pub(crate) const FORWARD_HEADERS: HeaderName = HeaderName::from_static("x-portkey-forward-headers");
pub(crate) const SENSITIVE_HEADERS: HeaderName =
    HeaderName::from_static("x-portkey-sensitive-headers");
pub(crate) const DEBUG: HeaderName = HeaderName::from_static("x-portkey-debug");
pub(crate) const STRICT: HeaderName =
    HeaderName::from_static("x-portkey-strict-open-ai-compliance");
pub(crate) const INTEGRATED_MODELS: HeaderName =
    HeaderName::from_static("x-portkey-fetch-integrated-models");
pub(crate) const PACKAGE_VERSION: HeaderName = HeaderName::from_static("x-portkey-package-version");
pub(crate) const RUNTIME: HeaderName = HeaderName::from_static("x-portkey-runtime");
pub(crate) const RUNTIME_VERSION: HeaderName = HeaderName::from_static("x-portkey-runtime-version");
pub(crate) const AUDIO_DURATION: HeaderName =
    HeaderName::from_static("x-portkey-audio-file-duration");

pub(crate) const ANTHROPIC_KEY: HeaderName = HeaderName::from_static("x-api-key");
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

pub(crate) const OUT_RETRY_COUNT: HeaderName =
    HeaderName::from_static("x-portkey-retry-attempt-count");
pub(crate) const OUT_CACHE_STATUS: HeaderName = HeaderName::from_static("x-portkey-cache-status");
pub(crate) const OUT_LAST_OPTION: HeaderName =
    HeaderName::from_static("x-portkey-last-used-option-index");
pub(crate) const OUT_GATEWAY_EXCEPTION: HeaderName =
    HeaderName::from_static("x-portkey-gateway-exception");
pub(crate) const OUT_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The text of a header, if it is there, is text, and is not blank.
pub(crate) fn text(headers: &ClientHeaders, name: HeaderName) -> Option<&str> {
    let value = headers.get(&name)?.to_str().ok()?.trim();
    (!value.is_empty()).then_some(value)
}

/// The provider that the headers name; `x-portkey-mode: proxy <provider>` is an older form.
pub(crate) fn provider(headers: &ClientHeaders) -> Option<&str> {
    let mode = || text(headers, MODE)?.strip_prefix("proxy ").map(str::trim);
    text(headers, PROVIDER).or_else(mode)
}

/// A header that says `true` or `false`.
pub(crate) fn flag(headers: &ClientHeaders, name: HeaderName) -> Option<bool> {
    let value = text(headers, name)?;
    if value.eq_ignore_ascii_case("true") {
        Some(true)
    } else if value.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Whether a header says `false`, be it among several.
pub(crate) fn is_off(headers: &ClientHeaders, name: &HeaderName) -> bool {
    let off = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"false");
    headers.contains_key(name) && headers.get_all(name).iter().any(off)
}

/// Says how often the provider was tried again.
pub(crate) fn set_retry_count(headers: &mut HeaderMap, count: i32) {
    let value = if count == 0 { HeaderValue::from_static("0") } else { count.into() };
    headers.insert(OUT_RETRY_COUNT, value);
}

/// Whether the body is coded (RFC 9110 §8.4): compressed, most often.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    codings.map(HeaderValue::as_bytes).any(|coding| !coding.eq_ignore_ascii_case(b"identity"))
}

/// Whether a header belongs to one connection and never travels further (RFC 9110 §7.6.1).
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

/// Whether a client's header stays with us: it authenticates, frames, or instructs the gateway.
fn stays_here(name: &str) -> bool {
    is_hop_by_hop(name)
        || name.starts_with("x-portkey-")
        // A browser's key may be among the subprotocols.
        || name.starts_with("sec-websocket-")
        || matches!(
            name,
            "authorization"
                | "x-api-key"
                | "api-key"
                | "cookie"
                | "host"
                | "content-length"
                | "expect"
                // Answers are read on their way through, so they must not come compressed.
                | "accept-encoding"
                | "x-auth-organisation-details"
                | "forwarded"
                | "x-forwarded-for"
                | "x-forwarded-host"
                | "x-forwarded-proto"
                | "x-real-ip"
        )
}

/// Names that make a cloud's metadata service answer. Nobody may forward them.
fn asks_for_cloud_metadata(name: &str) -> bool {
    name == "metadata"
        || name.starts_with("metadata-")
        || name.starts_with("x-aws-ec2-metadata")
        || name.starts_with("x-google-metadata")
}

/// The client's headers for a proxied path: all but those that stay here.
pub(crate) fn for_proxy(client: &ClientHeaders) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(client.len());
    for (name, value) in client.iter() {
        if !stays_here(name.as_str())
            && !asks_for_cloud_metadata(name.as_str())
            && !is_named_by_connection(client, name.as_str())
        {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

/// The client's headers for an understood endpoint: what describes the body, and what the caller
/// asked to have forwarded.
pub(crate) fn for_understood(client: &ClientHeaders) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(6);
    for name in [CONTENT_TYPE, CONTENT_ENCODING, ACCEPT] {
        if let Some(value) = client.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let Some(wanted) = text(client, FORWARD_HEADERS) else { return headers };
    // A comma list, or what looks like a JSON array of names.
    let names = wanted.trim_matches(['[', ']']).split(',');
    for name in names.map(|name| name.trim().trim_matches('"').to_ascii_lowercase()) {
        // Credentials cannot be named here: `identify` has taken them all out of the map.
        let refused = is_hop_by_hop(&name)
            || name.starts_with("x-portkey-")
            || asks_for_cloud_metadata(&name)
            // An answer that comes compressed hides what it cost.
            || matches!(
                &*name,
                "host" | "content-length" | "expect" | "cookie" | "accept-encoding" | ""
            );
        if refused {
            continue;
        }
        let Ok(name) = HeaderName::try_from(name) else { continue };
        headers.remove(&name);
        for value in client.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    headers
}

/// Takes out the client's provider settings. They go with a credential that the client brought
/// along; with a vaulted one they could send it to a resource of the client's choice.
pub(crate) fn remove_provider_settings(client: &mut ClientHeaders) {
    let settings: Vec<HeaderName> = client
        .keys()
        .filter(|name| {
            let keeps = ["anthropic-beta", "anthropic-version", "openai-beta"];
            let name = name.as_str();
            // These two decide who pays.
            matches!(name, "openai-organization" | "openai-project")
                || name.strip_prefix("x-portkey-").is_some_and(|name| !keeps.contains(&name))
        })
        .cloned()
        .collect();
    for name in settings {
        // What only instructs the gateway has been read by then, except where it forwards.
        if name.as_str() != FORWARD_HEADERS {
            client.remove(&name);
        }
    }
}

/// The provider's headers for the client: all but framing, cookies, and any that repeats a secret
/// of the credential.
pub(crate) fn for_client(provider: HeaderMap, credential: &Credential) -> HeaderMap {
    let mut headers = provider;
    let stay: Vec<HeaderName> = headers
        .iter()
        .filter(|(name, value)| {
            is_hop_by_hop(name.as_str())
                || matches!(
                    name.as_str(),
                    "content-length" | "set-cookie" | "alt-svc" | "strict-transport-security"
                )
                || name.as_str().starts_with("x-portkey-")
                || repeats(value, credential)
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in stay {
        headers.remove(name);
    }
    headers
}

/// Whether a header of a provider holds a secret of the credential.
pub(crate) fn repeats(value: &HeaderValue, credential: &Credential) -> bool {
    let finds = |secret: &str| memchr::memmem::find(value.as_bytes(), secret.as_bytes()).is_some();
    credential.secrets().any(finds)
}

fn is_named_by_connection(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(http::header::CONNECTION).iter().any(|value| {
        value
            .to_str()
            .is_ok_and(|list| list.split(',').any(|n| n.trim().eq_ignore_ascii_case(name)))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use portcullis_providers::credential::Credential;

    use super::{ClientHeaders, for_client, for_proxy, for_understood};

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn a_proxied_call_carries_nothing_of_ours() {
        let client = map(&[
            ("x-portkey-api-key", "pck_a"),
            ("authorization", "Bearer x"),
            ("x-custom", "1"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("cookie", "a=b"),
            ("metadata-flavor", "google"),
            ("accept-encoding", "gzip"),
        ]);
        let out = for_proxy(&ClientHeaders::new(client));
        assert_eq!(out.len(), 1);
        assert_eq!(out["x-custom"], "1");
    }

    #[test]
    fn only_named_headers_are_forwarded_and_never_dangerous_ones() {
        let client = map(&[
            ("x-portkey-forward-headers", r#"["X-One", metadata-flavor, x-portkey-api-key, host]"#),
            ("x-one", "1"),
            ("x-two", "2"),
            ("metadata-flavor", "google"),
            ("x-portkey-api-key", "pck_a"),
            ("host", "h"),
            ("content-type", "application/json"),
        ]);
        let out = for_understood(&ClientHeaders::new(client));
        assert_eq!((out.len(), &out["x-one"]), (2, &"1".parse().unwrap()));
    }

    #[test]
    fn the_client_never_sees_cookies_or_the_credential() {
        let provider = map(&[
            ("set-cookie", "a"),
            ("x-echo", "key=sk-vaulted-123;"),
            ("x-token", "ad-token"),
            ("x-request-id", "r1"),
            ("content-length", "3"),
        ]);
        let credential = br#"{"key":"sk-vaulted-123","settings":{"azure_ad_token":"ad-token"}}"#;
        let out = for_client(provider, &Credential::parse(credential).unwrap());
        assert_eq!((out.len(), &out["x-request-id"]), (1, &"r1".parse().unwrap()));
    }
}
