//! JSON web tokens.

use super::{Recognizer, Site};
use crate::{
    Entity, base64,
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "JWT",
    group: Group::Secrets,
    title: "JSON web token",
    validator: "three parts in base64url; the header is JSON and names an algorithm",
    example: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    hold: 2 * 1024 + LONGEST,
    sites: &[Site::Literal(&["eyJ"], header)],
    labels: "jwt, bearer, token, access token, id token, authorization",
    ..Recognizer::BLANK
};

/// The longest token looked at, bytes.
const LONGEST: usize = 8192;

fn header(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    if cx.before(at).is_ascii_alphanumeric() || matches!(cx.before(at), b'.' | b'_' | b'-') {
        return;
    }
    let is = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let head = cx.run(at, 1024, is);
    if cx.at(head) != b'.' {
        return;
    }
    let mut decoded = [0; 768];
    let Some(length) = base64::decode(cx.slice(at, head), &mut decoded) else { return };
    if !decoded[..length].windows(5).any(|it| it == b"\"alg\"") || decoded[length - 1] != b'}' {
        return;
    }
    let body = cx.run(head + 1, LONGEST, is);
    let end = if cx.at(body) == b'.' { cx.run(body + 1, 1024, is) } else { body };
    if body > head + 1 {
        cx.offer(sink, (at, end), Entity::JWT, 5.0, true);
    }
}
