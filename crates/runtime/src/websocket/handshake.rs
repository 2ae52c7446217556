//! Opening handshakes, of a client (RFC 6455 §4.2.1) and of a server (§4.2.2).

use std::fmt;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Version,
    header::{
        CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};

/// What is hashed behind the key (RFC 6455 §1.3). No secret depends on the hash: it only shows that
/// the server speaks the protocol.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a message is no opening handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedHandshake {
    /// It does not ask for a WebSocket.
    NoUpgrade,
    /// It is not a GET request of HTTP/1.1.
    Request,
    /// Another version of the protocol than 13.
    Version,
    /// The key is missing, repeated, or not 16 bytes in base64.
    Key,
    /// The server's proof is missing or wrong.
    Accept,
    /// The server chose a subprotocol that was not offered.
    Protocol,
    /// The server uses an extension, though none was offered.
    Extension,
}

/// What a server answers to a key.
pub fn accept_of(key: &[u8]) -> String {
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(GUID);
    STANDARD.encode(hash.finish())
}

/// A key from 16 random bytes.
pub fn mint_key(random: [u8; 16]) -> String {
    STANDARD.encode(random)
}

/// The key of a client's opening handshake, checked.
pub fn key_of<'a>(
    method: &Method,
    version: Version,
    headers: &'a HeaderMap,
) -> Result<&'a [u8], MalformedHandshake> {
    if !asks_for_upgrade(headers) {
        return Err(MalformedHandshake::NoUpgrade);
    }
    if *method != Method::GET || version != Version::HTTP_11 {
        return Err(MalformedHandshake::Request);
    }
    if only(headers, &SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(MalformedHandshake::Version);
    }
    let key = only(headers, &SEC_WEBSOCKET_KEY).ok_or(MalformedHandshake::Key)?;
    let is_key = STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16);
    if is_key { Ok(key) } else { Err(MalformedHandshake::Key) }
}

/// Checks a server's 101 and gives the subprotocol it chose, one of `offered` if any.
pub fn check_answer(
    headers: &HeaderMap,
    key: &str,
    offered: &[&str],
) -> Result<Option<HeaderValue>, MalformedHandshake> {
    if !asks_for_upgrade(headers) {
        return Err(MalformedHandshake::NoUpgrade);
    }
    if only(headers, &SEC_WEBSOCKET_ACCEPT) != Some(accept_of(key.as_bytes()).as_bytes()) {
        return Err(MalformedHandshake::Accept);
    }
    if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(MalformedHandshake::Extension);
    }
    if !headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Ok(None);
    }
    let chosen = only(headers, &SEC_WEBSOCKET_PROTOCOL).ok_or(MalformedHandshake::Protocol)?;
    let is_offered = offered.iter().any(|offered| offered.as_bytes() == chosen);
    let chosen = HeaderValue::from_bytes(chosen).ok().filter(|_| is_offered);
    chosen.map(Some).ok_or(MalformedHandshake::Protocol)
}

/// The subprotocols that a client offers, in its order of preference.
pub fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lists = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let names = lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
    names.map(str::trim).filter(|name| !name.is_empty())
}

fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    lists(headers, &UPGRADE, b"websocket") && lists(headers, &CONNECTION, b"upgrade")
}

/// Whether a header's list holds a word.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &[u8]) -> bool {
    headers.get_all(name).iter().any(|value| {
        let mut words = value.as_bytes().split(|byte| *byte == b',');
        words.any(|other| other.trim_ascii().eq_ignore_ascii_case(word))
    })
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes().trim_ascii())
}

impl fmt::Display for MalformedHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUpgrade => {
                "it does not upgrade to a WebSocket ('connection: upgrade', 'upgrade: websocket')"
            }
            Self::Request => "a WebSocket is opened by a GET request of HTTP/1.1",
            Self::Version => "'sec-websocket-version' must be 13",
            Self::Key => "'sec-websocket-key' must be 16 bytes in base64, once",
            Self::Accept => "'sec-websocket-accept' does not match the key",
            Self::Protocol => "it chose a subprotocol that was not offered",
            Self::Extension => "it uses an extension that was not offered",
        })
    }
}

