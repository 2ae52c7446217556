//! A JSON request body, parsed once and just enough.
//!
//! The original text is kept: what a provider gets is the caller's bytes with at most a few
//! top-level members replaced, so unknown fields, number formats and key order survive.

use std::{borrow::Cow, collections::HashSet, ops::Range};

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;

use crate::json::{Walk, string};

/// Members a request object may have at its top level: far above any real request, and a bound on
/// what a hostile one makes us remember.
const MAX_MEMBERS: usize = 1024;
/// Up to this many members, names are compared one by one.
const FEW_MEMBERS: usize = 32;

/// A JSON object with the places of its top-level members.
#[derive(Clone)]
pub struct JsonRequest {
    bytes: Bytes,
    members: Vec<Member>,
    stream: bool,
    wants_usage: bool,
    model: Option<Text>,
    user: Option<Text>,
}

/// One change to the top level of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// Gives `key` the value `json`, a complete JSON text; adds the member when it is not there.
    SetRaw {
        /// The member's name, unescaped.
        key: &'a str,
        /// The value's JSON text.
        json: &'a str,
    },
}

/// Text that is not a request body. It repeats none of the body.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MalformedJson {
    /// It is not a JSON object.
    #[error("the body is not a valid JSON object (line {line}, column {column})")]
    Syntax {
        /// Where it went wrong: the line, from 1; 0 when unknown.
        line: usize,
        /// And the column.
        column: usize,
    },
    /// It is not UTF-8.
    #[error("the body is not valid UTF-8")]
    Encoding,
    /// A member occurs twice: readers would disagree on which one counts.
    #[error("a member of the body's object occurs more than once; send each once")]
    Duplicate,
    /// The object has too many members.
    #[error("the body's object has more than {MAX_MEMBERS} members")]
    TooManyMembers,
}

#[derive(Clone)]
struct Member {
    key: Text,
    value: Range<usize>,
}

/// UTF-8 text that the body holds, by its place; or, where it is escaped there, by itself.
#[derive(Clone)]
enum Text {
    Plain(Range<usize>),
    Escaped(Box<str>),
}

impl JsonRequest {
    /// Reads a body: validates all of it, notes where its members are. Fails on anything but one
    /// JSON object with distinct members.
    pub fn parse(bytes: Bytes) -> Result<Self, MalformedJson> {
        let text = simdutf8::basic::from_utf8(&bytes).map_err(|_| MalformedJson::Encoding)?;
        let malformed = |malformed: crate::json::Malformed| MalformedJson::at(text, malformed.at);
        let mut walk = Walk::object(text).map_err(malformed)?;
        let mut names = Names::default();
        let mut members: Vec<Member> = Vec::with_capacity(8);
        let (mut model, mut user) = (None, None);
        let (mut stream, mut wants_usage) = (false, false);
        while let Some(member) = walk.member().map_err(malformed)? {
            let (key, raw) = (member.key, member.value);
            // A member of another type than we know counts as absent: it is the provider that
            // refuses.
            match &*key {
                "model" => model = string(raw).map(|model| Text::of(model, text)),
                "user" => user = string(raw).map(|user| Text::of(user, text)),
                "stream" => stream = raw == "true",
                "stream_options" => wants_usage = includes_usage(raw),
                _ => {}
            }
            if members.len() == MAX_MEMBERS {
                return Err(MalformedJson::TooManyMembers);
            }
            if !names.are_distinct_with(key.clone(), &members, text) {
                return Err(MalformedJson::Duplicate);
            }
            members.push(Member { key: Text::of(key, text), value: member.place });
        }
        Ok(Self { members, stream, wants_usage, model, user, bytes })
    }

    /// The body as it came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The JSON text of a top-level member.
    pub fn member(&self, key: &str) -> Option<&str> {
        let value = &self.find(key)?.value;
        let bytes = &self.bytes[value.clone()];
        Some(std::str::from_utf8(bytes).expect("a JSON value ends where characters end"))
    }

    /// `model`, when it is a string.
    pub fn model(&self) -> Option<&str> {
        self.model.as_ref().map(|text| text.within(&self.bytes))
    }

