//! An issuer of JSON Web Tokens that signs whatever a test asks for.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A key that tokens are signed with.
pub struct TokenSigner {
    kid: String,
    key: Key,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
}

impl TokenSigner {
    /// A new RSA key of 2048 bits, for RS256.
    ///
    /// # Panics
    /// When no key can be made.
    pub fn rsa(kid: &str) -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
        Self { kid: kid.to_owned(), key: Key::Rsa(Box::new(key)) }
    }

    /// A new key on P-256, for ES256.
    ///
    /// # Panics
    /// When no key can be made.
    pub fn p256(kid: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a P-256 key");
        Self { kid: kid.to_owned(), key: Key::P256(Box::new(key)) }
    }

    /// The public key as a JSON Web Key.
    ///
    /// # Panics
    /// When the key is unsound.
    pub fn jwk(&self) -> Value {
        match &self.key {
            Key::Rsa(key) => {
                // RSAPublicKey (RFC 8017 A.1.1): the modulus of 256 bytes comes after the headers
                // of the sequence and of the number; the exponent is 65537.
                let modulus = &key.public_key().as_ref()[9..265];
                json!({
                    "kty": "RSA", "kid": self.kid, "use": "sig", "alg": "RS256",
                    "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB",
                })
            }
            Key::P256(key) => {
                // A point: 4, x, y (SEC 1 §2.3.3).
                let point = key.public_key().as_ref();
                json!({
                    "kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "alg": "ES256",
                    "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
                    "y": URL_SAFE_NO_PAD.encode(&point[33..65]),
                })
            }
        }
    }

    /// A set of this key alone.
    pub fn jwks(&self) -> Value {
        json!({"keys": [self.jwk()]})
    }

    /// The header of its tokens.
    pub fn header(&self) -> Value {
        let algorithm = if matches!(self.key, Key::Rsa(_)) { "RS256" } else { "ES256" };
        json!({"typ": "JWT", "alg": algorithm, "kid": self.kid})
    }

    /// A token of those claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    /// A token under another header.
    ///
    /// # Panics
    /// When it cannot be signed.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let message = signed.as_bytes();
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("signing");
                signature
            }
            Key::P256(key) => {
                key.sign(&random, signed.as_bytes()).expect("signing").as_ref().to_vec()
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
