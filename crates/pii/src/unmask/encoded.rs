//! Characters written with others: `%40`, `&#64;`, `\u0040`, `[at]`.

/// What a stretch of text stands for.
pub(super) enum Encoded {
    /// So many bytes stand for this character of ASCII.
    For(usize, u8),
    /// So many bytes stand for nothing.
    Nothing(usize),
    /// The bytes mean what they say.
    Plain,
    /// It cannot be told yet.
    Cut,
}
use Encoded::{Cut, For, Nothing, Plain};

/// The longest encoding, bytes.
const LONGEST: usize = 20;

/// What starts with `%`, `&`, `\` or a bracket at the head of `text`.
pub(super) fn read(text: &[u8], end: bool) -> Encoded {
    let window = &text[..text.len().min(LONGEST)];
    let found = match window[0] {
        b'%' => percent(window),
        b'&' => entity(window),
        b'\\' => escape(window),
        _ => bracket(window),
    };
    // With less than the longest in sight, the answer may change.
    match found {
        Some(found) => found,
        None if end || window.len() == LONGEST => Plain,
        None => Cut,
    }
}

/// `None` where more of the text is needed.
fn percent(text: &[u8]) -> Option<Encoded> {
    let Some((byte, length)) = hex(text.get(1..)?, 2)? else { return Some(Plain) };
    // Encoded twice: `%2540`.
    if byte == u32::from(b'%') {
        return match hex(text.get(length + 1..)?, 2)? {
            Some((byte, more)) if is_visible(byte) => Some(For(1 + length + more, byte as u8)),
            _ => Some(Plain),
        };
    }
    Some(if is_visible(byte) { For(1 + length, byte as u8) } else { Plain })
}

fn escape(text: &[u8]) -> Option<Encoded> {
    // `\u{40}`.
    if text[1..].starts_with(b"u{") || text.len() == 2 && text[1] == b'u' {
        let digits = text.iter().skip(3).take_while(|byte| byte.is_ascii_hexdigit()).count();
        return match text.get(3 + digits) {
            Some(b'}') if (1..=6).contains(&digits) => {
                let code = std::str::from_utf8(&text[3..3 + digits]).ok();
                let code = code.and_then(|it| u32::from_str_radix(it, 16).ok());
                Some(code.map_or(Plain, |code| character(code, 4 + digits)))
            }
            Some(_) => Some(Plain),
            None if digits > 6 => Some(Plain),
            None => None,
        };
    }
    let width = match text.get(1)? {
        b'u' => 4,
        b'x' => 2,
        _ => return Some(Plain),
    };
    let Some((code, length)) = hex(text.get(2..)?, width)? else { return Some(Plain) };
    Some(character(code, 2 + length))
}

fn entity(text: &[u8]) -> Option<Encoded> {
    const NAMES: &[(&str, char)] = &[
        ("commat", '@'),
        ("period", '.'),
        ("lowbar", '_'),
        ("hyphen", '-'),
        ("dash", '-'),
        ("ndash", '-'),
        ("minus", '-'),
        ("nbsp", ' '),
        ("ensp", ' '),
        ("emsp", ' '),
        ("thinsp", ' '),
        ("plus", '+'),
        ("colon", ':'),
        ("sol", '/'),
        ("lpar", '('),
        ("rpar", ')'),
        ("num", '#'),
        ("shy", '\u{ad}'),
        ("zwnj", '\u{ad}'),
        ("zwj", '\u{ad}'),
        ("amp", '&'),
        ("quot", '"'),
        ("apos", '\''),
        ("equals", '='),
    ];
    if text.get(1)? == &b'#' {
        let (digits, base) = match text.get(2)? {
            b'x' | b'X' => (3, 16),
            _ => (2, 10),
        };
        let mut code = 0_u32;
        for (place, byte) in text.iter().enumerate().skip(digits).take(8) {
            match char::from(*byte).to_digit(base) {
                Some(digit) => code = code.saturating_mul(base).saturating_add(digit),
                None if place > digits => {
                    let closed = usize::from(*byte == b';');
                    return Some(character(code, place + closed));
                }
                None => return Some(Plain),
            }
        }
        return if text.len() >= digits + 8 { Some(Plain) } else { None };
    }
    let end = text.iter().skip(1).position(|byte| !byte.is_ascii_alphabetic());
    let Some(end) = end else { return if text.len() > 8 { Some(Plain) } else { None } };
    let (name, closed) = (&text[1..=end], text[end + 1] == b';');
    let known = NAMES.iter().find(|(known, _)| closed && known.as_bytes() == name);
    Some(known.map_or(Plain, |(_, c)| character(*c as u32, end + 2)))
}

/// A character by its code.
fn character(code: u32, length: usize) -> Encoded {
    match char::from_u32(code).map(super::character::meaning) {
        _ if is_visible(code) => For(length, code as u8),
        Some(super::Meaning::Nothing) => Nothing(length),
        Some(super::Meaning::Ascii(byte)) => For(length, byte),
        _ => Plain,
    }
}

/// `[at]`, `(dot)`, `{@}`, `< dash >`, with a space inside each bracket perhaps, and those behind.
fn bracket(text: &[u8]) -> Option<Encoded> {
    const WORDS: &[(&str, u8)] = &[
        ("at", b'@'),
        ("@", b'@'),
        ("a", b'@'),
        ("arroba", b'@'),
        ("arobase", b'@'),
        ("chiocciola", b'@'),
        ("apenstaartje", b'@'),
        ("ät", b'@'),
        ("klammeraffe", b'@'),
        ("dot", b'.'),
        (".", b'.'),
        ("punkt", b'.'),
        ("point", b'.'),
        ("punto", b'.'),
        ("ponto", b'.'),
        ("punt", b'.'),
        ("dash", b'-'),
        ("hyphen", b'-'),
        ("minus", b'-'),
        ("underscore", b'_'),
    ];
    let close = match text[0] {
        b'[' => b']',
        b'(' => b')',
        b'{' => b'}',
        _ => b'>',
    };
    let start = 1 + usize::from(*text.get(1)? == b' ');
    let rest = text.get(start..)?;
    let mut cut = false;
    for (word, byte) in WORDS {
        let shared =
            rest.iter().zip(word.bytes()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
        if shared < word.len() {
            cut |= shared == rest.len();
            continue;
        }
        let mut at = start + word.len();
        if text.get(at) == Some(&b' ') {
            at += 1;
        }
        match text.get(at) {
            None => cut = true,
            Some(found) if *found == close => {
                // The spaces behind belong to it.
                let spaces =
                    text[at + 1..].iter().take(2).take_while(|byte| **byte == b' ').count();
                if at + 1 + spaces == text.len() && spaces < 2 && text.len() < LONGEST {
                    return None;
                }
                return Some(For(at + 1 + spaces, *byte));
            }
            Some(_) => {}
        }
    }
    if cut { None } else { Some(Plain) }
}

/// A number of exactly `width` hexadecimal digits. The outer `None`: more text is needed.
fn hex(text: &[u8], width: usize) -> Option<Option<(u32, usize)>> {
    let mut value = 0;
    for place in 0..width {
        match char::from(*text.get(place)?).to_digit(16) {
            Some(digit) => value = value * 16 + digit,
            None => return Some(None),
        }
    }
    Some(Some((value, width)))
}

fn is_visible(code: u32) -> bool {
    (0x20..0x7f).contains(&code)
}
