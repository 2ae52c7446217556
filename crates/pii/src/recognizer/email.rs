//! E-mail addresses.

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "EMAIL",
    group: Group::Contact,
    title: "e-mail address",
    validator: "form (RFC 5321), top-level domain",
    example: "jane.doe@example.com",
    sites: &[Site::At(at_sign)],
    labels: "email, e mail, mail",
    ..Recognizer::BLANK
};

fn at_sign(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let start = cx.run_back(at, 65, is_local);
    let end = cx.run(at + 1, 255, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    if start < at && end > at + 1 {
        cx.offer(sink, (start, end), Entity::EMAIL, 3.0, true);
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte) || byte >= 0x80
}
