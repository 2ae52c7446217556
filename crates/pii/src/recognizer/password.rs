//! Passwords.

use super::{
    Recognizer, Site,
    credential::{Joint, Named, identifier, is_code, is_placeholder, value_behind, whole_text},
};
use crate::{
    Entity, base64,
    context::words::{self, Hash},
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "PASSWORD",
    group: Group::Secrets,
    title: "password",
    validator: "label and a value that is no placeholder; URLs, Basic authentication",
    example: "password: Tr0ub4dor&3",
    hold: 512,
    sites: &[
        Site::Literal(
            &[
                "pass",
                "Pass",
                "PASS",
                "pwd",
                "Pwd",
                "PWD",
                "ennwort",
                "ENNWORT",
                "wachtwoord",
                "Wachtwoord",
                "WACHTWOORD",
                "contrase",
                "Contrase",
                "CONTRASE",
                "senha",
                "Senha",
                "SENHA",
                "parola",
                "Parola",
                "clave",
                "Clave",
                "PIN",
                "IDENTIFIED",
            ],
            label,
        ),
        Site::Literal(&["Basic", "basic"], basic),
        Site::Colon(in_url),
        Site::Named(named),
    ],
    ..Recognizer::BLANK
};

/// The last word of a label.
const NAMES: &str = "password passwd pwd pass passwort passwords passphrase passcode passkey kennwort passe \
    contrasena contrasenya wachtwoord senha parola clave pin identified pw passw zugangspasswort \
    benutzerpasswort userpassword dbpassword dbpass rootpassword adminpassword loginpassword";

fn is_name(text: &[u8]) -> bool {
    words::words(text, 0).last().is_some_and(|last| is_name_word(last.hash))
}

fn is_name_word(hash: Hash) -> bool {
    words::words(NAMES.as_bytes(), 0).any(|word| word.hash == hash)
}

fn label(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let (start, end) = identifier(cx, at);
    let name = cx.slice(start, end);
    let pin = name == b"PIN";
    if !is_name(name) {
        return;
    }
    // `parola d'ordine`, `clave de acceso`, `password for the portal` hold a value further on.
    let mut end = end;
    for more in [" d'ordine", " d’ordine", " de acceso", " de passe", " de acesso"] {
        if cx.goes_on(end, more) {
            end += more.len();
        }
    }
    let Some(named) = value_behind(cx, end) else { return };
    let value = cx.slice(named.start, named.end);
    if is_placeholder(value)
        || is_code(value) && !named.quoted
        || name == b"IDENTIFIED" && !named.quoted
    {
        return;
    }
    let log_odds = weigh(&named, value, pin);
    cx.claim(sink, (named.start, named.end), Entity::PASSWORD, log_odds, false);
}

/// A text that a key calls a password.
fn named(cx: &Cx<'_>, _: usize, sink: &mut Sink) {
    let Some(name) = cx.key().hashes().next_back().filter(|name| is_name_word(*name)) else {
        return;
    };
    let Some(named) = whole_text(cx) else { return };
    let value = cx.slice(named.start, named.end);
    // A form's own words: `"password": "Passwort"`.
    if is_placeholder(value) || is_name(value) {
        return;
    }
    let log_odds = weigh(&named, value, words::is(name, "pin"));
    cx.claim(sink, (named.start, named.end), Entity::PASSWORD, log_odds, false);
}

/// What a value looks like: words are rarely passwords, mixtures nearly always.
fn weigh(named: &Named, value: &[u8], pin: bool) -> f32 {
    let has = |kind: fn(&u8) -> bool| value.iter().any(kind);
    let digit = has(u8::is_ascii_digit);
    let mark = value
        .iter()
        .any(|byte| byte.is_ascii_punctuation() && !matches!(byte, b'-' | b'_' | b'.' | b'/'));
    let lower = has(u8::is_ascii_lowercase);
    let mixed = lower && value[1..].iter().any(u8::is_ascii_uppercase);
    let letters = has(u8::is_ascii_alphabetic);
    let spaced = value.contains(&b' ');
    if pin {
        let plain = value.iter().all(u8::is_ascii_digit) && (4..=8).contains(&value.len());
        return if plain && named.joint != Joint::Space { 1.0 } else { -9.0 };
    }
    let joint = match named.joint {
        Joint::Mark => 0.4,
        Joint::Verb => -0.2,
        Joint::Space => -2.0,
    };
    let mut sum = joint + if named.quoted { 0.9 } else { 0.0 };
    sum += if digit { 1.2 } else { 0.0 };
    sum += if mark { 1.2 } else { 0.0 };
    sum += if mixed { 0.8 } else { 0.0 };
    sum -= if value.len() < 4 { 2.0 } else { 0.0 };
    sum -= if spaced && !named.quoted { 2.0 } else { 0.0 };
    if !digit && !mark && !mixed {
        // One word: long enough to be no word of a sentence, or quoted as a value.
        sum -= if value.len() > 13 { -0.4 } else { 1.4 };
    }
    if digit && !letters && !mark {
        // A count, a length, a date.
        sum -= if value.len() > 5 { 0.6 } else { 1.8 };
    }
    sum
}

/// `scheme://user:password@host`.
fn in_url(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let Some((_, password)) = user_info(cx, at) else { return };
    let value = cx.slice(password.0, password.1);
    if !value.is_empty() && !is_placeholder(value) {
        cx.claim(sink, password, Entity::PASSWORD, 2.5, true);
    }
}

/// The user and the password of the URL whose `://` is at `at`.
pub(super) fn user_info(cx: &Cx<'_>, at: usize) -> Option<((usize, usize), (usize, usize))> {
    if !cx.goes_on(at, "://") {
        return None;
    }
    let start = at + 3;
    let is = |byte: u8| byte.is_ascii_graphic() && !b"/\"'`<>@ ".contains(&byte);
    let end = cx.run(start, 160, is);
    if cx.at(end) != b'@' {
        return None;
    }
    let text = cx.slice(start, end);
    let colon = text.iter().position(|byte| *byte == b':')?;
    Some(((start, start + colon), (start + colon + 1, end)))
}

/// `Basic dXNlcjpwYXNzd29yZA==`.
fn basic(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let start = at + 6;
    if cx.at(at + 5) != b' ' || cx.before(at).is_ascii_alphanumeric() {
        return;
    }
    let end = cx
        .run(start, 256, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
    let mut plain = [0; 192];
    let decoded =
        (end - start > 7).then(|| base64::decode(cx.slice(start, end), &mut plain)).flatten();
    let Some(length) = decoded else { return };
    let text = &plain[..length];
    if text.contains(&b':') && text.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        cx.claim(sink, (start, end), Entity::PASSWORD, 3.0, true);
    }
}
