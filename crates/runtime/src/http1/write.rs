//! Heads and chunks as bytes.

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, DATE, HOST, TRANSFER_ENCODING},
};

use super::Length;

/// What ends a chunk.
pub(crate) const CHUNK_END: &[u8] = b"\r\n";
/// What ends a chunk that is followed by the last one.
pub(crate) const CHUNK_END_AND_LAST: &[u8] = b"\r\n0\r\n\r\n";
/// The last chunk, which holds nothing, and the end of the trailers, of which there are none.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Appends the head of a request. The framing headers are written from `length`, whatever `headers`
/// say; without one there is no body. `connection` is what that header is to say, if anything.
pub(crate) fn request_head(
    out: &mut Vec<u8>,
    method: &Method,
    target: &str,
    host: &HeaderValue,
    headers: &HeaderMap,
    length: Option<Length>,
    connection: Option<&str>,
) {
    let target = if target.is_empty() { "/" } else { target };
    for part in [method.as_str(), " ", target, " HTTP/1.1\r\nhost: "] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(host.as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        if !is_framing(name) && name != HOST {
            line(out, name.as_str(), value.as_bytes());
        }
    }
    framing(out, length);
    if let Some(connection) = connection {
        line(out, "connection", connection.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the head of an answer. `connection` is what that header is to say, `date` the text of the
/// `date` header, where the answer has none of its own.
pub(crate) fn response_head(
    out: &mut Vec<u8>,
    status: StatusCode,
    headers: &HeaderMap,
    length: Option<Length>,
    connection: Option<&str>,
    date: &[u8],
) {
    let reason = status.canonical_reason().unwrap_or_default();
    for part in ["HTTP/1.1 ", status.as_str(), " ", reason, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    for (name, value) in headers {
        if !is_framing(name) {
            line(out, name.as_str(), value.as_bytes());
        }
    }
    framing(out, length);
    if let Some(connection) = connection {
        line(out, "connection", connection.as_bytes());
    }
    if !headers.contains_key(DATE) {
        line(out, "date", date);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the line before a chunk of `length` bytes.
pub(crate) fn chunk_head(out: &mut Vec<u8>, length: usize) {
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(b"0123456789abcdef"[length >> (digit * 4) & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

fn is_framing(name: &http::HeaderName) -> bool {
    name == CONTENT_LENGTH || name == TRANSFER_ENCODING || name == CONNECTION
}

fn framing(out: &mut Vec<u8>, length: Option<Length>) {
    match length {
        Some(Length::Known(length)) => line(out, "content-length", decimal(length, &mut [0; 20])),
        Some(Length::Chunked) => line(out, "transfer-encoding", b"chunked"),
        Some(Length::UntilClose) | None => {}
    }
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// The digits of a number, at the end of `buffer`.
fn decimal(mut number: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &buffer[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for number in [0, 1, 9, 10, 15, 16, 255, 4096, 65_536, u64::from(u32::MAX), u64::MAX >> 1] {
            assert_eq!(decimal(number, &mut [0; 20]), number.to_string().as_bytes());
            let mut out = Vec::new();
            chunk_head(&mut out, usize::try_from(number).unwrap());
            assert_eq!(out, format!("{number:x}\r\n").as_bytes());
        }
        assert_eq!(decimal(u64::MAX, &mut [0; 20]), u64::MAX.to_string().as_bytes());
    }

    #[test]
    fn framing_is_ours_alone() {
        let pairs = [("content-length", "9"), ("connection", "upgrade"), ("host", "x"), ("a", "b")];
        let headers: HeaderMap =
            pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        let mut out = Vec::new();
        let host = HeaderValue::from_static("h");
        let length = Some(Length::Known(2));
        request_head(&mut out, &Method::POST, "/p?q", &host, &headers, length, None);
        let expected = "POST /p?q HTTP/1.1\r\nhost: h\r\na: b\r\ncontent-length: 2\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
