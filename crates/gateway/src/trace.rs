//! Trace and span of a call: ours when given, else W3C Trace Context, else new.

use http::{HeaderValue, Method, Uri};
use portcullis_domain::{CallId, Dice};

use crate::{client_headers::ClientHeaders, header};

/// Where a call stands in its trace.
pub(crate) struct Trace {
    /// The trace id as answers repeat it.
    pub(crate) echo: HeaderValue,
    /// As they are recorded.
    pub(crate) names: Names,
}

/// What a call and its place in the trace are called.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent_span_id: Option<String>,
    pub(crate) span_name: Option<String>,
}

impl Trace {
    pub(crate) fn of(
        method: &Method,
        uri: &Uri,
        headers: &ClientHeaders,
        call: CallId,
        dice: &dyn Dice,
    ) -> Self {
        let own = |name| header::text(headers, name).map(bounded);
        let context = header::text(headers, header::TRACEPARENT).and_then(trace_context);
        let trace_id = own(header::TRACE_ID)
            .or_else(|| context.map(|(trace, _)| trace.to_owned()))
            .unwrap_or_else(|| call.to_string());
        let span_id = own(header::SPAN_ID).unwrap_or_else(|| {
            let mut id = [0; 8];
            dice.fill(&mut id);
            hexadecimal(id)
        });
        let parent_span_id =
            own(header::PARENT_SPAN_ID).or_else(|| context.map(|(_, parent)| parent.to_owned()));
        // A span of somebody's own trace has a name there.
        let named = || context.map(|_| bounded(&format!("{method} {}", uri.path())));
        let span_name = own(header::SPAN_NAME).or_else(named);
        let echo = HeaderValue::from_str(&trace_id)
            .expect("it came in a header value, or is hexadecimal with hyphens");
        Self { echo, names: Names { trace_id, span_id, parent_span_id, span_name } }
    }
}

/// Characters of a text that are kept and echoed.
const MOST: usize = 256;

/// Text of a client or a provider, as it may be kept and echoed: at most 256 characters, none of
/// them a control character. With a NUL in it a log could not be stored at all.
pub(crate) fn bounded(text: &str) -> String {
    plain(text, MOST)
}

/// As [`bounded`], of a text that is the caller's own.
pub(crate) fn bounded_own(text: String) -> String {
    if is_plain(&text, MOST) { text } else { bounded(&text) }
}

/// The first `most` characters of a text, control characters left out.
pub(crate) fn plain(text: &str, most: usize) -> String {
    if is_plain(text, most) {
        return text.to_owned();
    }
    text.chars().filter(|character| !character.is_control()).take(most).collect()
}

/// Whether a text is short, ASCII, and free of control characters, as nearly all are.
fn is_plain(text: &str, most: usize) -> bool {
    text.len() <= most && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

pub(crate) fn hexadecimal(bytes: [u8; 8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The trace id and parent id of a `traceparent` header (W3C Trace Context §3.2).
fn trace_context(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split('-');
    let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let hex = |part: &str, len| {
        part.len() == len
            && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            && part.bytes().any(|b| b != b'0')
    };
    let version_fits = version.len() == 2 && version != "ff";
    (version_fits && hex(trace, 32) && hex(parent, 16)).then_some((trace, parent))
}

#[cfg(test)]
mod tests {
    use super::{bounded, trace_context};

    #[test]
    fn reads_trace_context() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let expected = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        assert_eq!(trace_context(text), Some(expected));
        for bad in ["", "00-0-0-0", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
            assert_eq!(trace_context(bad), None);
        }
    }

    #[test]
    fn text_is_cut_and_can_be_stored() {
        assert_eq!(bounded("a\0b\u{1b}[c\n\u{85}d\u{e9}"), "ab[cd\u{e9}");
        assert_eq!(bounded(&"x".repeat(300)), "x".repeat(256));
    }
}
