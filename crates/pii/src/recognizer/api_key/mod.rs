//! Keys and tokens of programming interfaces.

mod vendor;

pub(super) use vendor::is_random;

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "API_KEY",
    group: Group::Secrets,
    title: "key or token of a programming interface",
    validator: "prefix, alphabet and length by maker; CRC-32 tails; else label and entropy",
    example: "sk-proj-4f9aQ2m7Xw1bT8kL0cVd",
    hold: 1024,
    sites: &[
        Site::Word(word),
        Site::Literal(&["sk-"], prefix),
        Site::Literal(&["hooks.slack.com/services/", "django-insecure-"], written_out),
        Site::Colon(telegram),
        Site::At(sentry),
    ],
    labels: "api key, apikey, api token, apitoken, api secret, access token, auth token, authentication \
        token, authorization, bearer, bearer token, client secret, app secret, application secret, \
        secret key, secret token, access key, account key, private token, personal access token, \
        refresh token, id token, oauth token, service key, subscription key, x api key, webhook \
        secret, signing secret, signing key, encryption key, session token, csrf token, bot token, \
        token, secret, sig, shared access signature, api schlüssel, zugriffsschlüssel, \
        geheimschlüssel, cle api, cle d api, jeton, jeton d acces, clave api, clave de api, token de \
        acceso, api sleutel, toegangstoken, chave api, chave de api, token de acesso, chiave api, \
        token di accesso, aws secret access key, secret access key, admin key, master key, \
        root key, session cookie, sessionid, phpsessid, jsessionid",
    cues: "key, credential, credentials, auth, password, login, export, header, env",
    against: "public key, publishable, fingerprint, etag, digest, integrity, cache key, primary key, \
        foreign key, next page token, page token, object id, commit, sha, tokens, tokenizer, nonce, key id",
    ..Recognizer::BLANK
};

/// Lengths of keys that only their label makes keys.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=256;

fn word(cx: &Cx<'_>, (start, end): (usize, usize), sink: &mut Sink) {
    let mut end = end;
    while end > start && matches!(cx.before(end), b'.' | b'-') {
        end -= 1;
    }
    let mut start = start;
    while start < end && matches!(cx.at(start), b'.' | b'-' | b'_') {
        start += 1;
    }
    let text = cx.slice(start, end);
    if text.len() < 14 {
        return;
    }
    if let Some((log_odds, checked)) = vendor::known(text) {
        cx.offer(sink, (start, end), Entity::API_KEY, log_odds, checked);
        return;
    }
    // Base64 has more characters than words have.
    let is = |byte: u8| byte.is_ascii_alphanumeric() || b"+/_-.~".contains(&byte);
    let from = cx.run_back(start, 256, is);
    let to = cx.run(end, 256, is);
    let to = cx.run(to, 2, |byte| byte == b'=');
    let text = cx.slice(from, to);
    if LENGTHS.contains(&text.len()) && is_key(text) && !matches!(cx.at(to), b'(' | b'[') {
        cx.offer(sink, (from, to), Entity::API_KEY, -4.5, false);
    }
}

/// A key of the commonest prefix that happens to hold no digit.
fn prefix(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let end = cx.run(at, 256, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !cx.before(at).is_ascii_alphanumeric() && !cx.slice(at, end).iter().any(u8::is_ascii_digit) {
        word(cx, (at, end), sink);
    }
}

/// Whether a text may be a key: no path, no name, no number, but a mixture.
fn is_key(text: &[u8]) -> bool {
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = text.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let marks = text.len() - digits - letters;
    let changes = text
        .windows(2)
        .filter(|it| {
            it[0].is_ascii_digit() != it[1].is_ascii_digit()
                || it[0].is_ascii_lowercase() && it[1].is_ascii_uppercase()
        })
        .count();
    digits > 1 && letters > 3 && marks * 6 <= text.len() && changes > 4 && is_random(text)
}

/// The path of a webhook of Slack, a key that Django made for development.
fn written_out(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let webhook = cx.at(at) == b'h';
    let start = if webhook { at + "hooks.slack.com/services/".len() } else { at };
    let end = cx.run(start, 96, |byte| {
        byte.is_ascii_alphanumeric()
            || if webhook { byte == b'/' } else { b"!@#$%^&*(-_=+)".contains(&byte) }
    });
    let text = cx.slice(start, end);
    let parts = text.iter().filter(|byte| **byte == b'/').count();
    let formed = if webhook { parts == 2 && text.len() > 40 } else { text.len() > 60 };
    if formed && is_random(text) {
        cx.offer(sink, (start, end), Entity::API_KEY, 4.0, true);
    }
}

/// `https://<key>@o123.ingest.sentry.io/456`: where a program reports to Sentry.
fn sentry(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let start = cx.run_back(at, 33, |byte| byte.is_ascii_hexdigit());
    if at - start != 32 || cx.before(start) != b'/' {
        return;
    }
    let host = cx.run(at + 1, 64, |byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let sentry = cx.slice(at + 1, host).windows(6).any(|it| it == b"sentry");
    if sentry && is_random(cx.slice(start, at)) {
        cx.offer(sink, (start, at), Entity::API_KEY, 4.0, true);
    }
}

/// `123456789:AAE...`: a bot of Telegram.
fn telegram(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    if cx.at(at + 1) != b'A' || cx.at(at + 2) != b'A' {
        return;
    }
    let start = cx.run_back(at, 11, |byte| byte.is_ascii_digit());
    let end =
        cx.run(at + 1, 40, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if (8..=10).contains(&(at - start)) && end - at == 36 && is_random(cx.slice(at + 1, end)) {
        cx.offer(sink, (start, end), Entity::API_KEY, 4.0, true);
    }
}
