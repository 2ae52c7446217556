//! Secret access keys of Amazon Web Services.

use super::{Recognizer, Site, api_key::is_random};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "AWS_SECRET_KEY",
    group: Group::Secrets,
    title: "AWS secret access key",
    validator: "40 characters of base 64, entropy above 4 bits, label",
    example: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    sites: &[Site::Word(word)],
    labels: "aws secret access key, secret access key, aws secret key, aws secret, secret key, \
        aws secret access, secretaccesskey, aws_secret_access_key",
    cues: "aws, amazon, akia, iam, s3, credentials, access key id, secret",
    against: "sha, sha1, commit, checksum, hash, integrity",
    ..Recognizer::BLANK
};

fn word(cx: &Cx<'_>, (start, end): (usize, usize), sink: &mut Sink) {
    let is = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    if end - start > 40 || end - start < 2 {
        return;
    }
    let from = cx.run_back(end.min(start + 1), 41, is);
    let to = cx.run(start, 41, is);
    let text = cx.slice(from, to);
    let has = |kind: fn(&u8) -> bool| text.iter().any(kind);
    let mixed =
        has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    if text.len() == 40
        && mixed
        && is_random(text)
        && entropy(text) > 4.0
        && !matches!(cx.at(to), b'=' | b'_' | b'-')
    {
        cx.offer(sink, (from, to), Entity::AWS_SECRET_KEY, -2.6, false);
    }
}

/// Shannon's entropy of the characters, bits.
fn entropy(text: &[u8]) -> f32 {
    let mut counts = [0_u16; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    let total = text.len() as f32;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f32::from(*count) / total)
        .map(|p| -p * p.log2())
        .sum()
}
