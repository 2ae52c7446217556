//! Base64, both alphabets, with or without padding.

/// Decodes into `out` and returns the length. `None` for a character that does not belong, or when
/// `out` is too small.
pub(crate) fn decode(text: &[u8], out: &mut [u8]) -> Option<usize> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    if text.len() % 4 == 1 {
        return None;
    }
    let (mut bits, mut held, mut length) = (0_u32, 0, 0);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            *out.get_mut(length)? = (bits >> held) as u8;
            length += 1;
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    #[test]
    fn padding_is_optional_and_strangers_are_refused() {
        let mut out = [0; 16];
        for text in ["aGVsbG8=", "aGVsbG8"] {
            let length = super::decode(text.as_bytes(), &mut out).expect("base64");
            assert_eq!(&out[..length], b"hello");
        }
        assert_eq!(super::decode(b"a!bc", &mut out), None);
        assert_eq!(super::decode(b"abcde", &mut out), None);
        assert_eq!(super::decode(b"aGVsbG8=", &mut [0; 2]), None);
    }
}
