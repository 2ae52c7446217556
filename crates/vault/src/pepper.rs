//! The instance's pepper: the key of the digests by which API keys are known.

use aws_lc_rs::hmac;
use portcullis_domain::{ApiKeyDigest, Dice, Secret};

/// An HMAC-SHA-256 key for API-key digests, prepared once. Without it a stolen database does not
/// even tell whether a guessed key is right.
pub struct Pepper {
    key: hmac::Key,
    bytes: Secret<Vec<u8>>,
}

/// Bytes that are no pepper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pepper has 32 bytes: the stored one is damaged, restore it from a backup")]
pub struct MalformedPepper;

const LEN: usize = 32;

impl Pepper {
    /// A new pepper.
    pub fn mint(dice: &dyn Dice) -> Self {
        let mut bytes = vec![0; LEN];
        dice.fill(&mut bytes);
        Self::new(Secret::new(bytes))
    }

    /// Takes the 32 bytes that [`Self::danger_expose`] gave to be sealed.
    pub fn from_bytes(bytes: Secret<Vec<u8>>) -> Result<Self, MalformedPepper> {
        if bytes.danger_expose().len() == LEN { Ok(Self::new(bytes)) } else { Err(MalformedPepper) }
    }

    fn new(bytes: Secret<Vec<u8>>) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, bytes.danger_expose()), bytes }
    }

    /// The digest by which an API key is stored and found.
    pub fn digest(&self, token: &str) -> ApiKeyDigest {
        let tag = hmac::sign(&self.key, token.as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        ApiKeyDigest(digest)
    }

    /// A short keyed digest of a secret, by which whoever has the secret can find where it is used:
    /// 16 hexadecimal digits. It tells nobody else anything.
    pub fn fingerprint(&self, secret: &str) -> String {
        let tag = hmac::sign(&self.key, format!("fingerprint\n{secret}").as_bytes());
        tag.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// A keyed digest of anything else, told apart from others' by its purpose.
    pub fn digest_for(&self, purpose: &str, text: &str) -> [u8; 32] {
        self.digest(&format!("{purpose}\n{text}")).0
    }

    /// The 32 bytes, to be sealed.
    pub fn danger_expose(&self) -> &[u8] {
        self.bytes.danger_expose()
    }
}
