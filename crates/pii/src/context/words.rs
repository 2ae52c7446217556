//! Words of a neighbourhood: cut, folded and hashed, without allocating.

/// A word, or a phrase of several: the hash of its folded letters.
pub(crate) type Hash = u64;

/// A word of a text.
#[derive(Clone, Copy, Default)]
pub(crate) struct Word {
    pub(crate) hash: Hash,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// It is written in digits.
    pub(crate) number: bool,
    /// A phrase of the lexicon begins with it; known of words before a span.
    pub(crate) opens: bool,
    /// How much it separates what is on its sides; known of words before a span.
    pub(crate) weight: f32,
}

/// The empty phrase.
pub(crate) const NOTHING: Hash = 0xcbf2_9ce4_8422_2325;

/// The hash of a phrase followed by one more word.
pub(crate) fn join(phrase: Hash, word: Hash) -> Hash {
    (phrase.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The hash of a phrase written out, and how many words it has.
#[cfg(test)]
pub(crate) fn phrase(text: &str) -> (Hash, usize) {
    let mut hash = NOTHING;
    let mut count = 0;
    for word in words(text.as_bytes(), 0) {
        hash = join(hash, word.hash);
        count += 1;
    }
    (hash, count)
}

/// Whether a word's hash is that of `text`.
pub(crate) fn is(hash: Hash, text: &str) -> bool {
    words(text.as_bytes(), 0).next().is_some_and(|word| word.hash == hash)
}

/// The words of some bytes that start at `base`. Words end at anything but letters and digits, where
/// letters become digits, and where lower case becomes upper case, so that `dbUser` and `DB_USER`
/// read as `db user`. An `'s` is dropped; a character outside every alphabet is a border.
pub(crate) fn words(text: &[u8], base: usize) -> Words<'_> {
    Words { text, base, at: 0 }
}

pub(crate) struct Words<'t> {
    text: &'t [u8],
    base: usize,
    at: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Lower,
    Upper,
    Digit,
    Border,
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let mut first;
        let (mut kind, mut folded, mut length);
        loop {
            first = self.at;
            (kind, folded, length) = letter(self.text, self.at)?;
            self.at += length;
            if kind == Kind::Border {
                continue;
            }
            // A possessive.
            if folded[0] == b's'
                && first > 0
                && matches!(self.text[first - 1], b'\'' | 0x99)
                && letter(self.text, self.at).is_none_or(|(next, ..)| next == Kind::Border)
            {
                continue;
            }
            break;
        }
        // Letters that go on where digits end are no word: `9abc`.
        let tail = kind != Kind::Digit && first > 0 && self.text[first - 1].is_ascii_digit();
        let mut hash = mixed(if tail { !NOTHING } else { NOTHING }, folded);
        let mut count = 1;
        while let Some((next, fold, step)) = letter(self.text, self.at) {
            let splits = match (kind, next) {
                (_, Kind::Border) | (Kind::Lower, Kind::Upper) => true,
                (Kind::Digit, kind) => kind != Kind::Digit,
                (_, Kind::Digit) => true,
                // `IDNumber`: the last capital belongs to the next word.
                (Kind::Upper, Kind::Upper) => {
                    count > 0
                        && letter(self.text, self.at + step)
                            .is_some_and(|(after, ..)| after == Kind::Lower)
                        && letter(self.text, self.at + 2 * step)
                            .is_some_and(|(after, ..)| after == Kind::Lower)
                }
                _ => false,
            };
            if splits {
                break;
            }
            hash = mixed(hash, fold);
            kind = next;
            count += 1;
            self.at += step;
        }
        let number = kind == Kind::Digit;
        Some(Word {
            hash,
            start: self.base + first,
            end: self.base + self.at,
            number,
            opens: false,
            weight: 0.0,
        })
    }
}

fn mixed(hash: Hash, folded: [u8; 4]) -> Hash {
    folded
        .iter()
        .take_while(|byte| **byte != 0)
        .fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The character at `at`: what it is, folded to lower case without marks, and its length.
fn letter(text: &[u8], at: usize) -> Option<(Kind, [u8; 4], usize)> {
    let byte = *text.get(at)?;
    Some(match byte {
        b'a'..=b'z' => (Kind::Lower, [byte, 0, 0, 0], 1),
        b'A'..=b'Z' => (Kind::Upper, [byte + 32, 0, 0, 0], 1),
        b'0'..=b'9' => (Kind::Digit, [byte, 0, 0, 0], 1),
        0..0x80 => (Kind::Border, [0; 4], 1),
        _ => {
            let (c, length) = decode(&text[at..]);
            if c.is_alphabetic() {
                let kind = if c.is_uppercase() { Kind::Upper } else { Kind::Lower };
                (kind, fold(c), length)
            } else {
                (Kind::Border, [0; 4], length)
            }
        }
    })
}

/// The first character of some bytes that may not be UTF-8 throughout.
pub(crate) fn decode(text: &[u8]) -> (char, usize) {
    let length = match text.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    };
    text.get(..length)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| text.chars().next())
        .map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, length))
}

/// A letter in lower case and without its mark: `É` as `e`, `ß` as `ss`.
fn fold(c: char) -> [u8; 4] {
    const LATIN: &str = "aaaaaaaceeeeiiiidnooooo*ouuuuytsaaaaaaaceeeeiiiidnooooo*ouuuuyty";
    const EXTENDED: &str = "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllllll\
        nnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
    let code = c as usize;
    let base = match code {
        0xdf => return *b"ss\0\0",
        0xe6 | 0xc6 => return *b"ae\0\0",
        0xc0..=0xff => LATIN.as_bytes().get(code - 0xc0),
        0x100..=0x17f => EXTENDED.as_bytes().get(code - 0x100),
        _ => None,
    };
    if let Some(base) = base {
        return [*base, 0, 0, 0];
    }
    let mut bytes = [0; 4];
    c.to_lowercase().next().unwrap_or(c).encode_utf8(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) {
        assert_eq!(phrase(a), phrase(b), "{a} / {b}");
    }

    #[test]
    fn spellings_of_a_key_are_one_phrase() {
        for spelling in ["db_user", "dbUser", "DB-USER", "DbUser", "db.user", " \"db user\": "] {
            same(spelling, "db user");
        }
        same("IDNumber", "id number");
        same("userID", "user id");
        same("Driver's license", "driver license");
        same("driver’s license", "driver license");
    }

    #[test]
    fn marks_and_case_do_not_matter() {
        same("CONTRASEÑA", "contrasena");
        same("Numéro de sécurité sociale", "numero de securite sociale");
        same("Straße", "strasse");
        same("ŁÓDŹ", "lodz");
        same("ИНН", "инн");
    }

    #[test]
    fn the_extended_table_is_whole() {
        for (c, base) in [('ā', "a"), ('č', "c"), ('ł', "l"), ('ń', "n"), ('ő', "o"), ('ř', "r")]
        {
            same(&c.to_string(), base);
        }
        for (c, base) in [('ş', "s"), ('ű', "u"), ('ż', "z"), ('ğ', "g"), ('ı', "i"), ('đ', "d")]
        {
            same(&c.to_string(), base);
        }
    }
}
