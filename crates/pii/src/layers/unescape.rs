//! Escapes of JSON strings.

/// What stands at the head of the inside of a JSON string.
pub(super) enum Unit {
    /// So many bytes that mean what they say.
    Plain(usize),
    /// So many bytes that stand for a character.
    Escape(usize, char),
    /// The quotation mark that ends the string.
    End,
    /// An escape that is not complete.
    Cut,
}

/// Reads a unit; `bytes` is not empty. With `end`, nothing follows.
pub(super) fn unit(bytes: &[u8], end: bool) -> Unit {
    match bytes[0] {
        b'"' => Unit::End,
        b'\\' => escape(bytes, end),
        _ => {
            let stop = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            Unit::Plain(stop.unwrap_or(bytes.len()))
        }
    }
}

fn escape(bytes: &[u8], end: bool) -> Unit {
    let Some(kind) = bytes.get(1) else { return if end { Unit::Plain(1) } else { Unit::Cut } };
    let c = match kind {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(bytes, end),
        // Not an escape: it means what it says.
        _ => return Unit::Plain(1),
    };
    Unit::Escape(2, c)
}

/// `\u00e9`, or two surrogates in a row.
fn unicode(bytes: &[u8], end: bool) -> Unit {
    let cut = if end { Unit::Plain(1) } else { Unit::Cut };
    if bytes.len() < 6 {
        let hex = bytes[2..].iter().all(u8::is_ascii_hexdigit);
        return if hex { cut } else { Unit::Plain(1) };
    }
    let Some(code) = code(&bytes[2..6]) else { return Unit::Plain(1) };
    if !(0xd800..0xdc00).contains(&code) {
        return Unit::Escape(6, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    let lone = Unit::Escape(6, char::REPLACEMENT_CHARACTER);
    let rest = &bytes[6..];
    if rest.len() < 6 && !end {
        // The other half may come.
        let may = rest.iter().zip(b"\\u").all(|(a, b)| a == b)
            && rest.iter().skip(2).all(u8::is_ascii_hexdigit);
        return if may { Unit::Cut } else { lone };
    }
    match rest
        .get(..6)
        .filter(|rest| rest.starts_with(b"\\u"))
        .and_then(|rest| self::code(&rest[2..]))
    {
        Some(low) if (0xdc00..0xe000).contains(&low) => {
            let code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            Unit::Escape(12, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
        }
        _ => lone,
    }
}

fn code(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |code, byte| Some(code * 16 + char::from(*byte).to_digit(16)?))
}

/// Decodes the inside of a string that is there in full.
pub(super) fn all(bytes: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < bytes.len() {
        match unit(&bytes[at..], true) {
            Unit::Plain(length) => {
                out.extend_from_slice(&bytes[at..at + length]);
                at += length;
            }
            Unit::Escape(length, c) => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
            }
            Unit::End | Unit::Cut => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
}
