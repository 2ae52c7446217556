//! Just enough of `multipart/form-data` to check that a form arrived whole.

use bytes::Bytes;
use http::HeaderMap;
use memchr::memmem;

/// One part of a form.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) file_name: Option<String>,
    pub(crate) body: Bytes,
}

/// The parts of a form, or nothing when it is not one from its first to its last boundary.
pub(crate) fn parts(headers: &HeaderMap, body: &Bytes) -> Option<Vec<Part>> {
    let content_type = headers.get("content-type")?.to_str().ok()?;
    if !content_type.starts_with("multipart/form-data") {
        return None;
    }
    let boundary = content_type.split("boundary=").nth(1)?.split(';').next()?.trim_matches('"');
    let delimiter = format!("--{boundary}");
    let starts: Vec<usize> = memmem::find_iter(body, delimiter.as_bytes()).collect();
    let last = *starts.last()?;
    if !body[last + delimiter.len()..].starts_with(b"--") {
        return None;
    }
    starts
        .windows(2)
        .map(|pair| part(&body.slice(pair[0] + delimiter.len() + 2..pair[1] - 2)))
        .collect()
}

fn part(bytes: &Bytes) -> Option<Part> {
    let end = memmem::find(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let parameter = |name: &str| {
        let from = head.find(&format!("; {name}=\""))? + name.len() + 4;
        let length = head[from..].find('"')?;
        Some(head[from..from + length].to_owned())
    };
    Some(Part {
        name: parameter("name")?,
        file_name: parameter("filename"),
        body: bytes.slice(end + 4..),
    })
}
