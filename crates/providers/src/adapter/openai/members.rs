//! A cheap look into the JSON of an answer, and cutting a member out of it.

use std::ops::Range;

use memchr::{memchr, memchr2, memmem::FinderRev};

/// What one pass over the strings of a JSON text found.
#[derive(Default)]
pub(super) struct Glance<'a> {
    /// Characters in the values of the keys that were counted; an escape counts as written.
    pub(super) chars: u64,
    /// Whether some object has a `usage`.
    pub(super) usage: bool,
    /// Whether some object has an `error`.
    pub(super) error: bool,
    /// Whether some `type` is that of the last event of a stream of responses.
    pub(super) last: bool,
    /// The last `finish_reason` that is a string, escapes untouched.
    pub(super) finish_reason: Option<&'a [u8]>,
}

/// The types of the events that end a stream of responses.
const LAST_EVENTS: [&[u8]; 4] =
    [b"response.completed", b"response.incomplete", b"response.failed", b"error"];

/// Goes over the strings of a JSON text once, without parsing it. `counted` names the keys whose
/// values are generated text.
pub(super) fn glance<'a>(json: &'a [u8], counted: &[&[u8]]) -> Glance<'a> {
    let mut found = Glance::default();
    let mut key: &[u8] = b"";
    let mut at = 0;
    while let Some(quote) = memchr(b'"', &json[at..]) {
        let start = at + quote + 1;
        let end = string_end(json, start);
        let text = &json[start..end];
        at = (end + 1).min(json.len());
        let colon = json[at..].iter().position(|byte| !byte.is_ascii_whitespace());
        if colon.is_some_and(|colon| json[at + colon] == b':') {
            key = text;
            found.usage |= key == b"usage";
            found.error |= key == b"error";
            continue;
        }
        if counted.contains(&key) {
            found.chars += text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() as u64;
        } else if key == b"finish_reason" {
            found.finish_reason = Some(text);
        } else if key == b"type" {
            found.last |= LAST_EVENTS.contains(&text);
            found.error |= text == b"error";
        }
        key = b"";
    }
    found
}

/// The last value of a member that is a string, escapes untouched; `quoted` finds the member's name
/// in quotation marks. Inside a string those would be escaped, so whatever is found and followed by a
/// colon is a name.
pub(super) fn last_string<'a>(json: &'a [u8], quoted: &FinderRev<'_>) -> Option<&'a [u8]> {
    quoted.rfind_iter(json).find_map(|at| {
        let rest = json[at + quoted.needle().len()..].trim_ascii_start().strip_prefix(b":")?;
        let text = rest.trim_ascii_start().strip_prefix(b"\"")?;
        Some(&text[..string_end(text, 0)])
    })
}

/// Where the string that begins at `start` ends: at its closing quote, or with the text.
pub(super) fn string_end(json: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(found) = memchr2(b'"', b'\\', json.get(at..).unwrap_or_default()) {
        at += found;
        if json[at] == b'"' {
            return at;
        }
        at += 2;
    }
    json.len()
}

/// What to cut from an object's text to be rid of a member. `inside` is just behind the opening
/// brace, `before` the value of the member before it, if any, `value` its own.
pub(super) fn member_span(
    text: &[u8],
    inside: usize,
    before: Option<Range<usize>>,
    value: Range<usize>,
) -> Range<usize> {
    if let Some(before) = before {
        return before.end..value.end;
    }
    // The first member: what follows its value is white space and then a comma, or the end.
    let comma = text[value.end..].iter().position(|byte| !byte.is_ascii_whitespace());
    match comma.map(|offset| value.end + offset) {
        Some(at) if text[at] == b',' => inside..at + 1,
        _ => inside..value.end,
    }
}

#[cfg(test)]
mod tests {
    use memchr::memmem::FinderRev;

    use super::{glance, last_string, member_span};

    #[test]
    fn sees_keys_and_not_text_that_looks_like_keys() {
        let json = r#"{"content":"a \"usage\": \"x\" é","x":"usage","finish_reason" : "stop"}"#;
        let found = glance(json.as_bytes(), &[b"content"]);
        assert_eq!(found.chars, 20);
        assert!(!found.usage && !found.error);
        assert_eq!(found.finish_reason, Some(&b"stop"[..]));
        assert!(glance(br#"{"a":{"usage" :null}}"#, &[]).usage);
    }

    #[test]
    fn the_last_string_of_a_name_is_found() {
        let json = br#"{"r":"first","r" : "last \" one","r":null,"x":"r","y":"\"r\":\"no\""}"#;
        assert_eq!(last_string(json, &FinderRev::new(b"\"r\"")), Some(&br#"last \" one"#[..]));
        assert_eq!(last_string(json, &FinderRev::new(b"\"z\"")), None);
    }

    #[test]
    fn survives_text_cut_anywhere() {
        let json = br#"{"content":"a\\\"b","usage":{"x":"y"}}"#;
        for end in 0..=json.len() {
            assert!(glance(&json[..end], &[b"content"]).chars <= 6);
        }
    }

    #[test]
    fn a_member_goes_with_its_comma() {
        for (text, before, value, left) in [
            (r#"{"a":1,"u":null,"b":2}"#, Some(5..6), 11..15, r#"{"a":1,"b":2}"#),
            (r#"{"a":1 , "u":null}"#, Some(5..6), 13..17, r#"{"a":1}"#),
            (r#"{"u":null , "b":2}"#, None, 5..9, r#"{ "b":2}"#),
            (r#"{"u":null}"#, None, 5..9, "{}"),
        ] {
            let span = member_span(text.as_bytes(), 1, before, value);
            assert_eq!(format!("{}{}", &text[..span.start], &text[span.end..]), left);
        }
    }
}