    /// Whether `stream` is true.
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// Whether `stream_options.include_usage` is true.
    pub fn wants_usage(&self) -> bool {
        self.wants_usage
    }

    /// `user`, when it is a string.
    pub fn user(&self) -> Option<&str> {
        self.user.as_ref().map(|text| text.within(&self.bytes))
    }

    /// Characters of the body, to estimate input tokens from. Inline files (`;base64,` data URLs)
    /// do not count: they are not read as text.
    pub fn text_chars(&self) -> u64 {
        let mut rest = &self.bytes[..];
        let mut count = 0;
        while let Some(at) = memmem::find(rest, b";base64,") {
            count += chars(&rest[..at]);
            let data = &rest[at..];
            rest = &data[memchr::memchr(b'"', data).unwrap_or(data.len())..];
        }
        count + chars(rest)
    }

    /// The body with some top-level members replaced or added, and not a byte else changed. The
    /// very same bytes when nothing changes. Of several edits to one key, the last counts.
    pub fn edited(&self, edits: &[Edit<'_>]) -> Bytes {
        let mut splices: Vec<(Range<usize>, String)> = Vec::new();
        let mut added = String::new();
        for (index, &Edit::SetRaw { key, json }) in edits.iter().enumerate() {
            let overruled =
                edits[index + 1..].iter().any(|Edit::SetRaw { key: later, .. }| *later == key);
            if overruled {
                continue;
            }
            match self.find(key) {
                Some(member) if &self.bytes[member.value.clone()] == json.as_bytes() => {}
                Some(member) => splices.push((member.value.clone(), json.to_owned())),
                None => {
                    if !added.is_empty() {
                        added.push(',');
                    }
                    added.push_str(&quoted(key));
                    added.push(':');
                    added.push_str(json);
                }
            }
        }
        if !added.is_empty() {
            if !self.members.is_empty() {
                added.push(',');
            }
            let inside = Walk::inside(std::str::from_utf8(&self.bytes).unwrap_or_default());
            splices.push((inside..inside, added));
        }
        if splices.is_empty() {
            return self.bytes.clone();
        }
        splices.sort_by_key(|(range, _)| range.start);
        let grown: usize = splices.iter().map(|(_, text)| text.len()).sum();
        let mut edited = Vec::with_capacity(self.bytes.len() + grown);
        let mut copied = 0;
        for (range, text) in splices {
            edited.extend_from_slice(&self.bytes[copied..range.start]);
            edited.extend_from_slice(text.as_bytes());
            copied = range.end;
        }
        edited.extend_from_slice(&self.bytes[copied..]);
        Bytes::from(edited)
    }

    fn find(&self, key: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.key.within(&self.bytes) == key)
    }
}

/// The names of the members so far. Up to a number they are compared one by one; beyond, they are
/// looked up: long ones that are nearly alike would cost the square of their number.
#[derive(Default)]
struct Names<'a>(HashSet<Cow<'a, str>>);

impl<'a> Names<'a> {
    fn are_distinct_with(&mut self, key: Cow<'a, str>, members: &[Member], text: &'a str) -> bool {
        if members.len() < FEW_MEMBERS {
            return members.iter().all(|known| known.key.within(text.as_bytes()) != &*key);
        }
        if self.0.is_empty() {
            let known = members.iter().map(|known| known.key.clone().resolved(text));
            self.0 = known.collect();
        }
        self.0.insert(key)
    }
}

impl Text {
    fn of(found: Cow<'_, str>, whole: &str) -> Self {
        match found {
            Cow::Borrowed(part) => {
                let start = part.as_ptr() as usize - whole.as_ptr() as usize;
                Self::Plain(start..start + part.len())
            }
            Cow::Owned(text) => Self::Escaped(text.into()),
        }
    }

    fn within<'t>(&'t self, whole: &'t [u8]) -> &'t str {
        match self {
            Self::Plain(place) => {
                std::str::from_utf8(&whole[place.clone()]).expect("made from a str")
            }
            Self::Escaped(text) => text,
        }
    }

    fn resolved(self, whole: &str) -> Cow<'_, str> {
        match self {
            Self::Plain(place) => Cow::Borrowed(&whole[place]),
            Self::Escaped(text) => Cow::Owned(text.into()),
        }
    }
}