impl std::error::Error for MalformedHandshake {}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(n, v): &(&'static str, &'static str)| (n.parse().unwrap(), v.parse().unwrap());
        let pairs: Vec<(HeaderName, HeaderValue)> = pairs.iter().map(pair).collect();
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    const CLIENT: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn the_standards_own_example_is_accepted() {
        let headers = map(&CLIENT);
        let key = key_of(&Method::GET, Version::HTTP_11, &headers).unwrap();
        assert_eq!(accept_of(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let key = mint_key([7; 16]);
        assert_eq!(STANDARD.decode(key).unwrap(), [7; 16]);
    }

    #[test]
    fn a_clients_faults_are_told_apart() {
        use MalformedHandshake::{Key, NoUpgrade, Request, Version as Wrong};
        let with = |name: &'static str, value: Option<&'static str>| {
            let mut pairs: Vec<_> = CLIENT.into_iter().filter(|pair| pair.0 != name).collect();
            pairs.extend(value.map(|value| (name, value)));
            let headers = map(&pairs);
            key_of(&Method::GET, Version::HTTP_11, &headers).err()
        };
        assert_eq!(with("upgrade", None), Some(NoUpgrade));
        assert_eq!(with("upgrade", Some("h2c")), Some(NoUpgrade));
        assert_eq!(with("connection", Some("close")), Some(NoUpgrade));
        assert_eq!(with("sec-websocket-version", Some("8")), Some(Wrong));
        assert_eq!(with("sec-websocket-version", None), Some(Wrong));
        for key in [None, Some(""), Some("c2hvcnQ="), Some("dGhlIHNhbXBsZSBub25jZQ"), Some("*")] {
            assert_eq!(with("sec-websocket-key", key), Some(Key), "{key:?}");
        }
        let mut twice = map(&CLIENT);
        let other = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        twice.append(SEC_WEBSOCKET_KEY, other);
        assert_eq!(key_of(&Method::GET, Version::HTTP_11, &twice).err(), Some(Key));
        let headers = map(&CLIENT);
        assert_eq!(key_of(&Method::POST, Version::HTTP_11, &headers).err(), Some(Request));
        assert_eq!(key_of(&Method::GET, Version::HTTP_10, &headers).err(), Some(Request));
    }

    #[test]
    fn a_servers_answer_must_fit_what_was_asked() {
        use MalformedHandshake::{Accept, Extension, NoUpgrade, Protocol};
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let with = |more: &[(&'static str, &'static str)]| {
            let mut pairs = vec![
                ("connection", "upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ];
            pairs.extend(more);
            check_answer(&map(&pairs), key, &["realtime", "other"])
        };
        assert_eq!(with(&[]), Ok(None));
        let protocol = |name| [("sec-websocket-protocol", name)];
        assert_eq!(with(&protocol("other")), Ok(Some(HeaderValue::from_static("other"))));
        assert_eq!(with(&protocol("third")), Err(Protocol));
        assert_eq!(with(&protocol("realtime, other")), Err(Protocol));
        assert_eq!(with(&[("sec-websocket-extensions", "permessage-deflate")]), Err(Extension));
        assert_eq!(check_answer(&map(&[]), key, &[]), Err(NoUpgrade));
        let wrong = map(&[
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-accept", "AAAA"),
        ]);
        assert_eq!(check_answer(&wrong, key, &[]), Err(Accept));
    }

    #[test]
    fn subprotocols_come_in_one_header_or_several() {
        let headers = map(&[("sec-websocket-protocol", "a, b ,"), ("sec-websocket-protocol", "c")]);
        assert_eq!(protocols(&headers).collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
