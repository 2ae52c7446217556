//! The one text of a JSON value: what is hashed and signed.

use std::fmt::Write as _;

use serde_json::Value;

/// The canonical text of a value: members sorted by name, no white space, and nothing but printable
/// ASCII, so that no control character, escape sequence or mark of direction can disguise an event
/// in a log or on a terminal. Reading it and writing it again gives the same text.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number.to_string()),
        Value::String(string) => write_string(string, text),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            // Whether the map sorts is a feature that another crate may turn off.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_string(name, text);
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
    }
}

fn write_string(string: &str, text: &mut String) {
    text.push('"');
    let mut units = [0; 2];
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            ' '..='~' => text.push(c),
            _ => {
                for unit in c.encode_utf16(&mut units) {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::canonical;

    #[test]
    fn the_text_is_one_line_of_plain_ascii_and_reads_back() {
        let value = json!({
            "z": [1, -2, 1.5, true, null],
            "a": "line\nbreak \u{1b}[31m \u{202e}bidi \"quoted\" \\ \u{1f511} \u{7f}",
            "m": {"b": {}, "a": []},
        });
        let text = canonical(&value);
        assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{text}");
        assert!(text.starts_with(r#"{"a":"line\u000abreak \u001b[31m \u202ebidi "#), "{text}");
        let again: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(again, value);
        assert_eq!(canonical(&again), text);
    }
}
