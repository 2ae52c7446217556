//! One spelling per word: lower case, without accents, and its hash.

use super::words::LONGEST_WORD;

/// A folded word. Accents go (`José` is `jose`), `ß` is `ss`, other scripts are lower-cased.
#[derive(Clone)]
pub struct Folded {
    bytes: [u8; ROOM],
    length: usize,
}

/// Bytes that are handled at once.
const CHUNK: usize = size_of::<u64>();

/// A folded character can be longer than its source (`ẞ`, `İ`); what does not fit is dropped.
const ROOM: usize = LONGEST_WORD + 16;

impl Folded {
    /// Folds a word of at most [`LONGEST_WORD`] bytes; more is cut off.
    pub fn new(word: &str) -> Self {
        let mut folded = Self { bytes: [0; ROOM], length: 0 };
        folded.fill(word);
        folded
    }

    pub(super) fn fill(&mut self, word: &str) {
        if self.fill_ascii(word.as_bytes()) {
            return;
        }
        self.length = 0;
        for character in word.chars() {
            if character.is_ascii() {
                self.put(&[character.to_ascii_lowercase() as u8]);
            } else if let Some(plain) = plain(character) {
                self.put(plain);
            } else {
                for lower in character.to_lowercase() {
                    self.put(lower.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
    }

    /// Folds a word of ASCII characters; `false` if it is none.
    fn fill_ascii(&mut self, word: &[u8]) -> bool {
        if word.len() > ROOM - CHUNK {
            return false;
        }
        let (chunks, rest) = word.as_chunks::<CHUNK>();
        let last = number(rest);
        let mut all = last;
        let (places, _) = self.bytes.as_chunks_mut::<CHUNK>();
        for (place, chunk) in places.iter_mut().zip(chunks) {
            let chunk = u64::from_le_bytes(*chunk);
            all |= chunk;
            *place = lower(chunk).to_le_bytes();
        }
        places[chunks.len()] = lower(last).to_le_bytes();
        self.length = word.len();
        all & (ONES << 7) == 0
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
            self.length = end;
        }
    }

    /// The folded spelling.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The hash of the whole word.
    pub fn hash(&self) -> u64 {
        hash(self.bytes())
    }
}

/// A fast hash of a few bytes. Part of the model's format: lists and features are looked up by it.
pub fn hash(bytes: &[u8]) -> u64 {
    let mut state =
        (bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x51_7c_c1_b7_27_22_0a_95;
    let (chunks, rest) = bytes.as_chunks::<CHUNK>();
    for chunk in chunks {
        state = mix(state ^ u64::from_le_bytes(*chunk));
    }
    if !rest.is_empty() {
        state = mix(state ^ number(rest));
    }
    state
}

/// Fewer than eight bytes as a number, zeros behind them, in loads that may overlap: to copy so few
/// takes longer.
fn number(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let [first, last] = [first, last].map(|four| u64::from(u32::from_le_bytes(*four)));
        return first | last << (8 * (length - 4));
    }
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return 0 };
    let middle = length / 2;
    u64::from(*first)
        | u64::from(bytes[middle]) << (8 * middle)
        | u64::from(*last) << (8 * (length - 1))
}

const ONES: u64 = u64::from_le_bytes([1; CHUNK]);

/// Eight ASCII characters in lower case; what any others become is not told.
fn lower(characters: u64) -> u64 {
    let from = characters.wrapping_add(ONES * u64::from(0x80 - b'A'));
    let to = characters.wrapping_add(ONES * u64::from(0x7f - b'Z'));
    // The highest bit of each byte from `A` on and not behind `Z`, moved to that of small letters.
    characters | (from & !to & (ONES << 7)) >> 2
}

/// Spreads every bit of a number over all.
pub(super) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    number ^ (number >> 29)
}

/// The plain spelling of a Latin letter with marks.
fn plain(character: char) -> Option<&'static [u8]> {
    let code = u32::from(character);
    Some(match character {
        'Æ' | 'æ' | 'Ǽ' | 'ǽ' => b"ae",
        'ß' | 'ẞ' => b"ss",
        'Þ' | 'þ' => b"th",
        'Œ' | 'œ' => b"oe",
        'Ĳ' | 'ĳ' => b"ij",
        'Ø' | 'ø' => b"o",
        '×' | '÷' => return None,
        '\u{300}'..='\u{36f}' => b"",
        'À'..='ÿ' => letter(LATIN1, (code - 0xc0) as usize)?,
        'Ā'..='ſ' => letter(LATIN_A, (code - 0x100) as usize)?,
        'Ə' | 'ə' => b"e",
        'Ơ' | 'ơ' => b"o",
        'Ư' | 'ư' => b"u",
        'Ș' | 'ș' => b"s",
        'Ț' | 'ț' => b"t",
        'Ǎ' | 'ǎ' => b"a",
        'Ǐ' | 'ǐ' => b"i",
        'Ǒ' | 'ǒ' => b"o",
        'Ǔ' | 'ǔ' => b"u",
        'Ḁ'..='ỹ' => letter(LATIN_ADDITIONAL, (code - 0x1e00) as usize)?,
        _ => return None,
    })
}

/// One letter of a table; `*` stands for none.
fn letter(table: &'static [u8], index: usize) -> Option<&'static [u8]> {
    table.get(index..=index).filter(|letter| *letter != b"*")
}

/// U+00C0 to U+00FF without their marks.
const LATIN1: &[u8] = b"\
    aaaaaa*ceeeeiiiidnooooo**uuuuy**aaaaaa*ceeeeiiiidnooooo**uuuuy*y\
    ";

/// U+0100 to U+017F.
const LATIN_A: &[u8] = b"\
    aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii**jjkkkllllllllllnnnnnnnnnoooo\
    oo**rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs\
    ";

/// U+1E00 to U+1EF9.
const LATIN_ADDITIONAL: &[u8] = b"\
    aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooo\
    oooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwy******\
    aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuu\
    uuyyyyyyyy\
    ";

#[cfg(test)]
mod tests {
    use super::{Folded, lower, number};

    #[test]
    fn ascii_is_folded_as_its_letters_are() {
        let all: Vec<u8> = (0..0x80).collect();
        for from in 0..all.len() {
            for length in 0..=all.len().min(from + 64) - from {
                let bytes = &all[from..from + length];
                let word = std::str::from_utf8(bytes).unwrap();
                assert_eq!(Folded::new(word).bytes(), bytes.to_ascii_lowercase());
                if length < 8 {
                    let mut chunk = [0; 8];
                    chunk[..length].copy_from_slice(bytes);
                    assert_eq!(number(bytes), u64::from_le_bytes(chunk));
                    assert_eq!(
                        lower(number(bytes)),
                        u64::from_le_bytes(chunk.map(|byte| byte.to_ascii_lowercase()))
                    );
                }
            }
        }
        // What one word leaves behind is none of the next.
        let mut folded = Folded::new("Abcdefghijklmnop");
        folded.fill("Zoë");
        assert_eq!(folded.bytes(), b"zoe");
        folded.fill("Straße");
        assert_eq!(folded.bytes(), b"strasse");
        folded.fill("");
        assert_eq!(folded.bytes(), b"");
    }
}
