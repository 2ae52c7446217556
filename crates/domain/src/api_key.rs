//! API keys: what a client presents to us.

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;

use crate::{
    ApiKeyId, Dice, EnvironmentId, OrganisationId, ScopeSet, Secret, Timestamp, UserId, WorkspaceId,
};

/// The record of one API key. The key itself is not in it, only its digest.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKey {
    /// Its id; rotation keeps it.
    pub id: ApiKeyId,
    /// Its organisation.
    pub organisation_id: OrganisationId,
    /// The workspace its data-plane calls belong to; for an organisation key, the default one.
    pub workspace_id: WorkspaceId,
    /// The environment its calls belong to.
    pub environment_id: EnvironmentId,
    /// The person it stands for, when user-bound.
    pub user_id: Option<UserId>,
    /// Its kind.
    pub kind: ApiKeyKind,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The keyed digest of the current key.
    pub digest: ApiKeyDigest,
    /// The masked key, to recognise it by: first two characters, asterisks, last three.
    pub hint: String,
    /// The rotated-out key that still works for a while.
    pub previous: Option<PreviousDigest>,
    /// What it may do, at most: a person's key never does more than the person.
    pub scopes: ScopeSet,
    /// What its calls get unless they say otherwise.
    pub defaults: ApiKeyDefaults,
    /// From where it may be used; from everywhere when empty.
    pub allowed_addresses: Vec<AddressRange>,
    /// How it was made.
    pub made_by: ApiKeyMadeBy,
    /// Whether it stands for a signed token: then there is no such key, and its id is made from
    /// what the token says of its bearer.
    pub is_token: bool,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// What kind of API key it is (admin reference §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyKind {
    /// An organisation's key (`organisation-service`).
    OrganisationService,
    /// A workspace's key (`workspace-service`).
    WorkspaceService,
    /// A person's key in a workspace (`workspace-user`).
    WorkspaceUser,
}

/// A rotated-out key in its overlap window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousDigest {
    /// Its digest.
    pub digest: ApiKeyDigest,
    /// From when on it is refused.
    pub until: Timestamp,
}

/// What a key's calls get unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiKeyDefaults {
    /// Metadata merged over the request's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The saved config that calls without one get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Guardrails that look at every request, besides the workspace's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub input_guardrails: Vec<String>,
    /// Guardrails that look at every answer, besides the workspace's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output_guardrails: Vec<String>,
    /// Whether a call may name another config.
    pub allow_config_override: bool,
}

/// How a key was made (admin reference §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApiKeyMadeBy {
    /// Through the API, with a key.
    #[default]
    Api,
    /// By a person who was signed in.
    Person,
    /// By the instance, with something else.
    Instance,
}

/// Addresses from which a key may be used: one, or a network in CIDR notation (RFC 4632).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange(ipnet::IpNet);

/// Text that is neither an address nor a network.
#[derive(Debug, thiserror::Error)]
#[error("not an address or network: expected one such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32")]
pub struct MalformedAddressRange;

/// HMAC-SHA-256 of a whole key under the instance's pepper.
#[derive(Clone, Copy, Eq)]
pub struct ApiKeyDigest(pub [u8; 32]);

/// A key in the clear: `pck_<hint>_<33 base62 characters: 196 bits>_<6 base62 characters: CRC-32>`.
/// The pattern for secret scanners is `pck_[a-z0-9]{1,12}_[0-9A-Za-z]{33}_[0-9A-Za-z]{6}`.
pub struct ApiKeyToken(Secret<String>);

/// Text that is not one of our keys. It never repeats the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MalformedApiKey {
    /// The form is another.
    #[error("not a Portcullis API key: expected pck_<hint>_<33 characters>_<checksum>")]
    Form,
    /// The form is right but the checksum is not: mistyped or cut off.
    #[error("the API key's checksum does not match: it was mistyped or cut off")]
    Checksum,
}

