//! The content of a log as the members of its JSON, in the names of `log-fields.md`. What was not
//! kept is null.

use portcullis_control::{LogDetail, StoredMessage, header_lines};
use serde_json::{Map, Value, json};

/// Headers as an object.
type Headers = Map<String, Value>;

/// Puts content into a log's JSON.
pub(super) fn put(detail: &LogDetail, shown: &mut Map<String, Value>) {
    let (log, content) = (&detail.log, &detail.content);
    let (headers, portkey): (Option<Headers>, Option<Headers>) = content
        .request
        .head
        .as_deref()
        .map(|head| {
            headers(head).into_iter().partition(|(name, _)| !name.starts_with("x-portkey-"))
        })
        .unzip();
    let request = json!({
        "url": log.request_url,
        "method": log.request_method,
        "headers": headers,
        "body": body(&content.request),
        "portkeyHeaders": portkey,
    });
    let response = json!({
        "status": log.response_status,
        "headers": content.response.head.as_deref().map(self::headers),
        "body": body(&content.response),
        "responseTime": log.timings.total / 1000,
        "lastUsedOptionJsonPath": log.last_used_option,
    });
    let sent = content.sent.head.as_deref().map(|head| {
        let mut headers = self::headers(head);
        let (method, url) = (headers.remove(":method"), headers.remove(":url"));
        json!({"url": url, "method": method, "headers": headers, "body": body(&content.sent)})
    });
    // It went into the translation as it came.
    let untranslated = sent.as_ref().map(|_| {
        let mut request = request.clone();
        request.as_object_mut().map(|members| members.remove("portkeyHeaders"));
        request
    });
    let original = content
        .original
        .head
        .as_deref()
        .map(|head| json!({"headers": self::headers(head), "body": body(&content.original)}));
    for (name, value) in [
        ("request", request),
        ("response", response),
        ("finalUntransformedRequest", untranslated.into()),
        ("transformedRequest", sent.into()),
        ("originalResponse", original.into()),
    ] {
        shown.insert(name.to_owned(), value);
    }
}

/// Lines of one name are joined as in RFC 9110 §5.3. A mark in the place of a name says that others
/// are missing.
fn headers(head: &[u8]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in header_lines(head) {
        let name = String::from_utf8_lossy(name).into_owned();
        let value = value.map_or("cut".into(), String::from_utf8_lossy);
        match headers.get_mut(&name) {
            Some(Value::String(before)) => {
                before.push_str(", ");
                before.push_str(&value);
            }
            _ => {
                headers.insert(name, Value::from(value));
            }
        }
    }
    headers
}

/// A body as JSON where it is JSON, as text where it is text, and by its size otherwise.
fn body(message: &StoredMessage) -> Option<Value> {
    let bytes = message.body.as_deref()?;
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Some(value);
    }
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => json!({"binary": true, "bytes": bytes.len()}),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::headers;

    #[test]
    fn headers_become_an_object() {
        let head = "accept: a\nx-empty: \naccept: b: c\n…\n".as_bytes();
        let expected = json!({"accept": "a, b: c", "x-empty": "", "…": "cut"});
        assert_eq!(json!(headers(head)), expected);
        assert_eq!(json!(headers(b"x: \xff\n")), json!({"x": "\u{fffd}"}));
        assert_eq!(json!(headers(b"")), json!({}));
    }
}
