//! What the spelling of a word suggests that is on no list: whether it is rather a name or an ordinary
//! word, a name of a person or of a place. Each group of two to four letters has weights, learned from
//! the lists, which are added up.

use super::lexicon::LINE;

/// Groups of letters that are told apart, by hash.
pub const BUCKETS: usize = 1 << 14;

/// Lines of the table: two weights of a byte for each bucket.
pub const LINES: usize = 2 * BUCKETS / LINE;

/// What one unit of a weight is worth.
pub const SCALE: f32 = 1.0 / 24.0;

/// Letters of a word that are looked at.
const LONGEST: usize = 24;

/// The buckets of a folded word's groups of letters.
pub fn groups(word: &[u8], mut bucket: impl FnMut(usize)) {
    let mut letters = [0; LONGEST + 2];
    let count = word.len().min(LONGEST);
    letters[0] = b'^';
    letters[1..=count].copy_from_slice(&word[..count]);
    letters[count + 1] = b'$';
    let mut last = 0_u32;
    for (at, letter) in letters[..count + 2].iter().enumerate() {
        last = last << 8 | u32::from(*letter);
        for (length, mask) in [(2, 0xffff), (3, 0x00ff_ffff), (4, u32::MAX)] {
            if at + 1 >= length {
                bucket(((last & mask).wrapping_mul(0x9e37_79b1) >> 18) as usize);
            }
        }
    }
}

/// The levels of a word: how much its spelling is that of a name rather than of an ordinary word, 1 to
/// 7, and of a person rather than of a place, 1 to 3.
pub(super) fn levels(table: &[[u8; LINE]], word: &[u8]) -> (u8, u8) {
    let weights = table.as_flattened().as_chunks::<2>().0;
    let (mut name, mut person) = (0_i32, 0_i32);
    groups(word, |bucket| {
        if let Some([first, second]) = weights.get(bucket) {
            name += i32::from(first.cast_signed());
            person += i32::from(second.cast_signed());
        }
    });
    let level =
        |sum: i32, bounds: &[i32]| 1 + bounds.iter().filter(|bound| sum >= **bound).count() as u8;
    (level(name, &[-72, -36, -12, 12, 36, 72]), level(person, &[-16, 16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many groups a word has.
    fn count(word: &str) -> usize {
        let mut count = 0;
        groups(word.as_bytes(), |bucket| {
            assert!(bucket < BUCKETS);
            count += 1;
        });
        count
    }

    #[test]
    fn a_word_has_groups_of_two_to_four_letters_with_its_borders() {
        assert_eq!(count(""), 1, "the two borders");
        assert_eq!(count("ab"), 3 + 2 + 1);
        assert_eq!(count(&"a".repeat(500)), count(&"a".repeat(LONGEST)), "long words are cut");
    }

    #[test]
    fn weights_make_a_word_a_name_or_not() {
        let mut table = vec![[0; LINE]; LINES];
        assert_eq!(levels(&table, b"meyer"), (4, 2), "nothing is known");
        groups(b"eye", |bucket| {
            table.as_flattened_mut()[2 * bucket..2 * bucket + 2].copy_from_slice(&[100, 156]);
        });
        assert_eq!(levels(&table, b"meyer"), (7, 1));
        assert_eq!(levels(&table, b"strong"), (4, 2));
    }
}
