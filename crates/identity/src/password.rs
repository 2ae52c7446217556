//! Passwords: Argon2id (RFC 9106) with the parameters that OWASP recommends (19 MiB, two passes).

use std::sync::OnceLock;

use argon2::{
    Argon2, CustomizedPasswordHasher as _, Params, PasswordHasher as _,
    password_hash::phc::{PasswordHash, Salt},
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
    /// The hash of a password, as a PHC string, with a random salt: or with the salt of those
    /// `beside` which it will be looked for, so that [`Self::find`] has one hash to compute.
    pub fn hash(
        &self,
        password: &Secret<String>,
        beside: &[Secret<String>],
        dice: &dyn Dice,
    ) -> Secret<String> {
        let mut random = [0; 16];
        dice.fill(&mut random);
        let shared = beside.iter().find_map(|known| parse(known)?.salt);
        let salt = shared.as_ref().map_or(random.as_slice(), |salt: &Salt| salt);
        Secret::new(hash(password.danger_expose(), salt))
    }

    /// Of which hashes a password is. It takes as long for none as for one, and for one as for
    /// several that share their salt.
    pub fn find(&self, password: &Secret<String>, known: &[Secret<String>]) -> Vec<usize> {
        // A book is not read.
        let is_bounded = password.danger_expose().len() <= 4 * MAX_PASSWORD_CHARS;
        let presented = if is_bounded { password.danger_expose().as_bytes() } else { b"" };
        let mut computed: Vec<PasswordHash> = Vec::new();
        let mut found = Vec::new();
        for (index, known) in known.iter().enumerate() {
            let Some(known) = parse(known) else { continue };
            let is_like = |other: &&PasswordHash| {
                (&other.algorithm, other.version, &other.params, &other.salt)
                    == (&known.algorithm, known.version, &known.params, &known.salt)
            };
            let output = match computed.iter().find(is_like) {
                Some(like) => like.hash,
                None => compute(presented, &known).and_then(|like| {
                    computed.push(like);
                    computed.last()?.hash
                }),
            };
            // Outputs are compared in constant time.
            if is_bounded && output.is_some() && output == known.hash {
                found.push(index);
            }
        }
        if computed.is_empty() {
            let decoy = self.decoy.get_or_init(|| hash("a decoy", &[7; 16]));
            PasswordHash::new(decoy).ok().and_then(|decoy| compute(presented, &decoy));
        }
        found
    }

    /// Whether a password is the one of a hash. Without one the answer is no, after the same work.
    pub fn verify(&self, password: &Secret<String>, known: Option<&Secret<String>>) -> bool {
        !self.find(password, known.map(std::slice::from_ref).unwrap_or_default()).is_empty()
    }
}

fn parse(known: &Secret<String>) -> Option<PasswordHash> {
    PasswordHash::new(known.danger_expose()).ok()
}

/// The hash of a password with the salt and the parameters of another.
fn compute(password: &[u8], like: &PasswordHash) -> Option<PasswordHash> {
    let params = Params::try_from(like).ok()?;
    let (algorithm, salt) = (Some(like.algorithm.as_str()), like.salt.as_ref()?);
    let hasher = Argon2::default();
    hasher.hash_password_customized(password, salt, algorithm, like.version, params).ok()
}

fn hash(password: &str, salt: &[u8]) -> String {
    Argon2::default()
        .hash_password_with_salt(password.as_bytes(), salt)
        .expect("a bounded password and a salt of 8 bytes and more can be hashed")
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
        let hash = hashing.hash(&secret("correct horse"), &[], &Fixed);
        assert!(hash.danger_expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hashing.verify(&secret("correct horse"), Some(&hash)));
        assert!(!hashing.verify(&secret("Correct horse"), Some(&hash)));
        assert!(!hashing.verify(&secret(""), Some(&hash)));
        assert!(!hashing.verify(&secret("a decoy"), None), "nobody has the decoy");
        assert!(!hashing.verify(&secret("x"), Some(&secret("not a hash"))));
        let book = "x".repeat(100_000);
        let of_nothing = hashing.hash(&secret(""), &[], &Fixed);
        assert!(!hashing.verify(&secret(&book), Some(&of_nothing)));
    }

    #[test]
    fn a_password_is_found_among_several_that_share_their_salt_or_do_not() {
        let hashing = PasswordHashing::default();
        let first = hashing.hash(&secret("the first one"), &[], &Fixed);
        let other = Secret::new(hash("another salt", &[9; 16]));
        let beside = [secret("not a hash"), other, first];
        let second = hashing.hash(&secret("the second"), &beside, &Fixed);
        let salt =
            |hash: &Secret<String>| hash.danger_expose().rsplit('$').nth(1).map(str::to_owned);
        assert_eq!(salt(&second), salt(&beside[1]), "the salt of the first that is one");
        let [nonsense, other, first] = beside;
        let weaker = Argon2::from(Params::new(16, 1, 1, None).unwrap());
        let weaker = weaker.hash_password_with_salt(b"the second", &[9; 16]).unwrap();
        let known = [nonsense, other, first, second, Secret::new(weaker.to_string())];
        for (password, expected) in [
            ("another salt", vec![1]),
            ("the first one", vec![2]),
            ("the second", vec![3, 4]),
            ("somebody else's", vec![]),
        ] {
            assert_eq!(hashing.find(&secret(password), &known), expected, "{password}");
        }
        assert!(hashing.find(&secret("a decoy"), &[]).is_empty());
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
