//! One field of a multipart form (RFC 7578), found as any reader of forms finds it. A form that
//! readers could disagree on is refused: permission and price hang on the field.

use std::{borrow::Cow, ops::Range};

use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// A form that readers could disagree on, and in what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MalformedForm(pub(crate) &'static str);

/// Where the value of the field `name` stands; none when the form has no such field.
pub(crate) fn field(
    body: &[u8],
    content_type: &str,
    name: &str,
) -> Result<Option<Range<usize>>, MalformedForm> {
    let delimiter = format!("--{}", boundary(content_type)?);
    let mut found = None;
    let mut part: Option<usize> = None;
    let mut closed = false;
    for start in memmem::find_iter(body, delimiter.as_bytes()) {
        // A delimiter begins a line, whatever a file's bytes look like.
        if start > 0 && !body[..start].ends_with(b"\r\n") {
            if matches!(body[start - 1], b'\n' | b'\r') {
                return Err(MalformedForm("its lines must end with CR and LF"));
            }
            continue;
        }
        let behind = start + delimiter.len();
        let closes = body[behind..].starts_with(b"--");
        let line = behind + if closes { 2 } else { 0 };
        let padding = body[line..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line_end = line + padding;
        let ends = body[line_end..].starts_with(b"\r\n");
        if closed || !(ends || (closes && line_end == body.len())) {
            return Err(MalformedForm("its boundary occurs inside a part"));
        }
        if let Some(from) = part {
            // The line break before the delimiter is the delimiter's.
            let to = start - 2;
            let text = body.get(from..to).ok_or(MalformedForm("a part of it is empty"))?;
            if let Some(value) = value_of(text, name)?
                && found.replace(from + value..to).is_some()
            {
                return Err(MalformedForm("a field occurs twice that must occur once"));
            }
        }
        part = (!closes).then_some(line_end + 2);
        closed = closes;
    }
    if closed { Ok(found) } else { Err(MalformedForm("its last part has no end")) }
}

/// The body with the bytes at `span` replaced.
pub(crate) fn replaced(body: &Bytes, span: Range<usize>, value: &str) -> Bytes {
    let mut out = BytesMut::with_capacity(body.len() + value.len());
    out.extend_from_slice(&body[..span.start]);
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(&body[span.end..]);
    out.freeze()
}

/// The boundary that a content type names.
fn boundary(content_type: &str) -> Result<Cow<'_, str>, MalformedForm> {
    let wrong = MalformedForm("its content type must name one boundary of 1 to 70 characters");
    let at = content_type.find(';').ok_or(wrong)?;
    let boundary = only(&content_type[at..], "boundary").map_err(|_| wrong)?.ok_or(wrong)?;
    if boundary.is_empty() || boundary.len() > 70 { Err(wrong) } else { Ok(boundary) }
}

/// Where the value begins in a part, if it is that of the field `name`.
fn value_of(part: &[u8], name: &str) -> Result<Option<usize>, MalformedForm> {
    let head_len = memmem::find(part, b"\r\n\r\n");
    let head_len = head_len.ok_or(MalformedForm("a part of it has no content"))?;
    let head = String::from_utf8_lossy(&part[..head_len]);
    let mut disposition = None;
    let mut encoded = false;
    for line in head.split("\r\n") {
        let unclear = MalformedForm("a part of it has a header that cannot be read");
        let (header, value) = line.split_once(':').ok_or(unclear)?;
        // A line that begins with a blank continues the one before it, for some.
        if line.starts_with([' ', '\t']) || line.contains(['\r', '\n', '\0']) {
            return Err(unclear);
        }
        let header = header.trim_end();
        encoded |= header.eq_ignore_ascii_case("content-transfer-encoding");
        if header.eq_ignore_ascii_case("content-disposition")
            && disposition.replace(value).is_some()
        {
            return Err(unclear);
        }
    }
    let Some(at) = disposition.and_then(|value| value.find(';')) else { return Ok(None) };
    let own = only(&disposition.unwrap_or_default()[at..], "name")?;
    if own.is_none_or(|own| own != name) {
        return Ok(None);
    }
    if encoded {
        return Err(MalformedForm("a plain field must not be encoded"));
    }
    Ok(Some(head_len + 4))
}

