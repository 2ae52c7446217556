//! Decimal text to pico-dollars, without floating point in between.

/// A price in pico-dollars and whether that is exact; otherwise it is rounded half up.
pub(super) struct Pico {
    pub(super) pico: i64,
    pub(super) exact: bool,
}

/// The places between a dollar and a pico-dollar.
pub(super) const DOLLARS: i32 = 12;
/// The places between a cent and a pico-dollar.
pub(super) const CENTS: i32 = 10;

/// Reads a JSON number in a unit that is `10^places` pico-dollars, `times` over. Nothing for what
/// is no number, negative or beyond what an `i64` holds.
pub(super) fn parse(text: &str, places: i32, times: u32) -> Option<Pico> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() {
        return None;
    }
    let mut digits: i128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        digits = digits.checked_mul(10)?.checked_add(i128::from(digit))?;
    }
    let digits = digits.checked_mul(i128::from(times))?;
    let shift = places.checked_add(exponent)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let power = 10i128.checked_pow(shift.unsigned_abs());
    let (pico, exact) = match (power, shift >= 0) {
        (Some(power), true) => (digits.checked_mul(power)?, true),
        (Some(power), false) => ((digits + power / 2) / power, digits % power == 0),
        (None, true) => return (digits == 0).then_some(Pico { pico: 0, exact: true }),
        (None, false) => (0, digits == 0),
    };
    Some(Pico { pico: pico.try_into().ok()?, exact })
}

#[cfg(test)]
mod tests {
    use super::{CENTS, DOLLARS, parse};

    #[test]
    fn reads_decimals_exactly() {
        for (text, places, times, pico, exact) in [
            ("2.5e-06", DOLLARS, 1, 2_500_000, true),
            ("0.00025", CENTS, 1, 2_500_000, true),
            ("16.7", CENTS, 1, 167_000_000_000, true),
            ("0", DOLLARS, 1, 0, true),
            ("0.0001", DOLLARS, 60, 6_000_000_000, true),
            ("1", DOLLARS, 1, 1_000_000_000_000, true),
            ("2.08333333333333e-06", CENTS, 1, 20_833, false),
            ("1.5e-12", DOLLARS, 1, 2, false),
            ("1e-40", DOLLARS, 1, 0, false),
        ] {
            let read = parse(text, places, times).expect(text);
            assert_eq!((read.pico, read.exact), (pico, exact), "{text}");
        }
        for text in ["-1", "", "null", "1e30", "1,5", "\"1\""] {
            assert!(parse(text, DOLLARS, 1).is_none(), "{text}");
        }
    }
}
