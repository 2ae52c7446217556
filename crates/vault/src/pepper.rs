//! The instance's pepper: the key of the digests by which API keys are known.

use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_domain::{ApiKeyDigest, Dice, Secret};
use sha2::Sha256;

use crate::scrub::scrub;

/// An HMAC-SHA-256 key for API-key digests, prepared once. Without it a stolen database does not
/// even tell whether a guessed key is right.
pub struct Pepper {
    key: Hmac<Sha256>,
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
        let key = prepared(bytes.danger_expose());
        scrub();
        Self { key, bytes }
    }

    /// The digest by which an API key is stored and found.
    pub fn digest(&self, token: &str) -> ApiKeyDigest {
        ApiKeyDigest(self.tag(&[token]))
    }

    /// A short keyed digest of a secret, by which whoever has the secret can find where it is used:
    /// 16 hexadecimal digits. It tells nobody else anything.
    pub fn fingerprint(&self, secret: &str) -> String {
        let tag = self.tag(&["fingerprint\n", secret]);
        tag.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// A keyed digest of anything else, told apart from others' by its purpose.
    pub fn digest_for(&self, purpose: &str, text: &str) -> [u8; 32] {
        self.tag(&[purpose, "\n", text])
    }

    fn tag(&self, pieces: &[&str]) -> [u8; 32] {
        let mut mac = self.key.clone();
        pieces.iter().for_each(|piece| mac.update(piece.as_bytes()));
        mac.finalize().into_bytes().into()
    }

    /// The 32 bytes, to be sealed.
    pub fn danger_expose(&self) -> &[u8] {
        self.bytes.danger_expose()
    }
}

/// Not inlined: what it leaves on the stack lies below its caller, where it is wiped.
#[inline(never)]
fn prepared(bytes: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(bytes).expect("takes a key of any length")
}
