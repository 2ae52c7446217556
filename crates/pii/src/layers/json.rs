//! JSON as it comes: every string and number is read as a text of its own, named by its key.

use super::{
    Found, Reader,
    unescape::{self, Unit},
};
use crate::trail::Trail;

/// JSON inside strings of JSON is followed this deep; deeper, it is text.
const DEEPEST: u8 = 4;

/// Containers inside each other whose kind is remembered; deeper ones count as arrays.
const MOST_CONTAINERS: usize = 256;

/// A key longer than this, bytes, names nothing.
const LONGEST_KEY: usize = 96;

/// White space before JSON inside a string, bytes: with more, it is text.
const LONGEST_BLANK: usize = 64;

/// Where the reading of a JSON text stands.
pub(crate) struct Json {
    depth: u8,
    /// Bytes that are not read yet: a cut escape.
    rest: Vec<u8>,
    /// How much has been read.
    at: usize,
    state: State,
    containers: Vec<Container>,
    /// What names this JSON from outside.
    outer: String,
    /// The string in hand.
    string: Value,
    trail: Trail,
    decoded: Vec<u8>,
    /// How long the decoded string is so far.
    length: usize,
    /// Before this, nothing is found any more.
    released: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Between tokens.
    Between,
    Key,
    String,
    /// In a number or a word.
    Scalar,
    /// Not JSON: text to the end.
    Text,
}

struct Container {
    object: bool,
    /// In an object: a key comes next.
    wants_key: bool,
    key: String,
}

/// What a string holds.
enum Value {
    /// Not known yet: white space so far.
    Unknown,
    Text,
    Json(Box<Json>),
}

impl Json {
    pub(crate) fn new(key: &str) -> Self {
        Self::at_depth(0, key)
    }

    fn at_depth(depth: u8, key: &str) -> Self {
        Self {
            depth,
            rest: Vec::new(),
            at: 0,
            state: State::Between,
            containers: Vec::new(),
            outer: key.to_owned(),
            string: Value::Unknown,
            trail: Trail::default(),
            decoded: Vec::new(),
            length: 0,
            released: 0,
        }
    }

