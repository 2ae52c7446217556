//! What characters outside ASCII stand for.

/// What a character means to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Itself.
    Itself,
    /// Nothing: it cannot be seen.
    Nothing,
    /// A character of ASCII.
    Ascii(u8),
    /// A letter of ASCII that it looks like, if ASCII stands beside it.
    LooksLike(u8),
    /// A character of ASCII, if digits stand on both sides, a space away perhaps.
    AmongDigits(u8),
}
use Meaning::{AmongDigits, Ascii, Itself, LooksLike, Nothing};

/// Where the ten digits of other scripts start.
const DIGITS: &[u32] = &[
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
    0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50,
    0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0x104a0,
    0x1fbf0,
];

/// Letters of other alphabets that look like those of ASCII.
const LOOK_ALIKES: &[(char, u8)] = &[
    ('А', b'A'),
    ('В', b'B'),
    ('Е', b'E'),
    ('К', b'K'),
    ('М', b'M'),
    ('Н', b'H'),
    ('О', b'O'),
    ('Р', b'P'),
    ('С', b'C'),
    ('Т', b'T'),
    ('Х', b'X'),
    ('а', b'a'),
    ('е', b'e'),
    ('о', b'o'),
    ('р', b'p'),
    ('с', b'c'),
    ('у', b'y'),
    ('х', b'x'),
    ('ѕ', b's'),
    ('і', b'i'),
    ('ј', b'j'),
    ('ԁ', b'd'),
    ('ɡ', b'g'),
    ('ո', b'n'),
    ('ν', b'v'),
    ('ο', b'o'),
    ('α', b'a'),
    ('ε', b'e'),
    ('ι', b'i'),
    ('κ', b'k'),
    ('ρ', b'p'),
    ('τ', b't'),
    ('υ', b'u'),
    ('χ', b'x'),
    ('Α', b'A'),
    ('Β', b'B'),
    ('Ε', b'E'),
    ('Ζ', b'Z'),
    ('Η', b'H'),
    ('Ι', b'I'),
    ('Κ', b'K'),
    ('Μ', b'M'),
    ('Ν', b'N'),
    ('Ο', b'O'),
    ('Ρ', b'P'),
    ('Τ', b'T'),
    ('Υ', b'Y'),
    ('Χ', b'X'),
    ('ӏ', b'l'),
    ('һ', b'h'),
    ('ԛ', b'q'),
    ('ԝ', b'w'),
    ('ϲ', b'c'),
    ('ѡ', b'w'),
    ('З', b'3'),
    ('з', b'3'),
    ('б', b'6'),
];

/// What `c` means.
pub(super) fn meaning(c: char) -> Meaning {
    let code = c as u32;
    let digit = |start: u32| Ascii(b'0' + ((code - start) % 10) as u8);
    match code {
        // Strokes through or under a character, soft hyphen, joiners, directions, variation selectors,
        // tags, byte order mark, key caps.
        0x332
        | 0x335..=0x338
        | 0xad
        | 0x34f
        | 0x61c
        | 0x180b..=0x180f
        | 0x200b..=0x200f
        | 0x202a..=0x202e
        | 0x2060..=0x206f
        | 0x20e3
        | 0xfe00..=0xfe0f
        | 0xfeff
        | 0xe0000..=0xe01ef => Nothing,
        0xa0 | 0x1680 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => Ascii(b' '),
        // Long dashes, which part sentences, and points and bullets.
        0x2014 | 0x2015 | 0xb7 | 0x2022 | 0x2027 | 0x22c5 => AmongDigits(b'-'),
        // Other dashes.
        0x2010..=0x2013 | 0x2212 | 0xfe58 | 0xfe63 => Ascii(b'-'),
        0x2024 | 0xfe52 | 0xff61 => Ascii(b'.'),
        0xfe6b => Ascii(b'@'),
        0xff01..=0xff5e => Ascii((code - 0xff01) as u8 + b'!'),
        // Raised, lowered, circled, bold and outlined.
        0xb2 | 0xb3 => Ascii((code - 0xb0) as u8 + b'0'),
        0xb9 => Ascii(b'1'),
        0x2070 | 0x2074..=0x2079 => digit(0x2070),
        0x2080..=0x2089 => digit(0x2080),
        0x2460..=0x2468 | 0x2474..=0x247c | 0x2488..=0x2490 => {
            Ascii(b'1' + ((code - 0x2460) % 20) as u8)
        }
        0x24ea | 0x24ff => Ascii(b'0'),
        0x24f5..=0x24fd => Ascii(b'1' + (code - 0x24f5) as u8),
        0x2776..=0x277e | 0x2780..=0x2788 | 0x278a..=0x2792 => {
            Ascii(b'1' + ((code - 0x2776) % 10) as u8)
        }
        0x24b6..=0x24cf => Ascii(b'A' + (code - 0x24b6) as u8),
        0x24d0..=0x24e9 => Ascii(b'a' + (code - 0x24d0) as u8),
        0x1d7ce..=0x1d7ff => digit(0x1d7ce),
        0x1d400..=0x1d6a3 => {
            let place = ((code - 0x1d400) % 52) as u8;
            Ascii(if place < 26 { b'A' + place } else { b'a' + place - 26 })
        }
        0x1f101..=0x1f10a => Ascii(b'0' + (code - 0x1f101) as u8),
        0x660.. if DIGITS.iter().any(|start| (*start..start + 10).contains(&code)) => DIGITS
            .iter()
            .find(|start| (**start..**start + 10).contains(&code))
            .map_or(Itself, |start| digit(*start)),
        0x261 | 0x370..=0x57f => {
            let found = LOOK_ALIKES.iter().find(|(other, _)| *other == c);
            found.map_or(Itself, |(_, ascii)| LooksLike(*ascii))
        }
        _ => Itself,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_all_kinds_are_digits() {
        for text in [
            "０１２３４５６７８９",
            "٠١٢٣٤٥٦٧٨٩",
            "०१२३४५६७८९",
            "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
            "⁰¹²³⁴⁵⁶⁷⁸⁹",
            "⓪①②③④⑤⑥⑦⑧⑨",
            "𝟶𝟷𝟸𝟹𝟺𝟻𝟼𝟽𝟾𝟿",
            "⓿❶❷❸❹❺❻❼❽❾",
        ] {
            let read: Vec<Meaning> = text.chars().map(meaning).collect();
            let wanted: Vec<Meaning> = (b'0'..=b'9').map(Ascii).collect();
            assert_eq!(read, wanted, "{text}");
        }
    }

    #[test]
    fn marks_and_letters() {
        assert_eq!(meaning('＠'), Ascii(b'@'));
        assert_eq!(meaning('\u{200b}'), Nothing);
        assert_eq!(meaning('\u{202e}'), Nothing);
        assert_eq!(meaning('𝐚'), Ascii(b'a'));
        assert_eq!(meaning('\u{2011}'), Ascii(b'-'));
        assert_eq!(meaning('—'), AmongDigits(b'-'));
        assert_eq!(meaning('é'), Itself);
        assert_eq!(meaning('а'), LooksLike(b'a'));
        assert_eq!(meaning('ж'), Itself);
    }
}
