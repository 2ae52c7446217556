//! The heads of messages, and how long the body behind one is.

use std::{fmt, mem::MaybeUninit};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    request, response,
};
use memchr::{memchr_iter, memmem};

/// Headers of one message.
const MAX_HEADERS: usize = 100;

/// Why bytes are not a message that can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The head breaks the grammar.
    Head,
    /// There are too many headers.
    TooManyHeaders,
    /// It names no host, or several.
    Host,
    /// It cannot be told where the body ends.
    Length,
    /// A chunk of the body breaks the grammar.
    Chunk,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// So many bytes.
    Known(u64),
    /// Until the last chunk.
    Chunked,
    /// Until the connection closes.
    UntilClose,
}

/// A head that was found at the front of some bytes.
pub(crate) struct Parsed<T> {
    pub(crate) head: T,
    /// Bytes of the head.
    pub(crate) read: usize,
    pub(crate) length: Length,
    /// Whether another message may follow on the connection.
    pub(crate) keeps_alive: bool,
}

/// The request whose head `bytes` begin with; `None` when more bytes are needed to tell.
pub(crate) fn request(bytes: &[u8]) -> Result<Option<Parsed<request::Parts>>, Malformed> {
    let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    // Empty lines before a request are to be skipped (RFC 9112 §2.2).
    let Some((bytes, skipped, read)) = whole(bytes) else {
        let mut parsed = httparse::Request::new(&mut []);
        return parsed
            .parse_with_uninit_headers(bytes, &mut slots)
            .map_err(refused)
            .and_then(early);
    };
    check_lines(&bytes)?;
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(&bytes, &mut slots).map_err(refused)? {
        httparse::Status::Complete(length) if length == bytes.len() => {}
        // A head that ends for some readers where it goes on for others.
        _ => return Err(Malformed::Head),
    }
    let (Some(method), Some(path), Some(version)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(Malformed::Head);
    };
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = Method::from_bytes(method.as_bytes()).map_err(|_| Malformed::Head)?;
    head.uri =
        Uri::from_maybe_shared(bytes.slice_ref(path.as_bytes())).map_err(|_| Malformed::Head)?;
    head.version = version_of(version);
    let seen;
    (head.headers, seen) = headers(&bytes, parsed.headers, 0)?;
    // RFC 9112 §3.2.
    if seen.hosts > 1 || (seen.hosts == 0 && head.version == Version::HTTP_11) {
        return Err(Malformed::Host);
    }
    let length = request_length(&head.headers, seen, head.version)?;
    let keeps_alive = keeps_alive(head.version, &head.headers, seen);
    Ok(Some(Parsed { head, read: skipped + read, length, keeps_alive }))
}

/// The answer whose head `bytes` begin with; `None` when more bytes are needed to tell. `asked` is
/// the method of the request.
pub(crate) fn response(
    bytes: &[u8],
    asked: &Method,
) -> Result<Option<Parsed<response::Parts>>, Malformed> {
    let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let config = httparse::ParserConfig::default();
    let Some((bytes, skipped, read)) = whole(bytes) else {
        let mut parsed = httparse::Response::new(&mut []);
        let parsed = config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut slots);
        return parsed.map_err(refused).and_then(early);
    };
    check_lines(&bytes)?;
    let mut parsed = httparse::Response::new(&mut []);
    let status = config
        .parse_response_with_uninit_headers(&mut parsed, &bytes, &mut slots)
        .map_err(refused)?;
    match status {
        httparse::Status::Complete(length) if length == bytes.len() => {}
        _ => return Err(Malformed::Head),
    }
    let (Some(code), Some(version)) = (parsed.code, parsed.version) else {
        return Err(Malformed::Head);
    };
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.status = StatusCode::from_u16(code).map_err(|_| Malformed::Head)?;
    head.version = version_of(version);
    let seen;
    (head.headers, seen) = headers(&bytes, parsed.headers, ADDED_TO_ANSWERS)?;
    let (length, is_plain) = response_length(&mut head, seen, asked)?;
    let keeps_alive = is_plain && keeps_alive(head.version, &head.headers, seen);
    Ok(Some(Parsed { head, read: skipped + read, length, keeps_alive }))
}

/// Empty lines before a message that are skipped.
const MAX_EMPTY_LINES: usize = 4;

