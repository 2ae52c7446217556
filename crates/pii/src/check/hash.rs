//! Checks that rest on a hash function.

use sha2::{Digest as _, Sha256};
use sha3::Keccak256;

/// The payload of a base58check text (version and body), if its four bytes of double SHA-256 are
/// right. At most 64 characters.
pub(crate) fn base58check(text: &[u8], alphabet: &[u8; 58]) -> Option<([u8; 48], usize)> {
    let mut bytes = [0_u8; 48];
    let mut length = 0;
    for byte in text.iter().take(64) {
        let mut carry = alphabet.iter().position(|it| it == byte)? as u32;
        for slot in bytes.iter_mut().take(length) {
            carry += u32::from(*slot) * 58;
            *slot = carry as u8;
            carry >>= 8;
        }
        while carry > 0 {
            *bytes.get_mut(length)? = carry as u8;
            carry >>= 8;
            length += 1;
        }
    }
    let zeros = text.iter().take_while(|byte| **byte == alphabet[0]).count();
    let length = length + zeros;
    let whole = bytes.get_mut(..length)?;
    whole.reverse();
    let (body, sum) = whole.split_at(length.checked_sub(4)?);
    let hash = Sha256::digest(Sha256::digest(body));
    (hash[..4] == *sum).then_some((bytes, length - 4))
}

/// The checksum of bech32 (BIP 173): 1 for the first version, 0x2bc830a3 for bech32m (BIP 350).
pub(crate) fn bech32(text: &[u8]) -> Option<u32> {
    const CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let step = |sum: u32, value: u32| {
        let top = sum >> 25;
        let sum = (sum & 0x1ff_ffff) << 5 ^ value;
        (0..5).filter(|bit| top >> bit & 1 == 1).fold(sum, |sum, bit| sum ^ GENERATOR[bit])
    };
    let one = text.iter().rposition(|byte| *byte == b'1')?;
    let (prefix, data) = (&text[..one], &text[one + 1..]);
    let mut sum = prefix.iter().fold(1, |sum, byte| step(sum, u32::from(byte | 0x20) >> 5));
    sum = step(sum, 0);
    sum = prefix.iter().fold(sum, |sum, byte| step(sum, u32::from(byte | 0x20) & 31));
    for byte in data {
        let value = CHARSET.iter().position(|it| *it == byte.to_ascii_lowercase())?;
        sum = step(sum, value as u32);
    }
    Some(sum)
}

/// Whether the capitals among 40 hexadecimal digits are those of EIP-55.
pub(crate) fn eip55(digits: &[u8]) -> bool {
    let hash = Keccak256::digest(digits.to_ascii_lowercase());
    digits.iter().enumerate().all(|(place, byte)| {
        let nibble = hash[place / 2] >> (4 * (1 - place % 2)) & 15;
        byte.is_ascii_digit() || byte.is_ascii_uppercase() == (nibble > 7)
    })
}

/// The CRC-32 of IEEE 802.3, bit by bit.
pub(crate) fn crc32(text: &[u8]) -> u32 {
    !text.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let bitcoin = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
        let (payload, length) =
            base58check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", bitcoin).expect("a valid address");
        assert_eq!((payload[0], length), (0, 21));
        assert!(base58check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", bitcoin).is_none());
        assert_eq!(bech32(b"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"), Some(1));
        assert_eq!(bech32(b"A1LQFN3A"), Some(0x2bc8_30a3));
        assert!(eip55(b"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"));
        assert!(!eip55(b"5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed"));
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
