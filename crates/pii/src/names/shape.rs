//! What a word looks like: its pattern of capitals, small letters, digits and marks.

use super::words::letter;

/// The pattern of a word. The numbers are part of the trained features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "each name says what it stands for")]
pub enum Shape {
    /// Before the text's beginning or after its end.
    #[default]
    None = 0,
    Lower,
    /// `Anna`
    Title,
    /// Four capitals or more.
    Upper,
    /// Two or three capitals.
    ShortUpper,
    /// `J`
    Initial,
    /// `a`
    Letter,
    /// One or two digits.
    ShortNumber,
    /// Three or four digits.
    Number,
    LongNumber,
    /// `1st`, `5kg`
    Ordinal,
    /// `abc123`
    LowerDigits,
    /// `Rev2`, `B12`
    UpperDigits,
    /// `iPhone`
    LowerCamel,
    /// `JavaScript`
    UpperCamel,
    /// `McDonald`, `O'Brien`, `DeVito`
    NameCamel,
    /// `Jean-Pierre`
    TitleHyphen,
    /// `Berlin-based`
    MixedHyphen,
    /// `well-known`
    LowerHyphen,
    /// `UTF-8`, `AB-12`
    CodeHyphen,
    /// `MEYER-LANDRUT`
    UpperHyphen,
    /// A letter of a script without case, first.
    Caseless,
    /// What the pattern layer claimed.
    Claimed,
}

impl Shape {
    /// The shape of a word.
    pub(super) fn of(word: &str, letters: u8, capitals: u8) -> Self {
        use letter::{DIGIT, FOREIGN, HYPHEN, LOWER, UPPER};
        let length = word.len();
        let first_upper = word.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
        match letters {
            LOWER => return if length == 1 { Self::Letter } else { Self::Lower },
            DIGIT => {
                return match length {
                    0..=2 => Self::ShortNumber,
                    3..=4 => Self::Number,
                    _ => Self::LongNumber,
                };
            }
            UPPER => {
                return match length {
                    1 => Self::Initial,
                    2..=3 => Self::ShortUpper,
                    _ => Self::Upper,
                };
            }
            _ if letters == (LOWER | UPPER) => {
                return match capitals {
                    1 if first_upper => Self::Title,
                    2 if first_upper && name_camel(word) => Self::NameCamel,
                    _ if first_upper => Self::UpperCamel,
                    _ => Self::LowerCamel,
                };
            }
            _ => {}
        }
        if letters & HYPHEN != 0 {
            return hyphenated(word, letters);
        }
        if letters & FOREIGN != 0 {
            return foreign(word);
        }
        if letters & DIGIT != 0 {
            return if first_upper {
                Self::UpperDigits
            } else if letters & UPPER == 0 && word.as_bytes()[0].is_ascii_digit() {
                Self::Ordinal
            } else {
                Self::LowerDigits
            };
        }
        // An apostrophe inside.
        match (first_upper, letters & LOWER != 0) {
            (true, true) if capitals > 1 => Self::NameCamel,
            (true, true) => Self::Title,
            (true, false) => Self::Upper,
            (false, _) => Self::Lower,
        }
    }

    /// Whether a word of this shape starts with a capital and is more than code.
    pub(super) const fn capital(self) -> bool {
        matches!(
            self,
            Self::Title
                | Self::Upper
                | Self::ShortUpper
                | Self::Initial
                | Self::UpperDigits
                | Self::UpperCamel
                | Self::NameCamel
                | Self::TitleHyphen
                | Self::MixedHyphen
                | Self::UpperHyphen
        )
    }

    pub(super) const fn lower(self) -> bool {
        matches!(self, Self::Lower | Self::Letter | Self::LowerHyphen)
    }
}

/// Two capitals as in `McDonald`: the first part is a short prefix of names.
fn name_camel(word: &str) -> bool {
    const PREFIXES: &[&str] =
        &["Mc", "Mac", "De", "Di", "Da", "La", "Le", "Van", "Von", "Fitz", "Du", "Del", "El", "Al"];
    let second = word.bytes().skip(1).position(|byte| byte.is_ascii_uppercase());
    second.is_some_and(|at| PREFIXES.contains(&&word[..=at]))
}

fn hyphenated(word: &str, letters: u8) -> Shape {
    if letters & letter::DIGIT != 0 {
        return if letters & (letter::LOWER | letter::UPPER | letter::FOREIGN) == 0 {
            Shape::LongNumber
        } else {
            Shape::CodeHyphen
        };
    }
    let upper = |part: &str| part.chars().next().is_some_and(char::is_uppercase);
    let (mut some, mut all) = (false, true);
    for part in word.split('-') {
        some |= upper(part);
        all &= upper(part);
    }
    if !some {
        return Shape::LowerHyphen;
    }
    let loud = !word.chars().any(char::is_lowercase);
    match (all, loud) {
        (true, true) if word.len() > 6 => Shape::UpperHyphen,
        (true, true) => Shape::CodeHyphen,
        (true, false) => Shape::TitleHyphen,
        (false, _) if upper(word) => Shape::MixedHyphen,
        (false, _) => Shape::LowerHyphen,
    }
}

/// A word with letters beyond ASCII and no hyphen.
fn foreign(word: &str) -> Shape {
    let mut characters = word.chars();
    let Some(first) = characters.next() else { return Shape::None };
    let (mut uppers, mut lowers, mut count) = (0, 0, 1);
    for character in characters {
        count += 1;
        uppers += usize::from(character.is_uppercase());
        lowers += usize::from(character.is_lowercase());
    }
    if first.is_uppercase() {
        return match (uppers, lowers) {
            (0, 0) if count == 1 => Shape::Initial,
            (0, _) => Shape::Title,
            (_, 0) if count < 4 => Shape::ShortUpper,
            (_, 0) => Shape::Upper,
            (1, _) => Shape::NameCamel,
            _ => Shape::UpperCamel,
        };
    }
    if first.is_lowercase() {
        return if uppers > 0 { Shape::LowerCamel } else { Shape::Lower };
    }
    if first.is_ascii_digit() { Shape::Ordinal } else { Shape::Caseless }
}
