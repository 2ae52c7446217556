//! Keeping credentials out of what a provider says went wrong: some repeat the key they refuse.

use std::{cmp::Reverse, sync::LazyLock};

use bytes::{Bytes, BytesMut};
use memchr::memmem::{self, Finder};
use portcullis_domain::{Secret, mask};
use portcullis_providers::{credential::Credential, request::quoted};

static ERROR: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"error\""));

/// Whether a JSON document has an `error` that is not `null`, or something of the type `error`. In a
/// text its quotation marks would be escaped.
pub(crate) fn tells_an_error(document: &[u8]) -> bool {
    ERROR.find_iter(document).any(|at| {
        let rest = document[at + ERROR.needle().len()..].trim_ascii_start();
        let value = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value.is_none_or(|value| !value.starts_with(b"null"))
    })
}

/// The body with every secret of the credential masked, as it is and as JSON may spell it.
pub(crate) fn masked(mut body: Bytes, credential: &Credential) -> Bytes {
    let mut secrets: Vec<&str> = credential.secrets().collect();
    // One that holds another must not be torn apart first.
    secrets.sort_by_key(|secret| Reverse(secret.len()));
    for secret in secrets {
        let by = mask(secret);
        body = replaced(body, secret.as_bytes(), by.as_bytes());
        // Most are spelled in one way only.
        if secret.contains(|c: char| c.is_control() || matches!(c, '"' | '\\' | '/')) {
            let json = Secret::new(quoted(secret));
            let json = json.danger_expose();
            let json = &json[1..json.len() - 1];
            let slashed = Secret::new(json.replace('/', "\\/"));
            for spelling in [json, slashed.danger_expose()] {
                body = replaced(body, spelling.as_bytes(), by.as_bytes());
            }
        }
    }
    body
}

/// The beginning of a body, which may have been cut anywhere, with every secret of the credential
/// masked; what is left of one at the cut is taken off, unless it is no more than a mask shows.
pub(crate) fn masked_beginning(body: Bytes, credential: &Credential) -> Bytes {
    let body = masked(body, credential);
    let ends_in = |secret: &str| {
        let secret = secret.as_bytes();
        (3..secret.len().min(body.len() + 1)).rev().find(|len| body.ends_with(&secret[..*len]))
    };
    let left = credential.secrets().filter_map(ends_in).max().unwrap_or(0);
    body.slice(..body.len() - left)
}

/// Pieces as one.
pub(crate) fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() < 2 {
        return pieces.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    for piece in pieces {
        whole.extend_from_slice(&piece);
    }
    whole.freeze()
}

fn replaced(body: Bytes, text: &[u8], by: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    let mut copied = 0;
    for at in memmem::find_iter(&body, text) {
        out.extend_from_slice(&body[copied..at]);
        out.extend_from_slice(by);
        copied = at + text.len();
    }
    if copied == 0 {
        return body;
    }
    out.extend_from_slice(&body[copied..]);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use portcullis_providers::credential::Credential;

    use super::{masked, tells_an_error};

    #[test]
    fn an_error_is_told_from_the_word() {
        for json in [
            r#"{"error":{"message":"no"}}"#,
            r#"{"error" : "no"}"#,
            r#"[{"error":null},{"error":1}]"#,
            r#"{"type":"error","message":"no"}"#,
            r#"{"object": "error"}"#,
        ] {
            assert!(tells_an_error(json.as_bytes()), "{json}");
        }
        for json in [
            r#"{"id":"a","error":null}"#,
            r#"{"error" : null }"#,
            r#"{"content":"{\"error\":1}"}"#,
            r#"{"errors":[]}"#,
            "",
        ] {
            assert!(!tells_an_error(json.as_bytes()), "{json}");
        }
    }

    #[test]
    fn every_spelling_of_every_secret_is_masked() {
        let credential =
            br#"{"key":"sk/vaulted+123","settings":{"azure_ad_token":"Bearer to\"ken-1",
            "custom_headers":{"x":"Bearer sk/vaulted+123 too"}}}"#;
        let credential = Credential::parse(credential).unwrap();
        let body = br#"{"a":"sk/vaulted+123 or sk\/vaulted+123","b":"to\"ken-1",
            "c":"sk/vaulted+123 too"}"#;
        let body = masked(Bytes::from_static(body), &credential);
        let expected = br#"{"a":"sk********123 or sk********123","b":"********",
            "c":"sk********too"}"#;
        assert_eq!(body, &expected[..]);
        let other = Bytes::from_static(b"{}");
        assert_eq!(masked(other.clone(), &credential).as_ptr(), other.as_ptr());
    }
}