/// Behind the first empty line from `from` on, before which there is no end of a head.
pub(crate) fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let from = from.saturating_sub(3);
    memmem::find(bytes.get(from..)?, b"\r\n\r\n").map(|at| from + at + 4)
}

/// A copy of the whole head at the front, how many bytes of empty lines were before it, and how
/// long it is.
fn whole(bytes: &[u8]) -> Option<(Bytes, usize, usize)> {
    let empty = bytes.chunks(2).take(MAX_EMPTY_LINES).take_while(|pair| pair == b"\r\n");
    let skipped = empty.count() * 2;
    let bytes = &bytes[skipped..];
    let end = end(bytes, 0)?;
    Some((Bytes::copy_from_slice(&bytes[..end]), skipped, end))
}

/// Refuses a line that ends with LF alone: it ends for some readers and goes on for others.
fn check_lines(head: &[u8]) -> Result<(), Malformed> {
    let ends_well = |at: usize| at.checked_sub(1).is_some_and(|before| head[before] == b'\r');
    if memchr_iter(b'\n', head).all(ends_well) { Ok(()) } else { Err(Malformed::Head) }
}

/// A head without the empty line that ends it.
fn early<T>(status: httparse::Status<usize>) -> Result<Option<T>, Malformed> {
    match status {
        httparse::Status::Partial => Ok(None),
        // It ends, but not with CR LF.
        httparse::Status::Complete(_) => Err(Malformed::Head),
    }
}

fn refused(error: httparse::Error) -> Malformed {
    match error {
        httparse::Error::TooManyHeaders => Malformed::TooManyHeaders,
        _ => Malformed::Head,
    }
}

fn version_of(minor: u8) -> Version {
    if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 }
}

/// Headers that whoever passes an answer on adds: growing would sort all others in again.
const ADDED_TO_ANSWERS: usize = 5;

/// Which of the headers that frame a message there are: most messages have none but the length, and
/// need not be searched for the others.
#[derive(Clone, Copy, Default)]
struct Seen {
    hosts: u8,
    codings: bool,
    lengths: bool,
    connection: bool,
}

impl Seen {
    fn note(&mut self, name: &HeaderName) {
        self.hosts += u8::from(*name == HOST);
        self.codings |= *name == TRANSFER_ENCODING;
        self.lengths |= *name == CONTENT_LENGTH;
        self.connection |= *name == CONNECTION;
    }
}

fn headers(
    head: &Bytes,
    parsed: &[httparse::Header<'_>],
    more: usize,
) -> Result<(HeaderMap, Seen), Malformed> {
    let mut headers = HeaderMap::with_capacity(parsed.len() + more);
    let mut seen = Seen::default();
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Malformed::Head)?;
        // The values share one copy of the head.
        let value = HeaderValue::from_maybe_shared(head.slice_ref(header.value))
            .map_err(|_| Malformed::Head)?;
        seen.note(&name);
        headers.append(name, value);
    }
    Ok((headers, seen))
}

/// RFC 9112 §6.3 for requests. One with both lengths is refused: nobody sends such a thing but to be
/// understood in two ways.
fn request_length(headers: &HeaderMap, seen: Seen, version: Version) -> Result<Length, Malformed> {
    if seen.codings {
        let is_plain = version == Version::HTTP_11 && is_just_chunked(headers) && !seen.lengths;
        return if is_plain { Ok(Length::Chunked) } else { Err(Malformed::Length) };
    }
    let length = if seen.lengths { content_length(headers)? } else { None };
    Ok(Length::Known(length.unwrap_or(0)))
}

/// RFC 9112 §6.3 for answers. With both lengths the chunks count and the other is forgotten; the
/// connection then ends with the answer, which the second value says.
fn response_length(
    head: &mut response::Parts,
    seen: Seen,
    asked: &Method,
) -> Result<(Length, bool), Malformed> {
    let (status, headers) = (head.status, &mut head.headers);
    if asked == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    {
        return Ok((Length::Known(0), true));
    }
    if seen.codings {
        if head.version != Version::HTTP_11 || !is_just_chunked(headers) {
            return Err(Malformed::Length);
        }
        let is_plain = headers.remove(CONTENT_LENGTH).is_none();
        return Ok((Length::Chunked, is_plain));
    }
    let length = if seen.lengths { content_length(headers)? } else { None };
    Ok(match length {
        Some(length) => (Length::Known(length), true),
        None => (Length::UntilClose, false),
    })
}

