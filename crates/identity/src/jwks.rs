//! JSON Web Key Sets (RFC 7517): the public keys that an issuer signs its tokens with.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis_domain::{TokenKey, TokenKeyMaterial};
use serde::Deserialize;
use serde_json::Value;

/// The longest set that is read, in bytes.
pub const MAX_JWKS: usize = 64 * 1024;
/// The most keys that are kept of one.
const MAX_KEYS: usize = 50;
/// The longest name of a key, in bytes.
const MAX_KID: usize = 256;
/// RSA keys have from 2048 bits (data-plane reference §2) to as many as can be checked in good time.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Text that is no set of keys that tokens could be signed with.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedJwks {
    /// Not a set at all.
    #[error("not a JSON Web Key Set: expected {{\"keys\": [...]}} of at most 64 KiB")]
    Form,
    /// None of its keys can be used.
    #[error(
        "none of the keys can be used: expected RSA keys of 2048 to 8192 bits for RS256 or P-256 \
         keys for ES256, each with a kid"
    )]
    NoKey,
    /// More keys than are kept.
    #[error("the set has more than {MAX_KEYS} keys")]
    TooMany,
    /// Two keys of one name.
    #[error("two keys have the same kid")]
    Ambiguous,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Reads a set. Keys for other purposes or of other kinds are left out; private parts, should
/// somebody have published them, are not kept.
pub fn parse_jwks(text: &str) -> Result<Vec<TokenKey>, MalformedJwks> {
    if text.len() > MAX_JWKS {
        return Err(MalformedJwks::Form);
    }
    let set: Set = serde_json::from_str(text).map_err(|_| MalformedJwks::Form)?;
    let mut keys: Vec<TokenKey> = set.keys.into_iter().filter_map(usable).collect();
    if keys.is_empty() {
        return Err(MalformedJwks::NoKey);
    }
    if keys.len() > MAX_KEYS {
        return Err(MalformedJwks::TooMany);
    }
    keys.sort_by(|one, two| one.kid.cmp(&two.kid));
    if keys.windows(2).any(|pair| pair[0].kid == pair[1].kid) {
        return Err(MalformedJwks::Ambiguous);
    }
    Ok(keys)
}

fn usable(value: Value) -> Option<TokenKey> {
    let key: Jwk = serde_json::from_value(value).ok()?;
    if key.purpose.as_deref().is_some_and(|purpose| purpose != "sig")
        || key.kid.is_empty()
        || key.kid.len() > MAX_KID
    {
        return None;
    }
    let fits_algorithm = |name: &str| key.alg.as_deref().is_none_or(|alg| alg == name);
    let material = match key.kty.as_str() {
        "RSA" if fits_algorithm("RS256") => {
            let (n, e) = (key.n?, key.e?);
            let (modulus, exponent) = (decode(&n)?, decode(&e)?);
            let is_sound = RSA_BYTES.contains(&modulus.len())
                && modulus[0] >= 0x80
                && (1..=4).contains(&exponent.len())
                && exponent.last().is_some_and(|last| last % 2 == 1)
                && exponent != [1];
            is_sound.then_some(TokenKeyMaterial::Rsa { n, e })?
        }
        "EC" if fits_algorithm("ES256") && key.crv.as_deref() == Some("P-256") => {
            let (x, y) = (key.x?, key.y?);
            let is_sound = decode(&x)?.len() == 32 && decode(&y)?.len() == 32;
            is_sound.then_some(TokenKeyMaterial::P256 { x, y })?
        }
        _ => return None,
    };
    Some(TokenKey { kid: key.kid, material })
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rsa(kid: &str, bytes: usize) -> Value {
        let mut modulus = vec![0xc5; bytes];
        modulus[bytes - 1] = 1;
        json!({"kty": "RSA", "kid": kid, "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB"})
    }

    fn with(mut key: Value, name: &str, value: &str) -> Value {
        key[name] = json!(value);
        key
    }

    #[test]
    fn only_keys_that_tokens_may_be_signed_with_are_kept() {
        let point = URL_SAFE_NO_PAD.encode([7; 32]);
        let ec = json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": point, "y": point});
        let mut nameless = rsa("x", 256);
        nameless.as_object_mut().unwrap().remove("kid");
        let set = json!({"keys": [
            rsa("b", 256),
            with(rsa("a", 512), "d", "private"),
            ec,
            with(rsa("short", 255), "alg", "RS256"),
            rsa("long", 1025),
            with(rsa("other use", 256), "use", "enc"),
            with(rsa("other algorithm", 256), "alg", "PS256"),
            with(rsa("even exponent", 256), "e", "AQAA"),
            with(rsa("exponent one", 256), "e", "AQ"),
            with(ec, "crv", "P-384"),
            nameless,
            {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
            {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": point},
            5,
        ]});
        let keys = parse_jwks(&set.to_string()).unwrap();
        let kids: Vec<&str> = keys.iter().map(|key| key.kid.as_str()).collect();
        assert_eq!(kids, ["a", "b", "ec"]);
        assert!(!serde_json::to_string(&keys).unwrap().contains("private"));
    }

    #[test]
    fn what_is_no_set_is_said_to_be_none() {
        let told = |value: Value| parse_jwks(&value.to_string()).unwrap_err();
        for value in [json!([]), json!({}), json!({"keys": {}}), json!("x")] {
            assert_eq!(told(value), MalformedJwks::Form);
        }
        assert_eq!(parse_jwks(&" ".repeat(MAX_JWKS + 1)), Err(MalformedJwks::Form));
        assert_eq!(told(json!({"keys": []})), MalformedJwks::NoKey);
        assert_eq!(told(json!({"keys": [rsa("a", 128)]})), MalformedJwks::NoKey);
        let twice = json!({"keys": [rsa("a", 256), rsa("a", 257)]});
        assert_eq!(told(twice), MalformedJwks::Ambiguous);
        let many: Vec<Value> = (0..51).map(|i| rsa(&i.to_string(), 256)).collect();
        assert_eq!(told(json!({"keys": many})), MalformedJwks::TooMany);
    }
}
