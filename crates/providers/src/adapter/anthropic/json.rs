//! An ordered JSON tree that borrows whatever a translation does not touch.
//!
//! Order matters: a model fills the properties of a schema in the order it reads them, and prompt
//! caches compare prefixes. So opaque parts are carried as their original text, and members are
//! written in the order they were put.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::value::RawValue;

/// A value to be written.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Json<'a> {
    /// Original text, verbatim.
    Raw(&'a RawValue),
    /// JSON text that we hold.
    Owned(Box<RawValue>),
    Text(Cow<'a, str>),
    Number(u64),
    Bool(bool),
    Null,
    List(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// An object to be written, in this order.
#[derive(Default)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

/// Members an object that is read may have: far above any real one, and a bound on what a hostile
/// one makes us remember.
const MAX_MEMBERS: usize = 4096;

/// The members of an object that was read, their values not yet looked at.
#[derive(Default)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// This object with one more member.
    pub(super) fn with(mut self, key: &'static str, value: impl Into<Json<'a>>) -> Self {
        self.put(key, value);
        self
    }

    /// Adds a member. The caller sees to it that there is none of that name.
    pub(super) fn put(&mut self, key: &'static str, value: impl Into<Json<'a>>) {
        self.0.push((Cow::Borrowed(key), value.into()));
    }

    /// Adds a member when there is a value for it.
    pub(super) fn put_some(&mut self, key: &'static str, value: Option<impl Into<Json<'a>>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Adds what was read and not taken. What is here already counts: no name comes twice, for
    /// readers would disagree on which one is meant.
    pub(super) fn put_rest(&mut self, rest: Members<'a>) {
        if rest.0.is_empty() {
            return;
        }
        // A set, for a hostile object has thousands of members.
        let mut known: HashSet<Cow<'a, str>> =
            self.0.iter().map(|(name, _)| name.clone()).collect();
        for (key, raw) in rest.0 {
            if known.insert(key.clone()) {
                self.0.push((key, Json::Raw(raw)));
            }
        }
    }

    /// Whether there is a member of that name.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }

    /// The text.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("the keys are strings and writing to memory does not fail")
    }
}

impl<'a> Members<'a> {
    /// Reads an object; `None` when the text is not one, or one of too many members.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Takes out the value of a member; a null counts as absent. Of members of the same name the
    /// last counts, as it does for most readers.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a RawValue> {
        let mut found = None;
        self.0.retain(|(name, raw)| {
            let hit = name == key;
            if hit {
                found = Some(*raw);
            }
            !hit
        });
        found.filter(|raw| raw.get() != "null")
    }

    /// Takes out a string.
    pub(super) fn take_text(&mut self, key: &str) -> Option<Cow<'a, str>> {
        self.take(key).and_then(text)
    }

    /// A string, left in place.
    pub(super) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.0.iter().find(|(name, _)| name == key).and_then(|(_, raw)| text(raw))
    }

    /// Takes out an object.
    pub(super) fn take_members(&mut self, key: &str) -> Option<Members<'a>> {
        self.take(key).and_then(|raw| Members::parse(raw.get()))
    }

    /// Whether a member is present and not null.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, raw)| name == key && raw.get() != "null")
    }
}

/// The elements of a list; `None` when the value is none.
pub(super) fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// A string's content; `None` when the value is none.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(raw.get()).ok().map(|text| text.0)
}

/// A string's content, borrowed where it holds no escapes.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(key), raw)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    if members.len() == MAX_MEMBERS {
                        return Err(serde::de::Error::custom("too many members"));
                    }
                    members.push((key, raw));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'a> From<&'a RawValue> for Json<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self::Raw(raw)
    }
}

impl From<Box<RawValue>> for Json<'_> {
    fn from(raw: Box<RawValue>) -> Self {
        Self::Owned(raw)
    }
}

impl<'a> From<Cow<'a, str>> for Json<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a str> for Json<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Json<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u64> for Json<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Json<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<'a> From<Vec<Json<'a>>> for Json<'a> {
    fn from(list: Vec<Json<'a>>) -> Self {
        Self::List(list)
    }
}

impl<'a> From<Object<'a>> for Json<'a> {
    fn from(object: Object<'a>) -> Self {
        Self::Object(object)
    }
}

impl<'a> From<Members<'a>> for Object<'a> {
    fn from(members: Members<'a>) -> Self {
        let mut object = Self::default();
        object.put_rest(members);
        object
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_MEMBERS, Members, Object};

    #[test]
    fn the_rest_joins_without_names_that_count_already() {
        let rest = Members::parse(r#"{"a":1,"b":2,"\u0062":3,"c":4}"#).unwrap();
        let mut object = Object::default().with("a", "kept");
        object.put_rest(rest);
        assert_eq!(object.to_bytes(), br#"{"a":"kept","b":2,"c":4}"#);
    }

    #[test]
    fn an_object_of_too_many_members_is_not_read() {
        let object = |count: usize| {
            let members: Vec<_> = (0..count).map(|n| format!("\"k{n}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(Members::parse(&object(MAX_MEMBERS)).is_some());
        assert!(Members::parse(&object(MAX_MEMBERS + 1)).is_none());
    }
}
