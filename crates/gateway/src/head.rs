//! Headers on their way into the record: written as they will be sealed, secrets masked.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use portcullis_domain::mask;
use portcullis_providers::credential::Credential;
use portcullis_record::{content::Part, head::HeadWriter};
use serde_json::Value;

use crate::{header, url::plain_url};

/// Stands for a secret that is too short to show any of it, or no text.
const HIDDEN: &[u8] = b"********";

/// Which values are masked in what one call leaves in the record.
pub(crate) struct Mask {
    /// `x-portkey-sensitive-headers`.
    named: Vec<HeaderValue>,
}

impl Mask {
    pub(crate) fn of<'a>(named: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        Self { named: named.into_iter().cloned().collect() }
    }

    /// Writes a client's headers and the credentials that were taken out of them. As all of these
    /// methods, it says whether that is everything.
    pub(crate) fn client<'a>(
        &self,
        headers: &HeaderMap,
        credentials: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
        out: &mut Vec<u8>,
    ) -> bool {
        let mut head = HeadWriter::begin(Part::RequestHead, out);
        for (name, value) in credentials {
            masked_line(&mut head, name.as_str(), value);
        }
        for (name, value) in headers {
            let is_inline = *name == header::CONFIG
                && value.as_bytes().trim_ascii_start().starts_with(b"{")
                && !self.names(name.as_str());
            if is_inline {
                head.line(name.as_str(), masked_config(value.as_bytes()).as_bytes());
            } else {
                self.line(&mut head, name, value);
            }
        }
        head.end()
    }

    /// Writes the headers that the client gets. They repeat no secret of a credential any more.
    pub(crate) fn answer(&self, headers: &HeaderMap, out: &mut Vec<u8>) -> bool {
        let mut head = HeadWriter::begin(Part::ResponseHead, out);
        for (name, value) in headers {
            self.line(&mut head, name, value);
        }
        head.end()
    }

    /// Writes what is sent to a provider.
    pub(crate) fn sent(
        &self,
        (method, url, headers): (&Method, &Uri, &HeaderMap),
        credential: &Credential,
        out: &mut Vec<u8>,
    ) -> bool {
        let mut head = HeadWriter::begin(Part::SentHead, out);
        head.line(":method", method.as_str().as_bytes());
        head.line(":url", plain_url(url).as_bytes());
        self.provider_lines(&mut head, headers, credential);
        head.end()
    }

    /// Writes a provider's own headers.
    pub(crate) fn original(
        &self,
        headers: &HeaderMap,
        credential: &Credential,
        out: &mut Vec<u8>,
    ) -> bool {
        let mut head = HeadWriter::begin(Part::OriginalHead, out);
        self.provider_lines(&mut head, headers, credential);
        head.end()
    }

    fn provider_lines(
        &self,
        head: &mut HeadWriter<'_>,
        headers: &HeaderMap,
        credential: &Credential,
    ) {
        for (name, value) in headers {
            if header::repeats(value, credential) {
                masked_line(head, name.as_str(), value);
            } else {
                self.line(head, name, value);
            }
        }
    }

    fn line(&self, head: &mut HeadWriter<'_>, name: &HeaderName, value: &HeaderValue) {
        if value.is_sensitive() || is_secret(name.as_str()) || self.names(name.as_str()) {
            masked_line(head, name.as_str(), value);
        } else {
            head.line(name.as_str(), value.as_bytes());
        }
    }

    /// Whether the caller wants it masked.
    pub(crate) fn names(&self, name: &str) -> bool {
        // As in the list of headers to forward, what looks like a JSON array of names will do.
        self.named.iter().flat_map(|named| named.as_bytes().split(|byte| *byte == b',')).any(
            |listed| {
                let listed = listed.iter().filter(|byte| !b" \t[]\"".contains(byte));
                listed.map(u8::to_ascii_lowercase).eq(name.bytes())
            },
        )
    }
}

/// Whether a header, or a member of a config, is a secret by its name. Rather one too many: what is
/// masked without need is still known to whoever sent it.
fn is_secret(name: &str) -> bool {
    // Nearly all are known by three letters not to be.
    let endings: &[&str] = match name.as_bytes().last_chunk() {
        Some(b"ase") => &["passphrase"],
        Some(b"ial") => &["credential"],
        Some(b"als") => &["credentials"],
        Some(b"ion") => &["assertion", "authorization"],
        Some(b"ken") => &["token"],
        Some(b"key") => &["key"],
        Some(b"kie") => &["cookie"],
        Some(b"ord") => &["password"],
        Some(b"ret") => &["secret"],
        // Google's whole account comes as JSON.
        Some(b"son") => &["account-json", "account_json"],
        Some(b"swd") => &["passwd"],
        Some(b"ure") => &["signature"],
        Some(b"uth") => &["auth"],
        _ => return false,
    };
    endings.iter().any(|ending| name.ends_with(ending))
        // The name of a provider's key, which is no secret.
        && !matches!(name, "x-portkey-virtual-key" | "virtual_key" | "virtualkey")
}

