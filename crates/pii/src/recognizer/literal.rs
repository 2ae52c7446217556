//! Placeholders of redaction that stand in a text as it comes. They are redacted, too, or restoring
//! would put a value where the text had none.

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "LITERAL",
    group: Group::Custom,
    title: "placeholder of redaction that the text itself holds",
    validator: "form",
    example: "{{EMAIL_1}}",
    on: false,
    sites: &[Site::Literal(&["{{"], braces)],
    ..Recognizer::BLANK
};

/// The longest placeholder, bytes.
pub(crate) const LONGEST: usize = 80;

fn braces(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let end = cx.run(at + 2, LONGEST - 4, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'#')
    });
    if cx.at(end) == b'}' && cx.at(end + 1) == b'}' && is_placeholder(cx.slice(at + 2, end)) {
        cx.offer(sink, (at, end + 2), Entity::LITERAL, 20.0, true);
    }
}

/// `TYPE_1` or `TYPE#0123456789abcdef`.
fn is_placeholder(inner: &[u8]) -> bool {
    let mark = inner.iter().rposition(|byte| matches!(byte, b'_' | b'#'));
    let Some((name, tail)) = mark.map(|mark| (&inner[..mark], &inner[mark + 1..])) else {
        return false;
    };
    let named = name.first().is_some_and(u8::is_ascii_uppercase)
        && name
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_');
    named && !tail.is_empty() && tail.iter().all(u8::is_ascii_hexdigit)
}
