//! Slugs: the short names people and clients use in addresses.

use std::{borrow::Borrow, fmt, sync::Arc};

/// A short name: 1–255 characters of `a-z A-Z 0-9 _ -` (admin reference §1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(Arc<str>);

/// Text that is not a slug.
#[derive(Debug, thiserror::Error)]
#[error("not a valid slug: use 1 to 255 letters, digits, '-' or '_'")]
pub struct MalformedSlug;

impl Slug {
    /// Checks and takes a slug.
    pub fn parse(text: &str) -> Result<Self, MalformedSlug> {
        let fits = (1..=255).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits { Ok(Self(text.into())) } else { Err(MalformedSlug) }
    }

    /// A slug made from a name: lower case, runs of anything else become one hyphen; `fallback`
    /// when nothing is left.
    pub fn from_name(name: &str, fallback: &str) -> Self {
        let mut text = String::with_capacity(name.len());
        for c in name.chars() {
            if c.is_ascii_alphanumeric() {
                text.push(c.to_ascii_lowercase());
            } else if !text.is_empty() && !text.ends_with('-') {
                text.push('-');
            }
            if text.len() >= 200 {
                break;
            }
        }
        let text = text.trim_end_matches('-');
        Self(if text.is_empty() { fallback } else { text }.into())
    }

    /// This slug with `-suffix` appended, to tell two of a name apart.
    pub fn with_suffix(&self, suffix: &str) -> Self {
        Self(format!("{}-{suffix}", self.0).into())
    }

    /// The text, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Slug {
    fn borrow(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Slug;

    #[test]
    fn takes_only_what_the_contract_allows() {
        assert!(Slug::parse("open-AI_2").is_ok());
        for bad in ["", "a b", "a/b", "é", "a.b", &"x".repeat(256)] {
            assert!(Slug::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Slug::from_name("  My Provider (EU)! ", "x").as_str(), "my-provider-eu");
        assert_eq!(Slug::from_name("名前", "provider").as_str(), "provider");
    }
}