impl MalformedJson {
    /// That the text is wrong at this byte.
    fn at(text: &str, at: usize) -> Self {
        let before = &text.as_bytes()[..at.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Self::Syntax { line, column }
    }
}

/// JSON text of a string.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string always has a JSON form")
}

fn includes_usage(raw: &str) -> bool {
    #[derive(Deserialize)]
    struct StreamOptions {
        #[serde(default)]
        include_usage: bool,
    }
    serde_json::from_str::<StreamOptions>(raw).is_ok_and(|options| options.include_usage)
}

/// Counts characters by the bytes that begin one.
fn chars(utf8: &[u8]) -> u64 {
    utf8.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() as u64
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Edit, JsonRequest, MalformedJson};

    fn parse(text: &'static str) -> Result<JsonRequest, MalformedJson> {
        JsonRequest::parse(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn notes_what_the_gateway_acts_on() {
        let request = parse(
            r#" {"model":"@main/gpt-4o","stream":true,"user":"ann\u0061",
                 "stream_options":{"include_usage":true},"max_tokens":7,"max_completion_tokens":9}"#,
        )
        .unwrap();
        assert_eq!(request.model(), Some("@main/gpt-4o"));
        assert_eq!(request.user(), Some("anna"));
        assert!(request.stream());
        assert!(request.wants_usage());
        assert_eq!(request.member("max_tokens"), Some("7"));
        let other = parse(r#"{"model":1,"stream":"true","user":{},"max_tokens":-1}"#).unwrap();
        assert_eq!((other.model(), other.user(), other.stream()), (None, None, false));
    }

    #[test]
    fn refuses_what_readers_could_disagree_on() {
        assert_eq!(parse(r#"{"a":1,"\u0061":2}"#).err(), Some(MalformedJson::Duplicate));
        for text in ["", "[]", "1", "{", r#"{"a":}"#, r#"{"a":[1,}"#, "{} {}", r#"{"a":01}"#] {
            assert!(matches!(parse(text).err(), Some(MalformedJson::Syntax { .. })), "{text}");
        }
        let twice: String = (0..100).map(|n| format!("\"k{}\":0,", n % 99)).collect();
        let twice = Bytes::from(format!("{{{}}}", &twice[..twice.len() - 1]));
        assert_eq!(JsonRequest::parse(twice).err(), Some(MalformedJson::Duplicate));
        let latin = Bytes::from_static(b"{\"a\":\"\xe9\"}");
        assert_eq!(JsonRequest::parse(latin).err(), Some(MalformedJson::Encoding));
        let many: String = (0..=1024).map(|n| format!(",\"k{n}\":0")).collect();
        let many = Bytes::from(format!("{{{}}}", &many[1..]));
        assert_eq!(JsonRequest::parse(many).err(), Some(MalformedJson::TooManyMembers));
    }

    #[test]
    fn edits_leave_the_rest_alone() {
        let request = parse("{ \"n\" : 1.00, \"model\": \"a\" ,\n\"é\":[ ] }").unwrap();
        let set = |key, json| Edit::SetRaw { key, json };
        let edited = request.edited(&[set("model", "\"b\""), set("stream", "true")]);
        assert_eq!(edited, "{\"stream\":true, \"n\" : 1.00, \"model\": \"b\" ,\n\"é\":[ ] }");
        let same = request.edited(&[set("model", "\"x\""), set("model", "\"a\"")]);
        assert_eq!(same.as_ptr(), request.bytes().as_ptr());
        let empty = parse(" {}").unwrap().edited(&[set("a\"", "1"), set("b", "2")]);
        assert_eq!(empty, r#" {"a\"":1,"b":2}"#);
    }

    #[test]
    fn inline_files_do_not_count_as_text() {
        let plain = parse(r#"{"a":"été"}"#).unwrap();
        assert_eq!(plain.text_chars(), 11);
        let image = parse(r#"{"a":"data:image/png;base64,AAAABBBBCCCC"}"#).unwrap();
        assert_eq!(image.text_chars(), parse(r#"{"a":"data:image/png"}"#).unwrap().text_chars());
    }
}
