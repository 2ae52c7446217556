//! A strict reader of JSON text (RFC 8259) that builds nothing: it walks over the members of an
//! object and says where they are.
//!
//! Requests and answers pass through with a few members looked at, so most of their text is only
//! walked over, once, at the speed of a search for the next quotation mark. What it accepts is
//! exactly what a strict parser accepts; nesting is bounded.

use std::{borrow::Cow, ops::Range};

use memchr::memchr2;
use serde::Deserialize;

/// How deep objects and arrays may lie in each other.
const MAX_DEPTH: usize = 512;

/// Text that is not JSON, or not of the form that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// At which byte.
    pub(crate) at: usize,
}

/// The members of an object, or the elements of an array, in order. The text is found valid once
/// `None` has come.
pub(crate) struct Walk<'a> {
    text: &'a str,
    at: usize,
    close: u8,
    state: State,
}

#[derive(PartialEq)]
enum State {
    First,
    Next,
    Ended,
}

/// One member of an object.
#[derive(Clone)]
pub(crate) struct Member<'a> {
    /// Its name.
    pub(crate) key: Cow<'a, str>,
    /// Its value's text.
    pub(crate) value: &'a str,
    /// Where the value is in the object's text.
    pub(crate) place: Range<usize>,
}

impl<'a> Walk<'a> {
    /// The members of the object that `text` is.
    pub(crate) fn object(text: &'a str) -> Result<Self, Malformed> {
        Self::begin(text, b'{', b'}')
    }

    /// The elements of the array that `text` is.
    pub(crate) fn array(text: &'a str) -> Result<Self, Malformed> {
        Self::begin(text, b'[', b']')
    }

    /// Just behind the opening brace or bracket.
    pub(crate) fn inside(text: &str) -> usize {
        space(text.as_bytes(), 0) + 1
    }

    fn begin(text: &'a str, open: u8, close: u8) -> Result<Self, Malformed> {
        let at = expect(text.as_bytes(), space(text.as_bytes(), 0), open)?;
        Ok(Self { text, at, close, state: State::First })
    }

    /// The next member of an object.
    pub(crate) fn member(&mut self) -> Result<Option<Member<'a>>, Malformed> {
        if !self.advance()? {
            return Ok(None);
        }
        let bytes = self.text.as_bytes();
        let start = expect(bytes, self.at, b'"')?;
        let (end, escaped) = string_end(bytes, start)?;
        self.at = expect(bytes, space(bytes, end), b':')?;
        let name = &self.text[start..end - 1];
        let key = match escaped {
            false => Cow::Borrowed(name),
            true => string(&self.text[start - 1..end]).ok_or(Malformed { at: start })?,
        };
        let place = self.value()?;
        Ok(Some(Member { key, value: &self.text[place.clone()], place }))
    }

    /// The next element of an array.
    pub(crate) fn element(&mut self) -> Result<Option<&'a str>, Malformed> {
        if !self.advance()? {
            return Ok(None);
        }
        let place = self.value()?;
        Ok(Some(&self.text[place]))
    }

    /// Goes to where the next one begins; false behind the last.
    fn advance(&mut self) -> Result<bool, Malformed> {
        let bytes = self.text.as_bytes();
        self.at = space(bytes, self.at);
        match (bytes.get(self.at), &self.state) {
            (_, State::Ended) => return Ok(false),
            (Some(&byte), State::First | State::Next) if byte == self.close => {
                self.state = State::Ended;
                self.at = space(bytes, self.at + 1);
                // Behind the end there must be nothing more.
                return if self.at == bytes.len() {
                    Ok(false)
                } else {
                    Err(Malformed { at: self.at })
                };
            }
            (Some(_), State::First) => self.state = State::Next,
            (Some(b','), State::Next) => self.at = space(bytes, self.at + 1),
            _ => return Err(Malformed { at: self.at }),
        }
        Ok(true)
    }

    fn value(&mut self) -> Result<Range<usize>, Malformed> {
        let start = space(self.text.as_bytes(), self.at);
        self.at = value_end(self.text.as_bytes(), start)?;
        Ok(start..self.at)
    }
}

/// The value of a member of the object that a text is.
pub(crate) fn member<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut members = Walk::object(text).ok()?;
    while let Some(member) = members.member().ok()? {
        if member.key == key {
            return Some(member.value);
        }
    }
    None
}

/// The string that a JSON text is, if it is one.
pub(crate) fn string(raw: &str) -> Option<Cow<'_, str>> {
    if let Some(plain) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
        && memchr2(b'"', b'\\', plain.as_bytes()).is_none()
        && !has_control(plain.as_bytes())
    {
        return Some(Cow::Borrowed(plain));
    }
    #[derive(Deserialize)]
    struct Borrowing<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Borrowing<'_>>(raw).ok().map(|Borrowing(text)| text)
}

