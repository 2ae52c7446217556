//! Money in integers: amounts in nano-dollars, prices in pico-dollars per unit.

use std::{fmt, iter::Sum, ops::Add};

use serde::{Deserialize, Serialize};

/// An amount of money: 10⁻⁹ US dollars.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NanoDollars(pub i64);

/// A price per unit (a token, an image, a second): 10⁻¹² US dollars.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PicoDollars(pub i64);

impl NanoDollars {
    /// Rounds a sum of pico-dollars once, half up: the one rounding of a call.
    pub fn from_pico(pico: i128) -> Self {
        let nano = pico.saturating_add(500).div_euclid(1000);
        Self(nano.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }

    /// The amount in US cents, for the wire contract's `cost` fields only; never for arithmetic.
    pub fn cents(self) -> f64 {
        self.0 as f64 / 1e7
    }
}

impl Add for NanoDollars {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for NanoDollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self(0), Add::add)
    }
}

/// Dollars with nine decimals: `$0.000150000`.
impl fmt::Display for NanoDollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let value = self.0.unsigned_abs();
        write!(f, "{sign}${}.{:09}", value / 1_000_000_000, value % 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::NanoDollars;

    #[test]
    fn rounds_half_up_once() {
        for (pico, nano) in
            [(0, 0), (499, 0), (500, 1), (1499, 1), (1500, 2), (-500, 0), (-501, -1)]
        {
            assert_eq!(NanoDollars::from_pico(pico).0, nano, "{pico} pico-dollars");
        }
    }

    #[test]
    fn is_shown_in_dollars() {
        assert_eq!(NanoDollars(150_000).to_string(), "$0.000150000");
        assert_eq!(NanoDollars(-1_500_000_000).to_string(), "-$1.500000000");
    }
}