/// The value of the parameter `wanted` in a list of parameters, each behind a semicolon.
fn only<'a>(list: &'a str, wanted: &str) -> Result<Option<Cow<'a, str>>, MalformedForm> {
    const UNCLEAR: MalformedForm = MalformedForm("a header of it has parameters that are unclear");
    let mut found = None;
    let mut rest = list.trim_start();
    while !rest.is_empty() {
        rest = rest.strip_prefix(';').ok_or(UNCLEAR)?.trim_start();
        if rest.is_empty() || rest.starts_with(';') {
            continue;
        }
        let (name, value) = rest.split_once('=').ok_or(UNCLEAR)?;
        let (name, value) = (name.trim_end(), value.trim_start());
        if name.contains([';', '"', ' ', '\t']) {
            return Err(UNCLEAR);
        }
        let (value, behind, plain) = value_and_rest(value).ok_or(UNCLEAR)?;
        rest = behind.trim_start();
        // `name*=` is another spelling that only some read, and so is an escaped character.
        let starred = name.strip_suffix('*').is_some_and(|n| n.eq_ignore_ascii_case(wanted));
        if starred {
            return Err(UNCLEAR);
        }
        if name.eq_ignore_ascii_case(wanted) && (!plain || found.replace(value).is_some()) {
            return Err(UNCLEAR);
        }
    }
    Ok(found)
}

/// A parameter's value, what follows it, and whether it is written without escapes.
fn value_and_rest(text: &str) -> Option<(Cow<'_, str>, &str, bool)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        let value = value.trim_end();
        return (!value.contains('"')).then_some((Cow::Borrowed(value), rest, true));
    };
    let mut value = String::new();
    let mut plain = true;
    let mut characters = quoted.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((Cow::Owned(value), &quoted[at + 1..], plain)),
            (_, '\\') => {
                plain = false;
                value.push(characters.next()?.1);
            }
            (_, character) => value.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{boundary, field, replaced};

    const TYPE: &str = "multipart/form-data; boundary=b1";

    fn part(disposition: &str, value: &str) -> String {
        format!("--b1\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
    }

    fn model(parts: &[String]) -> Result<Option<String>, super::MalformedForm> {
        let form = format!("{}--b1--\r\n", parts.concat());
        let span = field(form.as_bytes(), TYPE, "model")?;
        Ok(span.map(|span| form[span].to_owned()))
    }

    #[test]
    fn finds_and_replaces_a_field() {
        assert_eq!(boundary("multipart/form-data; boundary=\"b1\"; x=y").unwrap(), "b1");
        assert_eq!(boundary("multipart/form-data; Boundary=b1 ;x=y").unwrap(), "b1");
        let file =
            part("name=\"file\"; filename=\"model\"", "RIFF\r\n\r\n--b0 --b1 name=\"model\"");
        let form = format!("{file}{}--b1--", part("name=\"model\"", "@open/whisper-1"));
        let body = Bytes::from(form);
        let span = field(&body, TYPE, "model").unwrap().unwrap();
        assert_eq!(&body[span.clone()], b"@open/whisper-1");
        let out = replaced(&body, span, "whisper-1");
        let span = field(&out, TYPE, "model").unwrap().unwrap();
        assert_eq!(&out[span], b"whisper-1");
        assert_eq!(field(&body, TYPE, "prompt"), Ok(None));
    }

    #[test]
    fn spellings_of_one_name_are_one_field() {
        for disposition in ["name=model", "name = \"model\"", "x=\"; name=y\"; NAME=\"model\";"] {
            assert_eq!(model(&[part(disposition, "m")]), Ok(Some("m".to_owned())), "{disposition}");
        }
        for disposition in ["filename=model", "filename=\"name=model\"", "name=\"models\""] {
            assert_eq!(model(&[part(disposition, "m")]), Ok(None), "{disposition}");
        }
    }

    #[test]
    fn refuses_what_readers_could_disagree_on() {
        let one = || part("name=\"model\"", "a");
        assert!(model(&[one()]).is_ok());
        assert!(model(&[one(), part("name=model", "b")]).is_err());
        for disposition in [
            "name=\"mod\\el\"",
            "name*=UTF-8''model",
            "name=x; name=model",
            "name=\"model",
            "name=x\r\nContent-Disposition: form-data; name=model",
            "name=x;\r\n name=model",
            "name=model\r\nContent-Transfer-Encoding: base64",
        ] {
            assert!(model(&[part(disposition, "b")]).is_err(), "{disposition}");
        }
        assert!(model(&[part("name=x", "a\n--b1\r\n")]).is_err());
        assert!(model(&[one(), "--b1--\r\n".to_owned()]).is_err());
        assert!(field(b"--b1\r\n", TYPE, "model").is_err());
        assert!(boundary("multipart/form-data; boundary=b1; boundary=b2").is_err());
        assert!(boundary("multipart/form-data; x=\"boundary=b1\"").is_err());
    }
}