/// Whether the body is chunked and nothing else: no other coding is understood here.
fn is_just_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let first =
        codings.next().is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"));
    first && codings.next().is_none()
}

/// The length that is declared, once or several times alike.
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Malformed> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter().map(HeaderValue::as_bytes);
    let Some(first) = lengths.next() else { return Ok(None) };
    let is_number = !first.is_empty() && first.iter().all(u8::is_ascii_digit);
    if !is_number || lengths.any(|other| other != first) {
        return Err(Malformed::Length);
    }
    let length = std::str::from_utf8(first).ok().and_then(|text| text.parse().ok());
    length.map(Some).ok_or(Malformed::Length)
}

/// Whether the sender means to keep its connection (RFC 9112 §9.3).
fn keeps_alive(version: Version, headers: &HeaderMap, seen: Seen) -> bool {
    let says = |word: &str| {
        seen.connection
            && headers.get_all(CONNECTION).iter().any(|value| {
                let mut options = value.as_bytes().split(|byte| *byte == b',');
                options.any(|option| option.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
            })
    };
    if version == Version::HTTP_11 { !says("close") } else { says("keep-alive") && !says("close") }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head => "the head is not HTTP/1.1",
            Self::TooManyHeaders => "there are too many headers",
            Self::Host => "exactly one host must be named",
            Self::Length => "the length of the body is ambiguous",
            Self::Chunk => "a chunk of the body is malformed",
        })
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_once_its_head_is_there() {
        let bytes =
            b"\r\nPOST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nX-A:  b \r\ncontent-length: 3\r\n\r\nabc";
        let end = bytes.len() - 3;
        for cut in 0..end {
            assert!(request(&bytes[..cut]).unwrap().is_none(), "{cut}");
        }
        let parsed = request(bytes).unwrap().unwrap();
        assert_eq!((parsed.read, parsed.length), (end, Length::Known(3)));
        assert!(parsed.keeps_alive);
        assert_eq!((parsed.head.method, parsed.head.uri.path()), (Method::POST, "/v1/x"));
        assert_eq!(parsed.head.headers["x-a"], "b");
    }

    #[test]
    fn answers_end_where_the_standard_says() {
        let length = |text: &str, asked: &Method| {
            let parsed = response(text.as_bytes(), asked).map(Option::unwrap);
            parsed.map(|parsed| (parsed.length, parsed.keeps_alive))
        };
        let get = Method::GET;
        for (head, expected) in [
            ("200 OK\r\ncontent-length: 3\r\n", Ok((Length::Known(3), true))),
            ("200\r\ncontent-length: 3\r\ncontent-length: 3\r\n", Ok((Length::Known(3), true))),
            ("200\r\ncontent-length: 3\r\ncontent-length: 4\r\n", Err(Malformed::Length)),
            ("200 OK\r\n", Ok((Length::UntilClose, false))),
            ("204 No\r\ncontent-length: 3\r\n", Ok((Length::Known(0), true))),
            ("304 No\r\n", Ok((Length::Known(0), true))),
            ("100 Go on\r\n", Ok((Length::Known(0), true))),
            ("200 OK\r\ntransfer-encoding: chunked\r\n", Ok((Length::Chunked, true))),
            (
                "200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n",
                Ok((Length::Chunked, false)),
            ),
            ("200 OK\r\ntransfer-encoding: gzip, chunked\r\n", Err(Malformed::Length)),
            (
                "200 OK\r\ncontent-length: 3\r\nconnection: x, Close\r\n",
                Ok((Length::Known(3), false)),
            ),
        ] {
            assert_eq!(length(&format!("HTTP/1.1 {head}\r\n"), &get), expected, "{head}");
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
        assert_eq!(length(head, &Method::HEAD), Ok((Length::Known(0), true)));
        let old = "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\n";
        assert_eq!(length(old, &get), Ok((Length::Known(3), false)));
    }

    #[test]
    fn lines_that_end_for_some_readers_only_are_refused() {
        for text in [
            "GET / HTTP/1.1\nhost: a\n\n",
            "GET / HTTP/1.1\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx: y\ncontent-length: 5\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\n\nGET /b HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\nGET /b HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(request(text.as_bytes()).err(), Some(Malformed::Head), "{text:?}");
        }
    }
}
