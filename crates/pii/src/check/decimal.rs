//! Check digits over decimal digits.

/// The value of an ASCII digit; the caller has made sure that it is one.
pub(crate) fn digit(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0'))
}

/// The number that some ASCII digits write. At most 18 of them.
pub(crate) fn digits(text: &[u8]) -> u64 {
    text.iter().fold(0, |sum, byte| sum * 10 + u64::from(digit(*byte)))
}

/// The Luhn sum of ISO/IEC 7812-1, annex B: every second digit from the right is doubled.
pub(crate) fn luhn(text: &[u8]) -> bool {
    let sum: u32 = text
        .iter()
        .rev()
        .enumerate()
        .map(|(place, byte)| match (place % 2, digit(*byte)) {
            (0, value) => value,
            (_, value) if value > 4 => value * 2 - 9,
            (_, value) => value * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The sum of the digits times their weights.
pub(crate) fn weighted(text: &[u8], weights: &[u32]) -> u32 {
    text.iter().zip(weights).map(|(byte, weight)| digit(*byte) * weight).sum()
}

/// Verhoeff's check over the dihedral group of order ten.
pub(crate) fn verhoeff(text: &[u8]) -> bool {
    let check = text
        .iter()
        .rev()
        .enumerate()
        .fold(0, |check, (place, byte)| product(check, permuted(place % 8, digit(*byte))));
    check == 0
}

/// The product of two elements: 0 to 4 are rotations, 5 to 9 reflections.
fn product(a: u32, b: u32) -> u32 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (5 + a - b) % 5,
    }
}

/// A digit, permuted as often as its place asks for.
fn permuted(times: usize, value: u32) -> u32 {
    const ONCE: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    (0..times).fold(value, |value, _| ONCE[value as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luhn_knows_the_textbook_number() {
        assert!(luhn(b"79927398713"));
        assert!((0..10).filter(|d| luhn(format!("7992739871{d}").as_bytes())).eq([3]));
    }

    #[test]
    fn verhoeff_knows_the_textbook_number() {
        assert!(verhoeff(b"2363"));
        assert!((0..10).filter(|d| verhoeff(format!("236{d}").as_bytes())).eq([3]));
        assert!(verhoeff(b"123451"));
    }
}
