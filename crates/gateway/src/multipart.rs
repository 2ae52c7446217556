//! One field of a multipart form (RFC 7578), found without parsing the rest.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// The boundary that a content type names.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let start = content_type.to_ascii_lowercase().find("boundary=")? + "boundary=".len();
    let rest = &content_type[start..];
    let text = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split([';', ' ']).next()?,
    };
    (!text.is_empty() && text.len() <= 70).then_some(text)
}

/// Where the value of the plain field `name` stands.
pub(crate) fn field(body: &[u8], boundary: &str, name: &str) -> Option<Range<usize>> {
    let delimiter = format!("--{boundary}");
    let marker = format!("name=\"{name}\"");
    let mut starts = memmem::find_iter(body, delimiter.as_bytes()).peekable();
    while let Some(start) = starts.next() {
        let part = start + delimiter.len();
        let end = *starts.peek()?;
        let head_len = memmem::find(&body[part..end], b"\r\n\r\n")?;
        let head = &body[part..part + head_len];
        let is_it = memmem::find(head, marker.as_bytes())
            // `filename="model"` is another thing.
            .is_some_and(|at| at == 0 || !head[at - 1].is_ascii_alphanumeric());
        if is_it {
            let value = part + head_len + 4;
            // The line break before the delimiter is the delimiter's.
            return (end >= value + 2).then(|| value..end - 2);
        }
    }
    None
}

/// The body with the bytes at `span` replaced.
pub(crate) fn replaced(body: &Bytes, span: Range<usize>, value: &str) -> Bytes {
    let mut out = BytesMut::with_capacity(body.len() + value.len());
    out.extend_from_slice(&body[..span.start]);
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(&body[span.end..]);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{boundary, field, replaced};

    const FORM: &str = "--b1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\
        Content-Type: audio/wav\r\n\r\nRIFF\r\n--b1\r\nContent-Disposition: form-data; \
        name=\"model\"\r\n\r\n@open/whisper-1\r\n--b1--\r\n";

    #[test]
    fn finds_and_replaces_a_field() {
        assert_eq!(boundary("multipart/form-data; boundary=\"b1\"; x=y"), Some("b1"));
        assert_eq!(boundary("multipart/form-data; Boundary=b1;x=y"), Some("b1"));
        let body = Bytes::from_static(FORM.as_bytes());
        let span = field(&body, "b1", "model").unwrap();
        assert_eq!(&body[span.clone()], b"@open/whisper-1");
        let out = replaced(&body, span, "whisper-1");
        let span = field(&out, "b1", "model").unwrap();
        assert_eq!(&out[span], b"whisper-1");
        assert_eq!(field(&body, "b1", "prompt"), None);
        assert_eq!(field(&body[..40], "b1", "model"), None);
    }
}
