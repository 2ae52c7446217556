//! The session's cookie.

use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};
use portcullis_domain::Secret;
use portcullis_identity::SecretToken;

/// The `__Host-` prefix makes the browser refuse it unless it is secure, of this host only and for
/// every path (RFC 6265bis §4.1.3).
const NAME: &str = "__Host-portcullis";

/// A cookie to set.
pub(crate) enum Cookie {
    /// A session's token.
    Session(SecretToken),
    /// None any more.
    Gone,
}

impl Cookie {
    /// Puts it into an answer's headers. Without a lifetime: it ends with the browser, and long
    /// before that with the session.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        let text = match self {
            Self::Session(token) => format!("{NAME}={}", token.danger_expose()),
            Self::Gone => format!("{NAME}=; Max-Age=0"),
        };
        let text = format!("{text}; Path=/; Secure; HttpOnly; SameSite=Lax");
        if let Ok(mut value) = HeaderValue::from_str(&text) {
            value.set_sensitive(true);
            headers.append(SET_COOKIE, value);
        }
    }
}

/// The session token that a request bears, if any.
pub(crate) fn token(headers: &HeaderMap) -> Option<Secret<String>> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == NAME && !value.is_empty()).then(|| Secret::new(value.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::COOKIE};

    use super::token;

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let told = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_static(text));
            token(&headers).map(|token| token.danger_expose().clone())
        };
        assert_eq!(told("a=b; __Host-portcullis=xyz; c=d").as_deref(), Some("xyz"));
        assert_eq!(told("__Host-portcullis="), None);
        assert_eq!(told("portcullis=xyz; x__Host-portcullis=xyz"), None);
    }
}
