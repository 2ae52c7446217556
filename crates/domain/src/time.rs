//! Instants, and the two ports that keep ambient time and chance out of the rules.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Text that is not an RFC 3339 instant.
#[derive(Debug, thiserror::Error)]
#[error("not an instant: expected RFC 3339 such as 2027-01-31T12:00:00Z")]
pub struct MalformedTimestamp;

impl Timestamp {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 with any offset.
    pub fn parse(text: &str) -> Result<Self, MalformedTimestamp> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Self(t.as_microsecond()))
            .map_err(|_| MalformedTimestamp)
    }

    /// This instant plus a number of microseconds, saturating.
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// This instant plus a number of milliseconds, saturating.
    pub const fn plus_millis(self, millis: i64) -> Self {
        self.plus_micros(millis.saturating_mul(1000))
    }

    /// Microseconds from `earlier` to here; zero when the clock stepped back.
    pub const fn micros_since(self, earlier: Self) -> u64 {
        let span = self.0.saturating_sub(earlier.0);
        if span < 0 { 0 } else { span as u64 }
    }
}

/// RFC 3339 in UTC with milliseconds: `2027-01-31T12:00:00.123Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant =
            jiff::Timestamp::from_microsecond(self.0.clamp(
                jiff::Timestamp::MIN.as_microsecond(),
                jiff::Timestamp::MAX.as_microsecond(),
            ))
            .map_err(|_| fmt::Error)?;
        write!(f, "{instant:.3}")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Serialised as integer microseconds: exact, and cheap on the path of a call.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self)
    }
}

/// What time it is. Tests hand in a clock that they move.
pub trait Clock: Send + Sync {
    /// The current instant.
    fn now(&self) -> Timestamp;
}

/// Randomness fit for secrets. Tests hand in seeded dice.
pub trait Dice: Send + Sync {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn reads_and_writes_rfc_3339() {
        let t = Timestamp::parse("2027-01-31T13:00:00.1234+01:00").unwrap();
        assert_eq!(t.to_string(), "2027-01-31T12:00:00.123Z");
        assert!(Timestamp::parse("yesterday").is_err());
    }
}