/// The count that a JSON text is: a whole number that is not negative.
pub(crate) fn count(raw: &str) -> Option<u64> {
    raw.parse().ok()
}

/// Whether a text is one JSON value.
#[cfg(test)]
fn is_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    value_end(bytes, space(bytes, 0)).is_ok_and(|end| space(bytes, end) == bytes.len())
}

/// Behind the white space at `at`.
fn space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Behind the byte at `at`, which must be this one.
fn expect(bytes: &[u8], at: usize, byte: u8) -> Result<usize, Malformed> {
    if bytes.get(at) == Some(&byte) { Ok(at + 1) } else { Err(Malformed { at }) }
}

/// Behind the value that begins at `at`.
fn value_end(bytes: &[u8], mut at: usize) -> Result<usize, Malformed> {
    let mut open = Open::default();
    loop {
        at = space(bytes, at);
        match bytes.get(at) {
            Some(b'"') => at = string_end(bytes, at + 1)?.0,
            Some(b'{') => {
                at = space(bytes, at + 1);
                open.push(true, at)?;
                if bytes.get(at) != Some(&b'}') {
                    at = key_end(bytes, at)?;
                    continue;
                }
            }
            Some(b'[') => {
                at = space(bytes, at + 1);
                open.push(false, at)?;
                if bytes.get(at) != Some(&b']') {
                    continue;
                }
            }
            Some(b'-' | b'0'..=b'9') => at = number_end(bytes, at)?,
            Some(b't') => at = literal_end(bytes, at, b"true")?,
            Some(b'f') => at = literal_end(bytes, at, b"false")?,
            Some(b'n') => at = literal_end(bytes, at, b"null")?,
            _ => return Err(Malformed { at }),
        }
        // Behind a value, or before the end of an empty object or array.
        loop {
            let Some(is_object) = open.top() else { return Ok(at) };
            at = space(bytes, at);
            match (bytes.get(at), is_object) {
                (Some(b','), true) => {
                    at = key_end(bytes, space(bytes, at + 1))?;
                    break;
                }
                (Some(b','), false) => {
                    at += 1;
                    break;
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    open.pop();
                    at += 1;
                }
                _ => return Err(Malformed { at }),
            }
        }
    }
}

/// Behind the colon of the name that begins at `at`.
fn key_end(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let (end, _) = string_end(bytes, expect(bytes, at, b'"')?)?;
    expect(bytes, space(bytes, end), b':')
}

/// Behind the closing quotation mark of the string whose content begins at `start`, and whether it
/// holds escapes.
fn string_end(bytes: &[u8], start: usize) -> Result<(usize, bool), Malformed> {
    let (mut at, mut escaped) = (start, false);
    loop {
        at = plain_end(bytes, at)?;
        at += 1;
        if bytes[at - 1] == b'"' {
            return Ok((at, escaped));
        }
        escaped = true;
        at = match bytes.get(at) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at + 1,
            Some(b'u') => {
                let digits = bytes.get(at + 1..at + 5).ok_or(Malformed { at })?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Malformed { at });
                }
                at + 5
            }
            _ => return Err(Malformed { at }),
        };
    }
}

/// How many words are looked at before a search for long strings begins: most strings are names
/// and short words, for which calling it takes longer than finding their end.
const SHORT: usize = 6;

/// Bytes of a long string that are looked at before those behind them. Each is looked at twice, and
/// so many stay in the processor's nearest cache.
const STRETCH: usize = 8 << 10;

/// At the quotation mark or backslash that ends what begins at `start` and is as it says.
fn plain_end(bytes: &[u8], start: usize) -> Result<usize, Malformed> {
    let mut at = start;
    for _ in 0..SHORT {
        let Some(word) = bytes[at..].first_chunk() else { break };
        let found = special(u64::from_le_bytes(*word));
        if found == 0 {
            at += 8;
            continue;
        }
        at += found.trailing_zeros() as usize / 8;
        return if bytes[at] < 0x20 { Err(Malformed { at }) } else { Ok(at) };
    }
    for stretch in bytes[at..].chunks(STRETCH) {
        let found = memchr2(b'"', b'\\', stretch);
        let plain = found.map_or(stretch, |found| &stretch[..found]);
        if has_control(plain) {
            return Err(Malformed { at });
        }
        at += plain.len();
        if found.is_some() {
            return Ok(at);
        }
    }
    Err(Malformed { at: bytes.len() })
}

/// The highest bit of each byte of eight that is a quotation mark, a backslash or a control
/// character; true of the lowest that is set, and so of whether any is.
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    // Bytes that are zero borrow from the next, which is why only the lowest is to be trusted.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let is = |byte: u8| zeros(word ^ (ONES * u64::from(byte)));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (is(b'"') | is(b'\\') | control) & HIGHS
}

