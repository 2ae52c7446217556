//! People.

use crate::{Timestamp, UserId};

/// A person. One person may belong to several organisations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their e-mail address. Others may bear it too: it is not verified, and an organisation has one
    /// member of each address.
    pub email: EmailAddress,
    /// Their first name.
    pub first_name: String,
    /// Their last name.
    pub last_name: String,
    /// When they were added.
    pub created_at: Timestamp,
    /// When they were changed last.
    pub updated_at: Timestamp,
}

/// An e-mail address that can be told from every other: printable ASCII only, so that no two look
/// alike (an international domain is written in its ASCII form), at most 254 bytes (RFC 5321).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailAddress(String);

/// Text that is no e-mail address.
#[derive(Debug, thiserror::Error)]
#[error("not an e-mail address: expected one such as name@company.example, in ASCII")]
pub struct MalformedEmailAddress;

impl EmailAddress {
    /// Checks the form; whether it exists is not known.
    pub fn parse(text: &str) -> Result<Self, MalformedEmailAddress> {
        let text = text.trim();
        let (local, host) = text.rsplit_once('@').ok_or(MalformedEmailAddress)?;
        let fits = text.len() <= 254
            && (1..=64).contains(&local.len())
            && local.bytes().all(|b| b.is_ascii_graphic() && !b"@<>()[]\\,;:\"".contains(&b))
            && host.contains('.')
            && host.split('.').all(|label| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            });
        if fits { Ok(Self(text.to_owned())) } else { Err(MalformedEmailAddress) }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// By which it is found: without regard to case.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// What is before the `@`: a first name for somebody of whom nothing else is known.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }
}

impl std::fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::EmailAddress;

    #[test]
    fn only_what_cannot_be_mistaken_is_an_address() {
        for good in ["a@b.example", " Jo.Doe+x@sub.company.example ", "o'neil@a-b.example"] {
            assert!(EmailAddress::parse(good).is_ok(), "{good}");
        }
        let long = format!("{}@b.example", "x".repeat(65));
        for bad in [
            "",
            "a",
            "@b.example",
            "a@b",
            "a@.example",
            "a@b..example",
            "a b@c.example",
            "\u{430}@b.example",
            "a@b.exa\u{212a}ple",
            "a@-b.example",
            "a@b@",
            &long,
        ] {
            let parsed = EmailAddress::parse(bad).map(|address| address.as_str().to_owned());
            assert!(parsed.is_err(), "{bad:?}: {parsed:?}");
        }
        assert_eq!(EmailAddress::parse("Jo@B.example").unwrap().folded(), "jo@b.example");
    }
}
