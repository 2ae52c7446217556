//! What a text is wrapped in, and how to write a text so that it survives the wrapping.

use std::borrow::Cow;

/// What surrounds a text, from outside in: a form field, then JSON strings in each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrap {
    pub(crate) form: bool,
    /// How many JSON strings.
    pub(crate) json: u8,
    /// The innermost is no string but a bare number: what takes its place needs quotes.
    pub(crate) bare: bool,
}

/// Writes a text for a place in its wrapping.
pub(crate) fn encode(text: &str, wrap: Wrap) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if wrap.bare {
        text = Cow::Owned(format!("\"{}\"", escaped(&text)));
    }
    for _ in 0..wrap.json {
        text = Cow::Owned(escaped(&text));
    }
    if wrap.form {
        text = Cow::Owned(percent_encoded(&text));
    }
    text
}

/// Reads what stands in a wrapping.
pub(crate) fn decode(bytes: &[u8], wrap: Wrap) -> String {
    let mut bytes = Cow::Borrowed(bytes);
    if wrap.form {
        bytes = Cow::Owned(percent_decoded(&bytes));
    }
    for _ in 0..wrap.json {
        let mut plain = Vec::new();
        super::unescape::all(&bytes, &mut plain);
        bytes = Cow::Owned(plain);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As the inside of a JSON string (RFC 8259, section 7).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

pub(super) fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' => match hex(bytes.get(at + 1..at + 3)) {
                Some(byte) => {
                    out.push(byte);
                    at += 2;
                }
                None => out.push(b'%'),
            },
            byte => out.push(byte),
        }
        at += 1;
    }
    out
}

/// The byte that two hexadecimal digits write.
pub(super) fn hex(digits: Option<&[u8]>) -> Option<u8> {
    let digits = digits?;
    let value = |byte: u8| char::from(byte).to_digit(16);
    Some((value(digits[0])? * 16 + value(digits[1])?) as u8)
}
