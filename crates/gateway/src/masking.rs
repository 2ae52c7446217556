//! Keeping credentials out of what a provider says went wrong: some repeat the key they refuse.

use std::cmp::Reverse;

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use portcullis_domain::mask;
use portcullis_providers::{credential::Credential, request::quoted};

/// The body with every secret of the credential masked, as it is and as JSON may spell it.
pub(crate) fn masked(mut body: Bytes, credential: &Credential) -> Bytes {
    let mut secrets: Vec<&str> = credential.secrets().collect();
    // One that holds another must not be torn apart first.
    secrets.sort_by_key(|secret| Reverse(secret.len()));
    for secret in secrets {
        let json = quoted(secret);
        let json = &json[1..json.len() - 1];
        for spelling in [secret, json, &json.replace('/', "\\/")] {
            body = replaced(body, spelling.as_bytes(), mask(secret).as_bytes());
        }
    }
    body
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

    use super::masked;

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
