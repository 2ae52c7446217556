//! Values that must not leak.

use zeroize::{Zeroize, Zeroizing};

/// A secret value. It has no `Debug`, `Display` or `Serialize`, is wiped when dropped, and is read
/// only through [`Secret::danger_expose`], which a reviewer can search for.
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes custody of a value.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the one place that must use it.
    pub fn danger_expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + Clone> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// How a secret is shown where something must be: the first two characters, eight asterisks, the
/// last three (admin reference §1). Shorter than twelve characters, nothing of it is shown.
pub fn mask(secret: &str) -> String {
    let count = secret.chars().count();
    if count < 12 {
        return "********".to_owned();
    }
    let head: String = secret.chars().take(2).collect();
    let tail: String = secret.chars().skip(count - 3).collect();
    format!("{head}********{tail}")
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn shows_two_and_three_characters_of_a_long_secret_only() {
        assert_eq!(mask("sk-abcdefghijkl"), "sk********jkl");
        assert_eq!(mask("short"), "********");
    }
}
