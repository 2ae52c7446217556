//! The check systems of ISO 7064.

use super::digit;

/// MOD 97-10 as ISO 13616 uses it: letters count as 10 to 35; the remainder of the whole.
pub(crate) fn mod97(text: impl Iterator<Item = u8>) -> u32 {
    text.fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + digit(byte)) % 97,
        _ => (rest * 100 + u32::from(byte.to_ascii_uppercase().wrapping_sub(b'A')) + 10) % 97,
    })
}

/// MOD 11,10: the hybrid system of German tax numbers and Croatian personal numbers.
pub(crate) fn mod11_10(text: &[u8]) -> bool {
    let Some((check, body)) = text.split_last() else { return false };
    let rest = body.iter().fold(10, |rest, byte| match (rest + digit(*byte)) % 10 {
        0 => 9,
        sum => sum * 2 % 11,
    });
    (11 - rest) % 10 == digit(*check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn textbook_numbers_pass() {
        assert_eq!(mod97(b"NWBK60161331926819GB29".iter().copied()), 1);
        assert!(mod11_10(b"69435151530"));
        assert!(!mod11_10(b"69435151531"));
    }
}
