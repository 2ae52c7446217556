//! What a message's head announces its body to be (RFC 9110 §8.3).

use http::{HeaderMap, header::CONTENT_TYPE};

/// Whether it is a stream of server-sent events.
pub fn is_events(headers: &HeaderMap) -> bool {
    is(headers, b"text/event-stream")
}

/// Whether it is one JSON document: a file of lines, `application/jsonl`, is none.
pub fn is_json(headers: &HeaderMap) -> bool {
    is(headers, b"application/json")
}

/// Whether the type, without parameters, is this one in whatever case.
fn is(headers: &HeaderMap, wanted: &[u8]) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let begins = kind.get(..wanted.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(wanted));
    begins && kind.get(wanted.len()).is_none_or(|behind| b"; \t,".contains(behind))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};

    use super::{is_events, is_json};

    #[test]
    fn parameters_and_case_make_no_difference() {
        let told = |kind: &'static str| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
            (is_events(&headers), is_json(&headers))
        };
        assert_eq!(told("text/event-stream"), (true, false));
        assert_eq!(told("Text/Event-Stream;charset=utf-8"), (true, false));
        assert_eq!(told("application/JSON ; charset=utf-8"), (false, true));
        for other in
            ["application/jsonl", "application/json-seq", "text/event-streams", "text/plain", ""]
        {
            assert_eq!(told(other), (false, false), "{other}");
        }
        assert!(!is_events(&HeaderMap::new()) && !is_json(&HeaderMap::new()));
    }
}
