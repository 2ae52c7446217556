//! Access key ids of Amazon Web Services.

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "AWS_ACCESS_KEY",
    group: Group::Secrets,
    title: "AWS access key id",
    validator: "prefix and 16 characters of base 32",
    example: "AKIAIOSFODNN7EXAMPLE",
    sites: &[Site::Literal(&["AKIA", "ASIA", "AROA", "AIDA", "ABIA", "ACCA"], prefix)],
    labels: "aws access key, aws access key id, access key id, access key, aws key, aws_access_key_id",
    cues: "aws, amazon, secret, credentials, iam, s3",
    ..Recognizer::BLANK
};

fn prefix(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let end = cx.run(at, 21, |byte| byte.is_ascii_alphanumeric());
    let text = cx.slice(at, end);
    let base32 = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'9' | b'0' | b'1');
    let before = cx.before(at);
    if text.len() == 20
        && text.iter().all(base32)
        && !before.is_ascii_alphanumeric()
        && before != b'_'
    {
        let digits = text.iter().any(u8::is_ascii_digit);
        cx.offer(sink, (at, end), Entity::AWS_ACCESS_KEY, if digits { 4.0 } else { 1.0 }, false);
    }
}
