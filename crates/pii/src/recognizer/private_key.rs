//! Private keys in PEM armour.

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "PRIVATE_KEY",
    group: Group::Secrets,
    title: "private key",
    validator: "PEM armour (RFC 7468), the whole block also when it is cut",
    example: "-----BEGIN PRIVATE KEY-----",
    hold: LONGEST + 512,
    sites: &[Site::Literal(&["-----BEGIN"], begin)],
    ..Recognizer::BLANK
};

/// The longest block looked at, bytes: an RSA key of 16384 bits has 12.7 KB.
const LONGEST: usize = 16 * 1024;

fn begin(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let label = cx.run(at + 10, 40, |byte| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
    });
    let name = cx.slice(at + 10, label);
    let private = name.ends_with(b"PRIVATE KEY") || name.ends_with(b"PRIVATE KEY BLOCK");
    if !private || !cx.goes_on(label, "-----") {
        return;
    }
    // Base64, line ends plain or escaped, and the headers of older blocks.
    let is = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\r\n\t \\:,.-()\"".contains(&byte);
    let mut end = label + 5;
    loop {
        let stop = cx.run(end, 256, |byte| is(byte) && byte != b'-');
        end = stop;
        if cx.goes_on(stop, "-----END") {
            let close = cx.run(stop + 8, 48, |byte| {
                byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
            });
            end = cx.run(close, 5, |byte| byte == b'-');
            break;
        }
        if cx.goes_on(stop, "-----") {
            // Another block begins: this one was cut.
            break;
        }
        let more = if cx.at(stop) == b'-' { stop + 1 } else { stop };
        if !is(cx.at(more)) || more - at > LONGEST {
            break;
        }
        end = more;
    }
    // A cut block ends with its last line, not with the white space behind it.
    while cx.before(end).is_ascii_whitespace() || matches!(cx.before(end), b'"' | b',' | b')') {
        end -= 1;
    }
    cx.offer(sink, (at, end), Entity::PRIVATE_KEY, 6.0, true);
}
