//! A JSON request body, parsed once and just enough.
//!
//! The original text is kept: what a provider gets is the caller's bytes with at most a few
//! top-level members replaced, so unknown fields, number formats and key order survive.

use std::{collections::HashSet, fmt, ops::Range};

use bytes::Bytes;
use memchr::memmem;
use serde::{
    Deserialize,
    de::{Deserializer as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Members a request object may have at its top level: far above any real request, and a bound on
/// what a hostile one makes us remember.
const MAX_MEMBERS: usize = 1024;
/// Up to this many members, names are compared one by one.
const FEW_MEMBERS: usize = 32;

/// A JSON object with the places of its top-level members.
#[derive(Clone)]
pub struct JsonRequest {
    bytes: Bytes,
    /// Just behind the opening brace.
    inside: usize,
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

/// UTF-8 text shared with the body it comes from.
#[derive(Clone)]
struct Text(Bytes);

impl JsonRequest {
    /// Reads a body: validates all of it, notes where its members are. Fails on anything but one
    /// JSON object with distinct members.
    pub fn parse(bytes: Bytes) -> Result<Self, MalformedJson> {
        let text = std::str::from_utf8(&bytes).map_err(|_| MalformedJson::Encoding)?;
        let found = top_level(text)?;
        let inside = text.find('{').map_or(0, |at| at + 1);
        let mut members = Vec::with_capacity(found.len());
        for (key, raw) in &found {
            let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
            members
                .push(Member { key: Text::of(key, &bytes), value: start..start + raw.get().len() });
        }
        let (mut model, mut user) = (None, None);
        let (mut stream, mut wants_usage) = (false, false);
        // A member of another type than we know counts as absent: it is the provider that refuses.
        for (key, raw) in &found {
            let raw = raw.get();
            match key.as_ref() {
                "model" => model = string(raw).map(|text| Text::of(&text, &bytes)),
                "user" => user = string(raw).map(|text| Text::of(&text, &bytes)),
                "stream" => stream = raw == "true",
                "stream_options" => wants_usage = includes_usage(raw),
                _ => {}
            }
        }
        Ok(Self { bytes, inside, members, stream, wants_usage, model, user })
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
        self.model.as_ref().map(Text::as_str)
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
        self.user.as_ref().map(Text::as_str)
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
            splices.push((self.inside..self.inside, added));
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
        self.members.iter().find(|member| member.key.as_str() == key)
    }
}

impl Text {
    /// Shares `text` with `whole` when it lies in it; escaped text does not.
    fn of(text: &str, whole: &Bytes) -> Self {
        let within = whole.as_ptr_range().contains(&text.as_ptr());
        Self(if within {
            whole.slice_ref(text.as_bytes())
        } else {
            Bytes::copy_from_slice(text.as_bytes())
        })
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("made from a str")
    }
}

/// JSON text of a string.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string always has a JSON form")
}

/// The string that a JSON text is, if it is one.
pub(crate) fn string(raw: &str) -> Option<std::borrow::Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Borrowing<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);
    serde_json::from_str::<Borrowing<'_>>(raw).ok().map(|Borrowing(text)| text)
}

type Members<'a> = Vec<(std::borrow::Cow<'a, str>, &'a RawValue)>;

/// The top-level members of an object, in order, validating all of the text.
pub(crate) fn top_level(text: &str) -> Result<Members<'_>, MalformedJson> {
    struct TopLevel<'c>(&'c mut Option<MalformedJson>);

    impl<'de> Visitor<'de> for TopLevel<'_> {
        type Value = Members<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members: Members<'de> = Vec::with_capacity(16);
            // Beyond what real requests have, names are looked up: long ones that are nearly alike
            // would cost the square of their number.
            let mut many = HashSet::new();
            while let Some((Key(key), raw)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                let refused = if members.len() == MAX_MEMBERS {
                    Some(MalformedJson::TooManyMembers)
                } else if many.contains(&key)
                    || (many.is_empty() && members.iter().any(|(known, _)| *known == key))
                {
                    Some(MalformedJson::Duplicate)
                } else {
                    None
                };
                if refused.is_some() {
                    *self.0 = refused;
                    return Err(serde::de::Error::custom("refused"));
                }
                if !many.is_empty() {
                    many.insert(key.clone());
                }
                members.push((key, raw));
                if members.len() == FEW_MEMBERS {
                    many.extend(members.iter().map(|(known, _)| known.clone()));
                }
            }
            Ok(members)
        }
    }

    #[derive(Deserialize)]
    struct Key<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

    let mut cause = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = reader.deserialize_map(TopLevel(&mut cause)).and_then(|members| {
        reader.end()?;
        Ok(members)
    });
    read.map_err(|error| {
        cause.unwrap_or(MalformedJson::Syntax { line: error.line(), column: error.column() })
    })
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
