//! JSON Web Tokens as API keys (RFC 7519 over RFC 7515; data-plane reference §2): RS256 and ES256,
//! `kid` and `exp` required.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use portcullis_domain::{
    OrganisationId, Scope, ScopeSet, Timestamp, TokenClaims, TokenIssuer, TokenKey,
    TokenKeyMaterial,
};
use serde::Deserialize;
use serde_json::Value;

use crate::jwks::decode;

/// The longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;
/// How far ahead the issuer's clock may be, in seconds, for `nbf`. Nothing is added to `exp`.
const LEEWAY: f64 = 60.0;
/// The longest name of whoever a token is for.
const MAX_USER_CHARS: usize = 128;

/// Why a token is not taken for an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// Not a token that could be one.
    #[error("not a token of that kind: {0}")]
    Malformed(&'static str),
    /// Its organisation has no issuer of tokens.
    #[error("its organisation has no issuer of tokens")]
    NoIssuer,
    /// Its issuer has no such key.
    #[error("its issuer has no key of its kid")]
    UnknownKey,
    /// The signature is not the issuer's.
    #[error("its signature is wrong")]
    Signature,
    /// It says that it comes from, or is for, somebody else.
    #[error("its {0} is another one")]
    Other(&'static str),
    /// It is not good yet.
    #[error("it is not good yet")]
    TooEarly,
    /// It is not good any more.
    #[error("it has expired")]
    Expired,
    /// It sets a limit that would not be kept.
    #[error("it sets {0}, which this version does not enforce")]
    Unenforced(&'static str),
    /// It is confined to a workspace that its organisation does not have.
    #[error("its organisation has no such workspace")]
    NoWorkspace,
}

/// A token as it was presented. Nothing in it is to be believed yet.
pub(crate) struct SignedToken<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    kid: String,
    claims: Claims,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Es256,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    portkey_oid: Option<String>,
    organisation_id: Option<String>,
    portkey_workspace: Option<String>,
    workspace_slug: Option<String>,
    scope: Option<Texts>,
    scopes: Option<Texts>,
    exp: f64,
    nbf: Option<f64>,
    iss: Option<String>,
    aud: Option<Texts>,
    email_id: Option<String>,
    sub: Option<String>,
    uid: Option<String>,
    defaults: Option<Defaults>,
    usage_limits: Option<Value>,
    rate_limits: Option<Value>,
}

/// One text or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Defaults {
    config_id: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, Value>,
}

