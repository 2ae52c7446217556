//! Bounds and rules of the data plane.

use std::{str::FromStr, time::Duration};

use http::HeaderName;

/// Bounds of the data plane. Every input has one.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// Where applications of Microsoft Entra sign in: scheme and host. No call and no tenant's
    /// setting can change it, since secrets are sent there.
    pub entra_authority: String,
    /// Whether a call may not say itself where it goes: no config, no provider of the catalogue, no
    /// host and no headers to forward.
    pub block_inline: bool,
    /// The client's headers that become metadata of their calls.
    pub headers_to_metadata: MetadataHeaders,
    /// The largest JSON body, in bytes; larger ones are answered 413.
    pub max_json_bytes: usize,
    /// The largest multipart or binary body that is streamed by, in bytes.
    pub max_upload_bytes: u64,
    /// The largest answer that is held whole, in bytes; streams are not held.
    pub max_answer_bytes: usize,
    /// How long a client may pause while it sends its body.
    pub body_idle_timeout: Duration,
    /// How long a provider may take to begin its answer, unless the call says otherwise.
    pub upstream_timeout: Duration,
    /// The longest such time that a call may ask for.
    pub upstream_timeout_max: Duration,
    /// How long to wait before a call's first retry, where it asks for retries; each further wait is
    /// twice as long.
    pub retry_wait: Duration,
    /// How long a provider may pause in the middle of its answer.
    pub upstream_idle_timeout: Duration,
    /// How long neither side of a realtime session may send anything.
    pub session_idle_timeout: Duration,
    /// How much of a request body and of a response body is kept in the record, each, in bytes.
    pub max_kept_bytes: usize,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            entra_authority: "https://login.microsoftonline.com".to_owned(),
            block_inline: false,
            headers_to_metadata: MetadataHeaders::default(),
            max_json_bytes: 32 << 20,
            max_upload_bytes: 512 << 20,
            max_answer_bytes: 64 << 20,
            body_idle_timeout: Duration::from_secs(30),
            upstream_timeout: Duration::from_secs(600),
            upstream_timeout_max: Duration::from_secs(3600),
            retry_wait: Duration::from_secs(1),
            upstream_idle_timeout: Duration::from_secs(300),
            session_idle_timeout: Duration::from_secs(15 * 60),
            max_kept_bytes: 1 << 20,
        }
    }
}

/// Names of headers that become metadata, each under its own name in lower case.
#[derive(Clone, Debug, Default)]
pub struct MetadataHeaders(pub(crate) Vec<HeaderName>);

/// The most headers that may become metadata.
const MOST_HEADERS: usize = 16;

impl FromStr for MetadataHeaders {
    type Err = String;

    /// Reads names, comma-separated. Fails with what is wrong: too many, one that is no header's
    /// name, or one that may hold a credential, since metadata is stored in the clear.
    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let names = names.map(|name| match HeaderName::from_str(name) {
            Err(_) => Err(format!("'{name}' is not the name of a header")),
            Ok(name) if may_be_secret(name.as_str()) => {
                Err(format!("'{name}' may hold a credential, and metadata is not sealed"))
            }
            Ok(name) => Ok(name),
        });
        let names: Vec<HeaderName> = names.collect::<Result<_, _>>()?;
        if names.len() > MOST_HEADERS {
            return Err(format!(
                "{} headers are more than the {MOST_HEADERS} allowed",
                names.len()
            ));
        }
        Ok(Self(names))
    }
}

fn may_be_secret(name: &str) -> bool {
    let words = ["authorization", "cookie", "api-key", "token", "secret", "password"];
    words.iter().any(|word| name.contains(word))
        || ["x-portkey-", "sec-websocket-"].iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::MetadataHeaders;

    #[test]
    fn names_are_read_and_credentials_refused() {
        let read = |text: &str| {
            let read: Result<MetadataHeaders, String> = text.parse();
            read.map(|names| names.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(read(" X-Team,, x-cost-center ").as_deref(), Ok("x-team x-cost-center"));
        assert_eq!(read("").as_deref(), Ok(""));
        for name in [
            "Authorization",
            "proxy-authorization",
            "cookie",
            "x-api-key",
            "x-portkey-api-key",
            "x-portkey-aws-secret-access-key",
            "x-auth-token",
            "sec-websocket-protocol",
        ] {
            assert!(read(name).unwrap_err().contains("may hold a credential"), "{name}");
        }
        assert!(read("x team").unwrap_err().contains("'x team' is not"));
        let many: Vec<String> = (0..17).map(|n| format!("x-{n}")).collect();
        assert!(read(&many.join(",")).unwrap_err().contains("17 headers"));
        assert!(read(&many[1..].join(",")).is_ok());
    }
}
