//! The key that signs audit records and checkpoints: Ed25519 (RFC 8032). Its public half is all
//! that is needed to check an export of the trail.

use aws_lc_rs::{
    digest,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use portcullis_domain::{AuditLink, AuditProof, AuditSigner, Dice, Secret};

/// Signs audit records.
pub struct AuditKey {
    pair: Ed25519KeyPair,
    seed: Secret<Vec<u8>>,
}

/// Checks audit records. Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPublicKey(pub [u8; 32]);

/// Bytes that are no audit key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an audit key has 32 bytes: this one is damaged or cut off")]
pub struct MalformedAuditKey;

const SEED_LEN: usize = 32;
/// Signed in front of every text, so that a signature for one purpose serves no other.
const RECORD: &[u8] = b"portcullis audit record\n";
const CHECKPOINT: &[u8] = b"portcullis audit checkpoint\n";

impl AuditKey {
    /// A new key.
    pub fn mint(dice: &dyn Dice) -> Self {
        let mut seed = vec![0; SEED_LEN];
        dice.fill(&mut seed);
        // Every 32 bytes are a seed.
        Self::from_bytes(Secret::new(seed)).expect("32 bytes are an Ed25519 seed")
    }

    /// Takes the 32 bytes that [`Self::danger_expose`] gave to be sealed.
    pub fn from_bytes(seed: Secret<Vec<u8>>) -> Result<Self, MalformedAuditKey> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.danger_expose());
        Ok(Self { pair: pair.map_err(|_| MalformedAuditKey)?, seed })
    }

    /// The 32 bytes, to be sealed.
    pub fn danger_expose(&self) -> &[u8] {
        self.seed.danger_expose()
    }

    /// The half that checks.
    pub fn public(&self) -> AuditPublicKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.pair.public_key().as_ref());
        AuditPublicKey(key)
    }

    /// Signs the text of a checkpoint.
    pub fn sign_checkpoint(&self, text: &str) -> [u8; 64] {
        self.sign(CHECKPOINT, text.as_bytes())
    }

    fn sign(&self, purpose: &[u8], text: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(&[purpose, text].concat()).as_ref());
        signature
    }
}

impl AuditSigner for AuditKey {
    fn link(&self, previous: &[u8; 32], canonical: &str) -> AuditLink {
        let hash = self.public().hash(previous, canonical);
        AuditLink { hash, signature: self.sign(RECORD, &hash) }
    }
}

impl AuditPublicKey {
    /// Reads 64 hexadecimal digits, as its `Display` writes them.
    pub fn parse(text: &str) -> Result<Self, MalformedAuditKey> {
        let text = text.trim();
        let mut key = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(MalformedAuditKey);
        }
        for (at, byte) in key.iter_mut().enumerate() {
            let digits = &text[at * 2..at * 2 + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| MalformedAuditKey)?;
        }
        Ok(Self(key))
    }

    /// Whether the signature is one over that checkpoint.
    pub fn is_checkpoint(&self, text: &str, signature: &[u8; 64]) -> bool {
        self.verifies(CHECKPOINT, text.as_bytes(), signature)
    }

    fn verifies(&self, purpose: &[u8], text: &[u8], signature: &[u8; 64]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        key.verify(&[purpose, text].concat(), signature).is_ok()
    }
}

impl std::fmt::Display for AuditPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl AuditProof for AuditPublicKey {
    fn hash(&self, previous: &[u8; 32], canonical: &str) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(previous);
        context.update(canonical.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        hash
    }

    fn is_signed(&self, hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        self.verifies(RECORD, hash, signature)
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::{AuditProof as _, AuditSigner as _, Dice, Secret};

    use super::{AuditKey, AuditPublicKey};

    struct Fixed;
    impl Dice for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(5);
        }
    }

    #[test]
    fn a_signature_holds_for_its_record_and_purpose_only() {
        let key = AuditKey::mint(&Fixed);
        let public = AuditPublicKey::parse(&key.public().to_string()).unwrap();
        let link = key.link(&[0; 32], "{}");
        assert!(public.is_signed(&link.hash, &link.signature));
        // SHA-256 of 32 zeros and `{}`, checked with another program.
        let hash: String = link.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, "fb1634c4e6cd4b1f1afe3ce2d6ef080f7ac5d1f357d723ad4dfca782733b62db");
        let mut other = link.hash;
        other[0] ^= 1;
        assert!(!public.is_signed(&other, &link.signature));
        assert!(!public.is_checkpoint("{}", &key.link(&[0; 32], "{}").signature));
        let signature = key.sign_checkpoint("text");
        assert!(public.is_checkpoint("text", &signature));
        assert!(!public.is_checkpoint("texts", &signature));
        let seed = Secret::new(key.danger_expose().to_vec());
        assert_eq!(AuditKey::from_bytes(seed).unwrap().public(), public);
        assert!(AuditKey::from_bytes(Secret::new(vec![1; 31])).is_err());
        assert!(AuditPublicKey::parse("zz").is_err());
    }
}