/// As [`mask`], without making a text of it; a `Bearer` before it stays.
fn masked_line(head: &mut HeadWriter<'_>, name: &str, value: &HeaderValue) {
    let value = value.as_bytes().trim_ascii();
    let (scheme, secret) = match value.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => (scheme, rest),
        _ => (&b""[..], value),
    };
    let secret = secret.trim_ascii();
    let (before, after) = if secret.len() < 12 || !secret.is_ascii() {
        (&b""[..], &b""[..])
    } else {
        (&secret[..2], &secret[secret.len() - 3..])
    };
    // At most as long as scheme, ends and asterisks are.
    let mut masked = [0; 7 + 2 + HIDDEN.len() + 3];
    let mut len = 0;
    for piece in [scheme, before, HIDDEN, after] {
        masked[len..len + piece.len()].copy_from_slice(piece);
        len += piece.len();
    }
    head.line(name, &masked[..len]);
}

/// An inline config, its secrets masked. One that nobody can read shows nothing.
fn masked_config(json: &[u8]) -> Cow<'static, str> {
    match serde_json::from_slice(json) {
        Ok(mut config) => {
            mask_members(&mut config, false);
            Cow::Owned(config.to_string())
        }
        Err(_) => Cow::Borrowed("********"),
    }
}

fn mask_members(value: &mut Value, is_hidden: bool) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                mask_members(value, is_hidden || is_secret(&name.to_ascii_lowercase()));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask_members(item, is_hidden)),
        Value::String(text) if is_hidden => *text = mask(text),
        Value::Number(_) if is_hidden => *value = Value::from("********"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, Method, header::AUTHORIZATION};
    use portcullis_providers::credential::Credential;
    use portcullis_record::{
        content::{Kept, Message, read},
        head::lines,
    };

    use super::{Mask, is_secret, masked_config};

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
    }

    fn shown(message: &Message) -> Vec<String> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let lines = lines(message.head.as_ref().unwrap());
        lines.map(|(name, value)| format!("{}={}", text(name), text(value.unwrap()))).collect()
    }

    #[test]
    fn secrets_show_their_ends_only() {
        let client = map(&[
            ("content-type", "application/json"),
            ("api-key", "azure-secret-4711"),
            ("x-portkey-azure-ad-token", "Bearer token-of-azure"),
            ("x-portkey-virtual-key", "the-name-of-a-key"),
            ("x-portkey-config", "pc-saved-config"),
            ("x-patient", "anna-muster-1970"),
            ("x-ratelimit-remaining-tokens", "1234567890123"),
            ("cookie", "session=abcdefghijk"),
        ]);
        let own = HeaderValue::from_static("bearer pck_production_key");
        let credentials = [(&AUTHORIZATION, &own)];
        let named = HeaderValue::from_static("[\"X-Other\", X-Patient]");
        let mask = Mask::of(Some(&named));
        let mut heads = Vec::new();
        assert!(mask.client(&client, credentials.into_iter(), &mut heads));
        let credential = Credential::parse(br#"{"key":"sk-vaulted-4711"}"#).unwrap();
        let mut key = HeaderValue::from_static("sk-vaulted-4711");
        key.set_sensitive(true);
        let mut sent = map(&[("x-echo", "key sk-vaulted-4711"), ("x-patient", "short")]);
        sent.insert(HeaderName::from_static("x-anything"), key);
        let url = "https://user:pass@a.test:81/v1/messages?key=secret&limit=5".parse().unwrap();
        assert!(mask.sent((&Method::POST, &url, &sent), &credential, &mut heads));
        let mut out = Vec::new();
        Kept { heads: &heads, ..Kept::default() }.write(&mut out);
        let content = read(&out).unwrap();
        assert_eq!(
            shown(&content.request),
            [
                "authorization=bearer pc********key",
                "content-type=application/json",
                "api-key=az********711",
                "x-portkey-azure-ad-token=Bearer to********ure",
                "x-portkey-virtual-key=the-name-of-a-key",
                "x-portkey-config=pc-saved-config",
                "x-patient=an********970",
                "x-ratelimit-remaining-tokens=1234567890123",
                "cookie=se********ijk",
            ]
        );
        assert_eq!(
            shown(&content.sent),
            [
                ":method=POST",
                ":url=https://a.test:81/v1/messages?key=********&limit=5",
                "x-echo=ke********711",
                "x-patient=********",
                "x-anything=sk********711",
            ]
        );
    }

    #[test]
    fn names_tell_secrets() {
        for name in [
            "authorization",
            "proxy-authorization",
            "x-api-key",
            "apikey",
            "x-goog-api-key",
            "cookie",
            "set-cookie",
            "x-amz-security-token",
            "x-portkey-azure-entra-client-secret",
            "x-portkey-aws-secret-access-key",
            "x-portkey-vertex-service-account-json",
            "x-auth",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["accept", "user-agent", "content-length", "date", "x-request-id", "", "host"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_config_shows_no_secret() {
        let config =
            br#"{"provider":"openai","virtualKey":"name-of-a-key","apiKey":"sk-0123456789",
            "targets":[{"api_key":"sk-9876543210"}],"azure_ad_token":{"a":["tokentoken-123",7]}}"#;
        let shown: serde_json::Value = serde_json::from_str(&masked_config(config)).unwrap();
        let expected = serde_json::json!({"provider": "openai", "virtualKey": "name-of-a-key",
            "apiKey": "sk********789", "targets": [{"api_key": "sk********210"}],
            "azure_ad_token": {"a": ["to********123", "********"]}});
        assert_eq!(shown, expected);
        assert_eq!(masked_config(b"{\"api_key\":\"sk-0123456789\""), "********");
    }
}