/// Whether text looks like a token of this kind at all, good or not.
pub fn resembles_signed_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl<'t> SignedToken<'t> {
    /// Takes a token apart.
    pub(crate) fn read(token: &'t str) -> Result<Self, TokenRefused> {
        let malformed = TokenRefused::Malformed;
        if token.len() > MAX_TOKEN {
            return Err(malformed("it is longer than 8 KiB"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(malformed("three parts"))?;
        let (header, claims) = signed.split_once('.').ok_or(malformed("three parts"))?;
        let signature = decode(signature).ok_or(malformed("the signature is no base64url"))?;
        let header = decode(header).ok_or(malformed("the header is no base64url"))?;
        let claims = decode(claims).ok_or(malformed("the claims are no base64url"))?;
        let header: Header = serde_json::from_slice(&header)
            .map_err(|_| malformed("the header needs an alg and a kid"))?;
        if header.crit.is_some() {
            return Err(malformed("the header names extensions"));
        }
        let algorithm = match header.alg.as_str() {
            "RS256" => Algorithm::Rs256,
            "ES256" => Algorithm::Es256,
            _ => return Err(malformed("the algorithm is neither RS256 nor ES256")),
        };
        let claims = serde_json::from_slice(&claims)
            .map_err(|_| malformed("the claims need an exp, and the others in their form"))?;
        Ok(Self { signed, signature, algorithm, kid: header.kid, claims })
    }

    /// The organisation it says it is of.
    pub(crate) fn organisation(&self) -> Result<OrganisationId, TokenRefused> {
        let malformed = TokenRefused::Malformed("no organisation's id is among the claims");
        let named = match (&self.claims.portkey_oid, &self.claims.organisation_id) {
            (Some(one), Some(two)) if one != two => return Err(malformed),
            (one, two) => one.as_ref().or(two.as_ref()).ok_or(malformed)?,
        };
        OrganisationId::parse(named).map_err(|_| malformed)
    }

    /// What it says, if its issuer signed that and it is good at `now`.
    pub(crate) fn verify(
        self,
        issuer: &TokenIssuer,
        now: Timestamp,
    ) -> Result<TokenClaims, TokenRefused> {
        let key = issuer.keys.iter().find(|key| key.kid == self.kid);
        self.check_signature(key.ok_or(TokenRefused::UnknownKey)?)?;
        let claims = self.claims;
        let now = now.micros() as f64 / 1_000_000.0;
        if claims.nbf.is_some_and(|nbf| now + LEEWAY < nbf) {
            return Err(TokenRefused::TooEarly);
        }
        if now >= claims.exp {
            return Err(TokenRefused::Expired);
        }
        if issuer.issuer.is_some() && claims.iss != issuer.issuer {
            return Err(TokenRefused::Other("issuer"));
        }
        if let Some(audience) = &issuer.audience
            && !claims.aud.as_ref().is_some_and(|aud| aud.iter().any(|text| text == audience))
        {
            return Err(TokenRefused::Other("audience"));
        }
        for (name, limit) in
            [("usage_limits", &claims.usage_limits), ("rate_limits", &claims.rate_limits)]
        {
            if limit.as_ref().is_some_and(|limit| !limit.is_null()) {
                return Err(TokenRefused::Unenforced(name));
            }
        }
        Ok(claims.told())
    }

    fn check_signature(&self, key: &TokenKey) -> Result<(), TokenRefused> {
        let wrong = TokenRefused::Signature;
        let message = self.signed.as_bytes();
        // Which algorithm it is, is the key's to say; the token may only agree.
        let checked = match (&key.material, self.algorithm) {
            (TokenKeyMaterial::Rsa { n, e }, Algorithm::Rs256) => {
                let (n, e) = (decode(n).ok_or(wrong)?, decode(e).ok_or(wrong)?);
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, &self.signature)
            }
            (TokenKeyMaterial::P256 { x, y }, Algorithm::Es256) => {
                let mut point = vec![4];
                point.extend(decode(x).ok_or(wrong)?);
                point.extend(decode(y).ok_or(wrong)?);
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, &self.signature)
            }
            _ => return Err(wrong),
        };
        checked.map_err(|_| wrong)
    }
}

impl Claims {
    fn told(self) -> TokenClaims {
        let scopes = [&self.scope, &self.scopes].into_iter().flatten().flat_map(Texts::iter);
        let scopes = scopes.flat_map(|text| text.split([' ', ',']));
        let scopes = scopes
            .filter_map(|name| Scope::parse(name.strip_prefix("portkey.").unwrap_or(name)).ok());
        let user = [self.email_id, self.sub, self.uid];
        let user = user.into_iter().flatten().find(|text| !text.trim().is_empty());
        let (config, metadata) = match self.defaults {
            None => (None, BTreeMap::new()),
            Some(Defaults { config_id, metadata }) => (config_id, metadata),
        };
        let text = |(name, value): (String, Value)| match value {
            Value::String(text) => Some((name, text)),
            Value::Number(number) => Some((name, number.to_string())),
            Value::Bool(flag) => Some((name, flag.to_string())),
            _ => None,
        };
        TokenClaims {
            workspace: self.portkey_workspace.or(self.workspace_slug),
            scopes: scopes.collect::<ScopeSet>(),
            user: user.map(|text| {
                text.chars().filter(|c| !c.is_control()).take(MAX_USER_CHARS).collect()
            }),
            config,
            metadata: metadata.into_iter().filter_map(text).take(64).collect(),
            // What lies beyond the years that instants can name is as good as never.
            expires_at: Timestamp::from_micros((self.exp * 1_000_000.0) as i64),
        }
    }
}

impl Texts {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Several(texts) => texts,
        };
        texts.iter().map(String::as_str)
    }
}