    /// Reads on. Offsets are from the start of this JSON.
    pub(crate) fn push<R: Reader>(
        &mut self,
        reader: &mut R,
        piece: &[u8],
        end: bool,
        out: &mut Vec<Found<R::What>>,
    ) -> usize {
        let mut joined = std::mem::take(&mut self.rest);
        let bytes = if joined.is_empty() {
            piece
        } else {
            joined.extend_from_slice(piece);
            &joined
        };
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let read = match self.state {
                State::Between => self.between(reader, rest[0]),
                State::Key => self.key_part(rest, end),
                State::String => self.string_part(reader, rest, end, out),
                State::Scalar => self.scalar_part(reader, rest, out),
                State::Text => self.text_part(reader, rest, false, out),
            };
            let Some(read) = read else { break };
            at += read;
            self.at += read;
        }
        self.rest = bytes[at..].to_vec();
        if end {
            self.close(reader, out);
        }
        self.released
    }

    /// Structure: brackets, commas, colons, white space, and what begins a value.
    fn between<R: Reader>(&mut self, reader: &mut R, byte: u8) -> Option<usize> {
        match byte {
            b'{' | b'[' => {
                if self.containers.len() < MOST_CONTAINERS {
                    let object = byte == b'{';
                    self.containers.push(Container {
                        object,
                        wants_key: object,
                        key: String::new(),
                    });
                }
            }
            b'}' | b']' => {
                self.containers.pop();
            }
            b',' => {
                if let Some(last) = self.containers.last_mut() {
                    last.wants_key = last.object;
                }
            }
            b':' | b' ' | b'\t' | b'\r' | b'\n' => {}
            b'"' => {
                self.decoded.clear();
                self.length = 0;
                let container = self.containers.last_mut().filter(|it| it.wants_key);
                if let Some(container) = container {
                    container.wants_key = false;
                    container.key.clear();
                    self.state = State::Key;
                } else {
                    self.state = State::String;
                    self.string = Value::Unknown;
                    self.trail.begin(self.at + 1);
                    self.released = self.at;
                    return Some(1);
                }
            }
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                self.state = State::Scalar;
                self.decoded.clear();
                self.released = self.at;
                return Some(0);
            }
            _ => {
                self.begin_text(reader, self.at);
                return Some(0);
            }
        }
        self.released = self.at + 1;
        Some(1)
    }

    fn key_part(&mut self, bytes: &[u8], end: bool) -> Option<usize> {
        match unescape::unit(bytes, end) {
            Unit::Plain(length) => {
                self.decoded.extend_from_slice(&bytes[..length]);
                Some(length)
            }
            Unit::Escape(length, c) => {
                self.decoded.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                Some(length)
            }
            Unit::End => {
                if let Some(container) =
                    self.containers.last_mut().filter(|_| self.decoded.len() <= LONGEST_KEY)
                {
                    container.key.push_str(&String::from_utf8_lossy(&self.decoded));
                }
                self.state = State::Between;
                Some(1)
            }
            Unit::Cut => None,
        }
        .inspect(|length| {
            self.released = self.at + length;
            self.decoded.truncate(LONGEST_KEY + 4);
        })
    }

    /// All of a string that is there.
    fn string_part<R: Reader>(
        &mut self,
        reader: &mut R,
        bytes: &[u8],
        end: bool,
        out: &mut Vec<Found<R::What>>,
    ) -> Option<usize> {
        let mut at = 0;
        let mut closed = false;
        while at < bytes.len() && !closed {
            match unescape::unit(&bytes[at..], end) {
                Unit::Plain(length) => {
                    self.decoded.extend_from_slice(&bytes[at..at + length]);
                    at += length;
                }
                Unit::Escape(length, c) => {
                    let mut buffer = [0; 4];
                    let text = c.encode_utf8(&mut buffer).as_bytes();
                    let place = (self.length + self.decoded.len(), text.len());
                    self.trail.edit((self.at + at, length), place);
                    self.decoded.extend_from_slice(text);
                    at += length;
                }
                Unit::End => {
                    closed = true;
                    at += 1;
                }
                Unit::Cut => break,
            }
        }
        self.read_string(reader, closed, out);
        if closed {
            self.state = State::Between;
            self.released = self.at + at;
        }
        (at > 0).then_some(at)
    }

    /// Hands what is decoded of a string to whoever reads it.
    fn read_string<R: Reader>(
        &mut self,
        reader: &mut R,
        closed: bool,
        out: &mut Vec<Found<R::What>>,
    ) {
        if matches!(self.string, Value::Unknown) {
            let Some(json) = self.sniff(closed) else { return };
            let key = self.key();
            self.string = if json {
                Value::Json(Box::new(Self::at_depth(self.depth + 1, &key)))
            } else {
                reader.begin(&key);
                Value::Text
            };
        }
        let first = out.len();
        let released = match &mut self.string {
            Value::Unknown => return,
            Value::Text => reader.push(&self.decoded, closed, out),
            Value::Json(json) => json.push(reader, &self.decoded, closed, out),
        };
        self.length += self.decoded.len();
        self.decoded.clear();
        for found in &mut out[first..] {
            found.start = self.trail.source_of(found.start);
            found.end = self.trail.source_behind(found.end);
            found.wrap.json += 1;
        }
        if released > 0 {
            self.released = self.released.max(self.trail.source_of(released));
        }
        self.trail.forget(released);
    }

    /// Whether a string holds JSON; `None` while that cannot be told.
    fn sniff(&self, closed: bool) -> Option<bool> {
        if self.depth >= DEEPEST {
            return Some(false);
        }
        let mut visible = self.decoded.iter().filter(|byte| !byte.is_ascii_whitespace());
        let mut next = visible.next();
        let mut arrays = 0;
        while let Some(b'[') = next {
            arrays += 1;
            next = visible.next();
        }
        // A placeholder begins with two braces, as no object does.
        let told = match next {
            Some(b'{') => visible.next().map(|next| matches!(next, b'"' | b'}')),
            Some(b'"') => Some(arrays > 0),
            Some(_) => Some(arrays > 1),
            None => None,
        };
        let waits = !closed && self.decoded.len() < LONGEST_BLANK;
        told.or((!waits).then_some(false))
    }

    /// A number or a word is read once it is there in full. One that is neither begins plain text.
    fn scalar_part<R: Reader>(
        &mut self,
        reader: &mut R,
        bytes: &[u8],
        out: &mut Vec<Found<R::What>>,
    ) -> Option<usize> {
        let ends = |byte: &u8| {
            matches!(byte, b',' | b']' | b'}' | b'"' | b':' | b' ' | b'\t' | b'\r' | b'\n')
        };
        let stop = bytes.iter().position(ends);
        let length = stop.unwrap_or(bytes.len());
        self.decoded.extend_from_slice(&bytes[..length]);
        let whole = stop.is_some();
        let start = self.at + length - self.decoded.len();
        if whole && is_scalar(&self.decoded) {
            self.read_scalar(reader, start, out);
            self.state = State::Between;
            self.released = self.at + length;
        } else if whole || self.decoded.len() > LONGEST_BLANK {
            let begun = std::mem::take(&mut self.decoded);
            self.begin_text(reader, start);
            self.read_text(reader, &begun, false, out);
        }
        Some(length)
    }

    fn read_scalar<R: Reader>(
        &mut self,
        reader: &mut R,
        start: usize,
        out: &mut Vec<Found<R::What>>,
    ) {
        if !self.decoded.iter().any(u8::is_ascii_digit) {
            return;
        }
        reader.begin(&self.key());
        let first = out.len();
        reader.push(&self.decoded, true, out);
        // A part of a number cannot be replaced.
        out.truncate(first + 1);
        if let Some(found) = out.get_mut(first) {
            (found.start, found.end) = (start, start + self.decoded.len());
            found.wrap.bare = true;
        }
    }

    fn begin_text<R: Reader>(&mut self, reader: &mut R, start: usize) {
        self.state = State::Text;
        self.trail.begin(start);
        reader.begin(&self.key());
    }

    fn text_part<R: Reader>(
        &mut self,
        reader: &mut R,
        bytes: &[u8],
        end: bool,
        out: &mut Vec<Found<R::What>>,
    ) -> Option<usize> {
        self.read_text(reader, bytes, end, out);
        Some(bytes.len())
    }

    fn read_text<R: Reader>(
        &mut self,
        reader: &mut R,
        bytes: &[u8],
        end: bool,
        out: &mut Vec<Found<R::What>>,
    ) {
        let first = out.len();
        let released = reader.push(bytes, end, out);
        for found in &mut out[first..] {
            found.start = self.trail.source_of(found.start);
            found.end = self.trail.source_behind(found.end);
        }
        self.released = self.released.max(self.trail.source_of(released));
    }

    /// Nothing follows: what is open is read to its end.
    fn close<R: Reader>(&mut self, reader: &mut R, out: &mut Vec<Found<R::What>>) {
        match self.state {
            State::String => self.read_string(reader, true, out),
            State::Scalar if is_scalar(&self.decoded) => {
                self.read_scalar(reader, self.at - self.decoded.len(), out);
            }
            State::Scalar => {
                let begun = std::mem::take(&mut self.decoded);
                self.begin_text(reader, self.at - begun.len());
                self.read_text(reader, &begun, true, out);
            }
            State::Text => self.read_text(reader, &[], true, out),
            State::Between | State::Key => {}
        }
        self.state = State::Between;
        self.released = self.at;
    }

    /// What names a value here: the last two keys, or what names all of this.
    fn key(&self) -> String {
        let mut keys = self.containers.iter().rev().filter(|it| it.object && !it.key.is_empty());
        let (own, outer) = (keys.next(), keys.next());
        match (outer, own) {
            (Some(outer), Some(own)) => format!("{} {}", outer.key, own.key),
            (None, Some(own)) if !self.outer.is_empty() => format!("{} {}", self.outer, own.key),
            (None, Some(own)) => own.key.clone(),
            _ => self.outer.clone(),
        }
    }
}

/// Whether these are a number or a word of JSON (RFC 8259).
fn is_scalar(text: &[u8]) -> bool {
    if matches!(text, b"true" | b"false" | b"null") {
        return true;
    }
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let exponent = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = match exponent {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let exponent =
        exponent.map(|it| it.strip_prefix(b"-").or_else(|| it.strip_prefix(b"+")).unwrap_or(it));
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let (whole, part) = match point {
        Some(at) => (&mantissa[..at], Some(&mantissa[at + 1..])),
        None => (mantissa, None),
    };
    digits(whole) && part.is_none_or(digits) && exponent.is_none_or(digits)
}
