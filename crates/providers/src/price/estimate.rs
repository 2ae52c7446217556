//! A count of tokens from a count of characters, for calls whose provider states none.

/// Characters of one token, on average, in English prose with the byte-pair vocabularies in use.
/// Code and most other languages take fewer, so the estimate is low there rather than high.
const CHARS_PER_TOKEN: u64 = 4;

/// Tokens that a text of so many characters roughly has: a quarter, rounded up. Whoever stores the
/// number marks it as an estimate.
pub const fn tokens(chars: u64) -> u64 {
    chars.div_ceil(CHARS_PER_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn rounds_up_and_knows_nothing_of_nothing() {
        assert_eq!([0, 1, 4, 5, 400].map(tokens), [0, 1, 1, 2, 100]);
        assert_eq!(tokens(u64::MAX), 1 << 62);
    }
}
