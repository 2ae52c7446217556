//! Passwords: Argon2id (RFC 9106) with the parameters that OWASP recommends (19 MiB, two passes).

use std::sync::OnceLock;

use argon2::{
    Argon2, PasswordHasher as _, PasswordVerifier as _, password_hash::phc::PasswordHash,
};
use portcullis_domain::{Dice, Secret};

/// The shortest password that is taken (NIST SP 800-63B-4 for passwords that stand alone: 15; what
/// guards a sign-in with back-off may be shorter).
pub const MIN_PASSWORD_CHARS: usize = 12;
/// The longest one: no more work than that for whoever sends a book.
pub const MAX_PASSWORD_CHARS: usize = 256;

/// A password that would be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too short, or too long.
    #[error("must have {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")]
    Length,
    /// It repeats one or two characters.
    #[error("must be of more than two different characters")]
    Repetitive,
    /// It is the person's e-mail address, or a part of it.
    #[error("must not be made from the e-mail address")]
    LikeAddress,
}

/// Makes and checks hashes. Slow on purpose: tens of milliseconds of one core.
#[derive(Default)]
pub struct PasswordHashing {
    /// What is checked when there is no hash, so that an unknown person takes as long as a known
    /// one.
    decoy: OnceLock<String>,
}

/// Whether a password may be chosen by the person of that e-mail address.
pub fn check_password(password: &str, email: &str) -> Result<(), WeakPassword> {
    let count = password.chars().count();
    if !(MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS).contains(&count) {
        return Err(WeakPassword::Length);
    }
    let mut different: Vec<char> = password.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() <= 2 {
        return Err(WeakPassword::Repetitive);
    }
    let (password, email) = (password.to_lowercase(), email.to_lowercase());
    if password.contains(&email) || email.contains(&password) {
        return Err(WeakPassword::LikeAddress);
    }
    Ok(())
}

/// A password of 20 characters without look-alikes: 115 bits.
pub fn mint_password(dice: &dyn Dice) -> Secret<String> {
    const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ";
    let mut text = String::with_capacity(20);
    while text.len() < 20 {
        let mut byte = [0];
        dice.fill(&mut byte);
        let limit = 256 - 256 % LETTERS.len();
        if usize::from(byte[0]) < limit {
            text.push(char::from(LETTERS[usize::from(byte[0]) % LETTERS.len()]));
        }
    }
    Secret::new(text)
}

impl PasswordHashing {
    /// The hash of a password, with a salt of its own, as a PHC string.
    pub fn hash(&self, password: &Secret<String>, dice: &dyn Dice) -> Secret<String> {
        let mut salt = [0; 16];
        dice.fill(&mut salt);
        Secret::new(hash(password.danger_expose(), &salt))
    }

    /// Whether a password is the one of a hash. Without one the answer is no, after the same work.
    pub fn verify(&self, password: &Secret<String>, known: Option<&Secret<String>>) -> bool {
        let text = match known {
            Some(known) => known.danger_expose().as_str(),
            None => self.decoy.get_or_init(|| hash("a decoy", &[7; 16])),
        };
        // A book is not read.
        let is_bounded = password.danger_expose().len() <= 4 * MAX_PASSWORD_CHARS;
        let presented = if is_bounded { password.danger_expose().as_bytes() } else { b"" };
        let verified = PasswordHash::new(text)
            .is_ok_and(|parsed| Argon2::default().verify_password(presented, &parsed).is_ok());
        verified && is_bounded && known.is_some()
    }
}

fn hash(password: &str, salt: &[u8; 16]) -> String {
    Argon2::default()
        .hash_password_with_salt(password.as_bytes(), salt)
        .expect("a bounded password and a salt of 16 bytes can be hashed")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Dice for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(3);
        }
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn the_right_password_and_only_that_one_is_verified() {
        let hashing = PasswordHashing::default();
        let hash = hashing.hash(&secret("correct horse"), &Fixed);
        assert!(hash.danger_expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hashing.verify(&secret("correct horse"), Some(&hash)));
        assert!(!hashing.verify(&secret("Correct horse"), Some(&hash)));
        assert!(!hashing.verify(&secret(""), Some(&hash)));
        assert!(!hashing.verify(&secret("a decoy"), None), "nobody has the decoy");
        assert!(!hashing.verify(&secret("x"), Some(&secret("not a hash"))));
        let book = "x".repeat(100_000);
        let of_nothing = hashing.hash(&secret(""), &Fixed);
        assert!(!hashing.verify(&secret(&book), Some(&of_nothing)));
    }

    #[test]
    fn what_would_be_guessed_is_not_taken() {
        let email = "jo.doe@company.example";
        let check = |password: &str| check_password(password, email);
        assert_eq!(check("short"), Err(WeakPassword::Length));
        assert_eq!(check(&"x".repeat(257)), Err(WeakPassword::Length));
        assert_eq!(check("abababababababab"), Err(WeakPassword::Repetitive));
        assert_eq!(check("Jo.Doe@company.example1"), Err(WeakPassword::LikeAddress));
        assert_eq!(check("company.example"), Err(WeakPassword::LikeAddress));
        assert_eq!(check("three blind mice"), Ok(()));
    }
}
