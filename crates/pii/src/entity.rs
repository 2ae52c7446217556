//! What can be found: the types of personal data and secrets, by stable id.

use std::fmt;

use crate::{
    names,
    recognizer::{self, Recognizer},
    scan,
};

/// A type of personal data or secret. The ids of the built-in ones are stable: they appear in
/// policies, placeholders and reports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity(pub(crate) u16);

/// The groups that types are listed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Who somebody is.
    Identity,
    /// How to reach somebody.
    Contact,
    /// Cards, accounts and addresses of money.
    Financial,
    /// Numbers that a state gives, by its country.
    Government(Country),
    /// Health records and insurance.
    Health,
    /// Addresses and numbers of devices.
    Network,
    /// What opens something.
    Secrets,
    /// Where something is.
    Location,
    /// Types that a configuration defines.
    Custom,
}

/// An ISO 3166-1 alpha-2 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(pub &'static str);

impl Entity {
    /// How many types are built in. Custom types come behind them.
    pub const BUILT_IN: usize = recognizer::ALL.len();

    /// All built-in types, in the order of the reference table.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::BUILT_IN).map(|index| Self(index as u16))
    }

    /// The built-in type of this id, such as `EMAIL`.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::all().find(|entity| entity.id() == id)
    }

    /// The stable id; `CUSTOM` for a custom type, whose own id its detector knows.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.recognizer().map_or("CUSTOM", |it| it.id)
    }

    /// The group it is listed under.
    #[must_use]
    pub fn group(self) -> Group {
        self.recognizer().map_or(Group::Custom, |it| it.group)
    }

    /// What it is, in words.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.recognizer().map_or("a type that the configuration defines", |it| it.title)
    }

    /// How a value is validated, in words.
    #[must_use]
    pub fn validator(self) -> &'static str {
        self.recognizer().map_or("", |it| it.validator)
    }

    /// An invented example.
    #[must_use]
    pub fn example(self) -> &'static str {
        self.recognizer().map_or("", |it| it.example)
    }

    /// The most that a stream is held back for a value, bytes of what the text reads as: an escape
    /// counts as the character that it stands for. Only texts that are made for it come near; prose
    /// waits for the next word or two. A detector holds back what the slowest of its types does.
    #[must_use]
    pub fn hold(self) -> usize {
        let Some(recognizer) = self.recognizer() else {
            return crate::LONGEST_CUSTOM + scan::HOLD;
        };
        let named = [Self::PERSON, Self::ADDRESS, Self::LOCATION, Self::ORGANIZATION];
        let tagged = if named.contains(&self) { names::HOLD } else { 0 };
        recognizer.hold.max(scan::HOLD) + tagged
    }

    /// Whether a detector looks for it unless told otherwise.
    #[must_use]
    pub fn on_by_default(self) -> bool {
        self.recognizer().is_none_or(|it| it.on)
    }

    pub(crate) fn recognizer(self) -> Option<&'static Recognizer> {
        recognizer::ALL.get(usize::from(self.0)).copied()
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.recognizer() {
            Some(it) => f.write_str(it.id),
            None => write!(f, "CUSTOM#{}", self.index() - Self::BUILT_IN),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Identity => "identity",
            Self::Contact => "contact",
            Self::Financial => "financial",
            Self::Government(country) => return write!(f, "government/{}", country.0),
            Self::Health => "health",
            Self::Network => "network",
            Self::Secrets => "secrets",
            Self::Location => "location",
            Self::Custom => "custom",
        };
        f.write_str(name)
    }
}
