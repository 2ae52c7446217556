//! Tokens that stand for something while nobody else knows them: sessions, invites.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis_domain::{Dice, Secret};

/// 256 random bits, in 43 characters of base64url. Stored is only a digest.
pub struct SecretToken(Secret<String>);

impl SecretToken {
    /// A new token.
    pub fn mint(dice: &dyn Dice) -> Self {
        let mut bytes = [0; 32];
        dice.fill(&mut bytes);
        Self(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Takes what somebody presents, if it has the form of a token.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 43
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(Secret::new(text.to_owned())))
    }

    /// The token itself: shown once.
    pub fn danger_expose(&self) -> &str {
        self.0.danger_expose()
    }

    /// SHA-256, by which it is stored and found. 256 random bits need no salt.
    pub fn digest(&self) -> [u8; 32] {
        let digest = digest::digest(&digest::SHA256, self.0.danger_expose().as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Dice;

    use super::SecretToken;

    struct Fixed(u8);
    impl Dice for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn a_token_reads_back_and_has_its_own_digest() {
        let token = SecretToken::mint(&Fixed(0xfb));
        let again = SecretToken::parse(token.danger_expose()).unwrap();
        assert_eq!(again.digest(), token.digest());
        assert_ne!(SecretToken::mint(&Fixed(1)).digest(), token.digest());
        for bad in ["", "short", &"x".repeat(44), &format!("{}=", "x".repeat(42))] {
            assert!(SecretToken::parse(bad).is_none(), "{bad}");
        }
    }
}