/// Whether there is a byte that a string must escape. The least of many bytes is found faster than
/// whether any of them is small: processors have an instruction for it.
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(u8::MAX, |least, byte| least.min(*byte)) < 0x20
}

fn number_end(bytes: &[u8], start: usize) -> Result<usize, Malformed> {
    let digits = |mut at: usize| {
        let from = at;
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if at == from { Err(Malformed { at }) } else { Ok(at) }
    };
    let mut at = start + usize::from(bytes[start] == b'-');
    // No zeros lead.
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at = digits(at)?;
    }
    Ok(at)
}

fn literal_end(bytes: &[u8], at: usize, literal: &[u8]) -> Result<usize, Malformed> {
    let end = at + literal.len();
    if bytes.get(at..end) == Some(literal) { Ok(end) } else { Err(Malformed { at }) }
}

/// Which of the open ones are objects: a bit for each.
#[derive(Default)]
struct Open {
    bits: [u64; MAX_DEPTH / 64],
    depth: usize,
}

impl Open {
    fn push(&mut self, is_object: bool, at: usize) -> Result<(), Malformed> {
        let word = self.bits.get_mut(self.depth / 64).ok_or(Malformed { at })?;
        let bit = 1 << (self.depth % 64);
        *word = if is_object { *word | bit } else { *word & !bit };
        self.depth += 1;
        Ok(())
    }

    fn pop(&mut self) {
        self.depth -= 1;
    }

    fn top(&self) -> Option<bool> {
        let at = self.depth.checked_sub(1)?;
        Some(self.bits[at / 64] >> (at % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn members(text: &str) -> Result<Vec<(String, String)>, Malformed> {
        let (mut walk, mut found) = (Walk::object(text)?, Vec::new());
        while let Some(member) = walk.member()? {
            assert_eq!(&text[member.place], member.value);
            found.push((member.key.into_owned(), member.value.to_owned()));
        }
        Ok(found)
    }

    #[test]
    fn members_are_found_where_they_are() {
        let found = members(" { \"a\" : [1, {\"b\":\"}\"}] ,\"\\u0062\\n\":-1.5e+3}\n").unwrap();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(found, [pair("a", "[1, {\"b\":\"}\"}]"), pair("b\n", "-1.5e+3")]);
        assert_eq!(members("{}").unwrap(), []);
        let mut elements = Walk::array("[ 1 ,\"]\", []]").unwrap();
        let found: Vec<_> = std::iter::from_fn(|| elements.element().unwrap()).collect();
        assert_eq!(found, ["1", "\"]\"", "[]"]);
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_value(&nested(MAX_DEPTH)));
        assert!(!is_value(&nested(MAX_DEPTH + 1)));
        assert!(!is_value(&"[{\"a\":".repeat(100_000)));
    }

    #[test]
    fn a_string_is_told_from_what_is_none() {
        assert_eq!(string(r#""plain é""#).as_deref(), Some("plain é"));
        assert_eq!(string(r#""a\"b""#).as_deref(), Some("a\"b"));
        for raw in ["1", "null", "\"", "\"a\"b\"", "\"a\nb\"", ""] {
            assert_eq!(string(raw), None, "{raw:?}");
        }
    }

    /// Texts that are JSON, nearly JSON, and not JSON at all.
    fn texts() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("{"),
            Just("}"),
            Just("["),
            Just("]"),
            Just(","),
            Just(":"),
            Just(" "),
            Just("\n"),
            Just("\"a\""),
            Just("\"\\u00e9\""),
            Just("\"\\"),
            Just("\\\""),
            Just("\"\t\""),
            Just("\""),
            Just("0"),
            Just("-"),
            Just("1.5"),
            Just("1e"),
            Just("01"),
            Just("."),
            Just("E+2"),
            Just("true"),
            Just("false"),
            Just("null"),
            Just("nul"),
            Just("é"),
            Just("\u{0}"),
            Just("\"k\":1"),
            Just("\"k\":{\"m\":[]}"),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

        #[test]
        fn accepts_what_a_strict_parser_accepts(text in texts()) {
            let theirs = serde_json::from_str::<&RawValue>(&text).is_ok();
            prop_assert_eq!(is_value(&text), theirs, "{:?}", text);
            let wrapped = format!("{{\"x\":{text}}}");
            let theirs = serde_json::from_str::<std::collections::HashMap<String, &RawValue>>(&wrapped);
            let ours = members(&wrapped).map(|found| found.len());
            // Theirs keeps one of members that are named alike.
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}", wrapped);
        }
    }
}