const PREFIX: &str = "pck_";
const RANDOM_LEN: usize = 33;
const CHECKSUM_LEN: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl ApiKeyToken {
    /// A new key. `environment` becomes the hint: its letters and digits, at most twelve.
    pub fn mint(environment: &str, dice: &dyn Dice) -> Self {
        let mut hint: String = environment
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .take(12)
            .collect();
        if hint.is_empty() {
            hint.push_str("key");
        }
        let mut text = format!("{PREFIX}{hint}_");
        while text.len() < PREFIX.len() + hint.len() + 1 + RANDOM_LEN {
            let mut byte = [0];
            dice.fill(&mut byte);
            // 248 is the largest multiple of 62 in a byte: above it the choice would be uneven.
            if byte[0] < 248 {
                text.push(char::from(BASE62[usize::from(byte[0] % 62)]));
            }
        }
        let checksum = checksum(text.as_bytes());
        text.push('_');
        text.extend(checksum.map(char::from));
        Self(Secret::new(text))
    }

    /// Checks form and checksum, before any look-up.
    pub fn parse(text: &str) -> Result<Self, MalformedApiKey> {
        Self::check(text)?;
        Ok(Self(Secret::new(text.to_owned())))
    }

    /// As [`Self::parse`], without taking a copy.
    pub fn check(text: &str) -> Result<(), MalformedApiKey> {
        let (signed, sum) = parts(text).ok_or(MalformedApiKey::Form)?;
        if checksum(signed) == *sum { Ok(()) } else { Err(MalformedApiKey::Checksum) }
    }

    /// Whether text has the form of a key, whatever its checksum.
    pub fn has_form(text: &str) -> bool {
        parts(text).is_some()
    }

    /// Whether text looks like one of our keys at all, valid or not.
    pub fn resembles(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// The key in the clear: shown once, or digested.
    pub fn danger_expose(&self) -> &str {
        self.0.danger_expose()
    }

    /// The masked form stored as [`ApiKey::hint`].
    pub fn hint(&self) -> String {
        crate::mask(self.danger_expose())
    }
}

/// What is signed of a key, and its checksum, if it has the form of one.
fn parts(text: &str) -> Option<(&[u8], &[u8; CHECKSUM_LEN])> {
    let (rest, sum) = text.as_bytes().split_last_chunk()?;
    let signed = rest.strip_suffix(b"_")?;
    let (rest, random) = signed.split_last_chunk::<RANDOM_LEN>()?;
    let hint = rest.strip_prefix(PREFIX.as_bytes())?.strip_suffix(b"_")?;
    let alphanumeric = |part: &[u8]| part.iter().all(u8::is_ascii_alphanumeric);
    let fits = (1..=12).contains(&hint.len())
        && alphanumeric(hint)
        && alphanumeric(random)
        && alphanumeric(sum);
    fits.then_some((signed, sum))
}

fn checksum(signed: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut rest = crc32fast::hash(signed);
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

impl ApiKeyKind {
    /// Every kind.
    pub const ALL: [Self; 3] =
        [Self::OrganisationService, Self::WorkspaceService, Self::WorkspaceUser];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrganisationService => "organisation-service",
            Self::WorkspaceService => "workspace-service",
            Self::WorkspaceUser => "workspace-user",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text)
    }

    /// Whether keys of this kind can hold a scope (admin reference §2).
    pub fn can_hold(self, scope: crate::Scope) -> bool {
        match self {
            Self::OrganisationService => true,
            Self::WorkspaceService => scope.fits_workspace(),
            Self::WorkspaceUser => scope.fits_workspace() && !scope.is_of_api_keys(),
        }
    }

    /// Everything that keys of this kind can hold.
    pub fn most(self) -> &'static ScopeSet {
        static MOST: LazyLock<[ScopeSet; 3]> = LazyLock::new(|| {
            ApiKeyKind::ALL.map(|kind| {
                let all = crate::Scope::ALL.iter().copied();
                all.filter(|scope| kind.can_hold(*scope)).collect()
            })
        });
        &MOST[self as usize]
    }

    /// Whether keys of this kind are confined to one workspace.
    pub const fn is_workspace_bound(self) -> bool {
        !matches!(self, Self::OrganisationService)
    }
}

impl Default for ApiKeyDefaults {
    fn default() -> Self {
        Self {
            metadata: BTreeMap::new(),
            config: None,
            input_guardrails: Vec::new(),
            output_guardrails: Vec::new(),
            allow_config_override: true,
        }
    }
}

impl ApiKeyMadeBy {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Person => "ui",
            Self::Instance => "auto",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Api, Self::Person, Self::Instance].into_iter().find(|mode| mode.name() == text)
    }
}

impl AddressRange {
    /// Reads an address or a network.
    pub fn parse(text: &str) -> Result<Self, MalformedAddressRange> {
        let text = text.trim();
        let address = || text.parse::<IpAddr>().map(ipnet::IpNet::from);
        let network = text.parse().or_else(|_| address()).map_err(|_| MalformedAddressRange)?;
        Ok(Self(network))
    }

    /// Whether an address is within. One of IPv4 that came as IPv6 is taken for what it is.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for AddressRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl ApiKey {
    /// Whether it may be used from an address.
    pub fn allows_address(&self, address: IpAddr) -> bool {
        self.allowed_addresses.is_empty()
            || self.allowed_addresses.iter().any(|range| range.holds(address))
    }
}

/// In constant time: how much of a digest matches must not be measurable.
impl PartialEq for ApiKeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for ApiKeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyDigest")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::{ApiKeyToken, MalformedApiKey};
    use crate::Dice;

    struct Counting(AtomicU8);
    impl Dice for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill_with(|| self.0.fetch_add(37, Ordering::Relaxed));
        }
    }

    #[test]
    fn a_minted_key_parses_and_any_changed_character_is_noticed() {
        let token = ApiKeyToken::mint("production", &Counting(AtomicU8::new(3)));
        let text = token.danger_expose();
        assert!(text.starts_with("pck_production_"), "{text}");
        assert!(ApiKeyToken::parse(text).is_ok());
        for at in 4..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(ApiKeyToken::check(&changed).is_err(), "{changed}");
        }
        assert_eq!(ApiKeyToken::check(&text[..text.len() - 1]), Err(MalformedApiKey::Form));
        for foreign in ["", "sk-proj-123", "pck_", "pck_a_b_c", "pck_é_b_c"] {
            assert_eq!(ApiKeyToken::check(foreign), Err(MalformedApiKey::Form), "{foreign}");
        }
    }
}
