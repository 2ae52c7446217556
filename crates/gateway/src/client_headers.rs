//! A client's headers.

use std::ops::Deref;

use http::{HeaderMap, HeaderName, HeaderValue};

/// A client's headers. A call asks for some thirty that say what is to be done with it, and most of
/// them are not there: that they are not is seen without a look into the map.
pub(crate) struct ClientHeaders {
    map: HeaderMap,
    /// The marks of all names that are, or were, in the map.
    marks: u64,
}

impl ClientHeaders {
    pub(crate) fn new(map: HeaderMap) -> Self {
        let marks = map.keys().fold(0, |marks, name| marks | mark(name));
        Self { map, marks }
    }

    pub(crate) fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        if self.marks & mark(name) == 0 { None } else { self.map.get(name) }
    }

    pub(crate) fn contains_key(&self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn remove(&mut self, name: &HeaderName) -> Option<HeaderValue> {
        if self.marks & mark(name) == 0 { None } else { self.map.remove(name) }
    }

    pub(crate) fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        self.marks |= mark(&name);
        self.map.insert(name, value);
    }
}

impl Deref for ClientHeaders {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        &self.map
    }
}

/// One bit of 64, by length and ends of the name.
fn mark(name: &HeaderName) -> u64 {
    let name = name.as_str().as_bytes();
    // A name has at least one byte.
    let at = |back: usize| usize::from(name[name.len().saturating_sub(back)]);
    1 << ((name.len() * 11 + at(1) * 5 + at(4)) % 64)
}

#[cfg(test)]
mod tests {
    use http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{ACCEPT, CONTENT_TYPE, TE},
    };

    use super::ClientHeaders;

    #[test]
    fn what_is_there_is_found_and_nothing_else() {
        let value = HeaderValue::from_static("x");
        let mut map = HeaderMap::new();
        map.append(CONTENT_TYPE, value.clone());
        map.append("x-portkey-debug", value.clone());
        let mut headers = ClientHeaders::new(map);
        for name in ["content-type", "x-portkey-debug"] {
            assert!(headers.contains_key(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["accept", "x-portkey-debut", "xe", "t"] {
            assert!(!headers.contains_key(&HeaderName::from_static(name)), "{name}");
        }
        headers.insert(TE, value.clone());
        assert_eq!(headers.get(&TE), Some(&value));
        assert_eq!(headers.remove(&CONTENT_TYPE), Some(value));
        assert_eq!(headers.get(&CONTENT_TYPE), None);
        assert_eq!(headers.remove(&ACCEPT), None);
    }
}
