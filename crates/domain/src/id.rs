//! Identifiers: UUIDv7 (RFC 9562), one type per noun, so that one noun's id cannot be passed for
//! another's.

use std::{cmp::Ordering, fmt, hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::{Clock, Dice, Timestamp};

/// The kind of thing an [`Id`] names.
pub trait Noun: 'static {
    /// The noun in lower case, for messages.
    const NAME: &'static str;
}

/// The identifier of one `N`: a UUIDv7, written hyphenated in lower case.
pub struct Id<N>(Uuid, PhantomData<fn() -> N>);

/// Text that is not a UUID.
#[derive(Debug, thiserror::Error)]
#[error("not a valid {noun} id: expected a UUID such as 0190b7a2-3f4c-7d8e-9a1b-2c3d4e5f6a7b")]
pub struct MalformedId {
    noun: &'static str,
}

impl<N: Noun> Id<N> {
    /// A new id from the clock's milliseconds and 74 random bits, sortable by time.
    pub fn mint(clock: &dyn Clock, dice: &dyn Dice) -> Self {
        Self::mint_at(clock.now(), dice)
    }

    /// As [`Self::mint`], where the time is known.
    pub fn mint_at(now: Timestamp, dice: &dyn Dice) -> Self {
        let mut random = [0; 10];
        dice.fill(&mut random);
        let millis = now.micros().max(0) as u64 / 1000;
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Reads the hyphenated or simple form.
    pub fn parse(text: &str) -> Result<Self, MalformedId> {
        Uuid::try_parse(text).map(Self::from_uuid).map_err(|_| MalformedId { noun: N::NAME })
    }

    /// Takes a UUID read from our own storage.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The id that a hash comes to: a UUID of version 8 (RFC 9562 §5.8), for what is not stored.
    pub const fn from_hash(hash: [u8; 16]) -> Self {
        Self::from_uuid(uuid::Builder::from_custom_bytes(hash).into_uuid())
    }

    /// The UUID itself.
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// The sixteen bytes, big-endian.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl<N> Clone for Id<N> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<N> Copy for Id<N> {}
impl<N> PartialEq for Id<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<N> Eq for Id<N> {}
impl<N> PartialOrd for Id<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<N> Ord for Id<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<N> hash::Hash for Id<N> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<N> fmt::Display for Id<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}
impl<N> fmt::Debug for Id<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}
impl<N: Noun> FromStr for Id<N> {
    type Err = MalformedId;
    fn from_str(text: &str) -> Result<Self, MalformedId> {
        Self::parse(text)
    }
}
impl<N> Serialize for Id<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = Uuid::encode_buffer();
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut buffer))
    }
}
impl<'de, N: Noun> Deserialize<'de> for Id<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

macro_rules! nouns {
    ($($(#[$doc:meta])* $alias:ident = $marker:ident $name:literal;)*) => {$(
        #[doc = concat!("Marks ids of: ", $name, ".")]
        pub struct $marker;
        impl Noun for $marker {
            const NAME: &'static str = $name;
        }
        $(#[$doc])*
        pub type $alias = Id<$marker>;
    )*};
}

nouns! {
    /// Names an organisation (tenant).
    OrganisationId = OrganisationNoun "organisation";
    /// Names a workspace of an organisation.
    WorkspaceId = WorkspaceNoun "workspace";
    /// Names an environment of a workspace.
    EnvironmentId = EnvironmentNoun "environment";
    /// Names a person.
    UserId = UserNoun "user";
    /// Names an invite.
    InviteId = InviteNoun "invite";
    /// Names a session of a person who is signed in.
    SessionId = SessionNoun "session";
    /// Names an API key; it stays the same when the key is rotated.
    ApiKeyId = ApiKeyNoun "API key";
    /// Names an integration: one sealed provider credential.
    IntegrationId = IntegrationNoun "integration";
    /// Names a virtual key (provider): an integration as one workspace sees it.
    VirtualKeyId = VirtualKeyNoun "virtual key";
    /// Names one data-plane call and its log.
    CallId = CallNoun "log";
    /// Names a data key of the vault.
    DataKeyId = DataKeyNoun "data key";
    /// Names an organisation's connection to a KMS key of its own.
    KmsConnectionId = KmsConnectionNoun "KMS connection";
    /// Names one running process of the product.
    NodeId = NodeNoun "node";
}
