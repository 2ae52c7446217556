//! E-mail addresses, also as people write them for others to read and not for machines.

use super::{Recognizer, Site};
use crate::{
    Entity, domain,
    entity::Group,
    scan::{
        Cx, Sink,
        hold::{is_spoken_at, is_spoken_dot, is_spoken_mark, unmarked},
    },
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "EMAIL",
    group: Group::Contact,
    title: "e-mail address",
    validator: "form (RFC 5321), top-level domain",
    example: "jane.doe@example.com",
    hold: 512,
    sites: &[
        Site::At(at_sign),
        Site::Literal(
            &["dot", "DOT", "Dot", "punkt", "Punkt", "point", "Point", "punt", "punto", "ponto"],
            spoken,
        ),
        Site::Literal(
            &["arroba", "chiocciola", "apenstaartje", "arobase", "klammeraffe", "Klammeraffe"],
            spoken_at,
        ),
        Site::Literal(
            &["gmail.", "Gmail.", "yahoo.", "hotmail.", "outlook.", "icloud.", "protonmail."],
            provider,
        ),
        Site::Literal(&["mail", "Mail", "MAIL"], label),
    ],
    labels: "email, e mail, mail, email address, e mail address, mail address, email id, mailto, \
        emails, e mails, courriel, adresse e mail, adresse mail, adresse email, e mail adresse, \
        mailadresse, emailadresse, correo, correo electronico, mail adres, e mailadres, e mail adres, \
        endereco de e mail, endereco de email, indirizzo e mail, indirizzo email, posta elettronica, \
        direccion de correo",
    cues: "contact, write, reach, send, forward, cc, bcc, from, to, reply",
    ..Recognizer::BLANK
};

/// The longest local part, bytes (RFC 5321).
const LOCAL: usize = 64;

fn at_sign(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let start = local_start(cx, at);
    if start == at {
        spaced(cx, at, sink);
        return;
    }
    let local = cx.slice(start, at);
    // A remote of a version control system, or the user or the password of a URL.
    let service = [&b"git"[..], b"hg", b"svn"].contains(&local);
    let user = match cx.before(start) {
        b':' => cx.run_back(start - 1, 40, |b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
        _ => start,
    };
    let in_url = cx.before(user) == b'/' && cx.ends(user, "://");
    if service || in_url || local.ends_with(b".") {
        return;
    }
    match domain::end(cx, at + 1) {
        Some(end) => {
            cx.offer(sink, (start, end), Entity::EMAIL, 3.0, true);
        }
        // `jane@ example.com`.
        None if cx.at(at + 1) == b' ' && domain::end(cx, at + 2).is_some() => {
            apart(cx, (start, at), at + 2, 0.5, sink);
        }
        None if half_spoken(cx, start, at, sink) => {}
        None => letter_by_letter(cx, at, sink),
    }
}

/// `jane@example dot com`.
fn half_spoken(cx: &Cx<'_>, start: usize, at: usize, sink: &mut Sink) -> bool {
    let mut end = cx.run(at + 1, 64, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let mut stop = None;
    for _ in 0..3 {
        let joiner = cx.run(end + 1, 6, |byte| byte.is_ascii_alphabetic());
        let joins =
            cx.at(end) == b' ' && is_spoken_dot(cx.slice(end + 1, joiner)) && cx.at(joiner) == b' ';
        if !joins {
            break;
        }
        end = cx.run(joiner + 1, 64, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if domain::is_top_level(cx.slice(joiner + 1, end)) {
            stop = Some(end);
        }
    }
    if let Some(end) = stop {
        cx.offer(sink, (start, end), Entity::EMAIL, 2.5, true);
    }
    stop.is_some()
}

/// Where the local part before `at` starts; `at` if there is none.
fn local_start(cx: &Cx<'_>, at: usize) -> usize {
    let mut start = cx.run_back(at, LOCAL, |byte| {
        byte.is_ascii_alphanumeric() || b"._-+'%".contains(&byte) || byte >= 0x80
    });
    // Scripts that put no space between words, and marks that are no letters.
    let text = cx.slice(start, at);
    let foreign = text.iter().rposition(|byte| *byte >= 0xe2);
    if let Some(place) = foreign {
        start += place + 1;
        start = cx.run(start, 3, |byte| byte & 0xc0 == 0x80);
    }
    // `\nname@`: an escape in source code or JSON.
    if cx.before(start) == b'\\' && matches!(cx.at(start), b'n' | b'r' | b't') {
        start += 1;
    }
    while start < at && b".-+'%".contains(&cx.at(start)) {
        start += 1;
    }
    start
}

/// `name @ example.com`, `name @example.com`.
fn spaced(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    if cx.before(at) != b' ' {
        return;
    }
    let both = cx.at(at + 1) == b' ';
    let start = local_start(cx, at - 1);
    let domain = at + 1 + usize::from(both);
    if start < at - 1 && domain::end(cx, domain).is_some() {
        apart(cx, (start, at - 1), domain, if both { -1.0 } else { -1.5 }, sink);
    } else if both && start < at - 1 {
        letter_by_letter(cx, at, sink);
    }
}

/// A name and a domain that a space parts.
fn apart(
    cx: &Cx<'_>,
    (start, name_end): (usize, usize),
    domain: usize,
    prior: f32,
    sink: &mut Sink,
) {
    let Some(end) = domain::end(cx, domain) else { return };
    let known = domain::is_mail_provider(cx.slice(domain, end));
    let odd = cx.slice(start, name_end).iter().any(|byte| !byte.is_ascii_alphabetic());
    let surely = if known { 2.0 } else { prior } + if odd { 1.5 } else { 0.0 };
    cx.offer(sink, (start, end), Entity::EMAIL, surely, true);
}

/// `j a n e @ e x a m p l e . c o m`: single characters with a space between each.
fn letter_by_letter(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let single = |i: usize| {
        let byte = cx.at(i);
        byte.is_ascii_alphanumeric() || b"._-@".contains(&byte)
    };
    if cx.before(at) != b' ' {
        return;
    }
    let mut start = at;
    while at - start < 2 * LOCAL
        && cx.before(start) == b' '
        && start > 1
        && cx.before(start - 1).is_ascii_graphic()
        && single(start - 2)
        && !cx.before(start - 2).is_ascii_alphanumeric()
    {
        start -= 2;
    }
    let mut end = at + 1;
    let mut compact = [0; 128];
    let mut length = 0;
    while length < compact.len()
        && cx.at(end) == b' '
        && single(end + 1)
        && !cx.at(end + 2).is_ascii_alphanumeric()
    {
        compact[length] = cx.at(end + 1);
        length += 1;
        end += 2;
    }
    let name = &compact[..length];
    let top = name.iter().rposition(|byte| *byte == b'.');
    let formed = top.is_some_and(|dot| dot > 0 && domain::is_top_level(&name[dot + 1..]));
    if at - start >= 4 && formed {
        cx.offer(sink, (start, end), Entity::EMAIL, 3.0, true);
    }
}

/// At a word for a dot: `jane at example dot com`, `jane_at_example_dot_com`.
fn spoken(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let mut glue = cx.before(at);
    let after = cx.run(at, 6, |byte| byte.is_ascii_alphabetic());
    if cx.at(after) != glue || !is_spoken_dot(cx.slice(at, after)) {
        return;
    }
    // `jane -at- example -dot- com`.
    let marked = is_spoken_mark(glue) && cx.before(at - 1) == b' ' && cx.at(after + 1) == b' ';
    let (at, after) = if marked { (at - 1, after + 1) } else { (at, after) };
    glue = if marked { b' ' } else { glue };
    if !matches!(glue, b' ' | b'_' | b'-' | b'.' | b'*' | b'|') {
        return;
    }
    let is_at = |word: &[u8]| is_spoken_at(unmarked(word));
    let is_dot = |word: &[u8]| is_spoken_dot(unmarked(word));
    // Back over `name dot name at`.
    let word_before = |end: usize| {
        let is = |byte: u8| {
            byte.is_ascii_alphanumeric()
                || byte != glue && (b"._-".contains(&byte) || marked && is_spoken_mark(byte))
        };
        (cx.run_back(end, LOCAL, is), end)
    };
    let mut start = at;
    let mut seen_at = false;
    for _ in 0..8 {
        if cx.before(start) != glue {
            break;
        }
        let (from, to) = word_before(start - 1);
        let word = cx.slice(from, to);
        if word.is_empty() {
            break;
        }
        let joins = is_at(word) || is_dot(word);
        let next_joins = {
            let stop = cx.run(start, 14, |byte| byte.is_ascii_graphic() && byte != glue);
            let next = cx.slice(start, stop);
            is_at(next) || is_dot(next)
        };
        if !joins && !next_joins {
            break;
        }
        seen_at |= is_at(word);
        start = from;
    }
    // On over `dot name dot com`.
    let mut end = after;
    let mut stop = None;
    for _ in 0..8 {
        if cx.at(end) != glue {
            break;
        }
        let is = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' && glue != b'-';
        let to = cx.run(end + 1, 64, is);
        let word = cx.slice(end + 1, to);
        if word.is_empty() {
            break;
        }
        if is_spoken_at(word) {
            seen_at = true;
            stop = None;
        } else if domain::is_top_level(word) {
            stop = Some(to);
        }
        let next = cx.run(to, 1, |byte| byte == glue);
        let more = cx.run(next, 14, |byte| {
            byte.is_ascii_alphabetic() || byte == b'@' || marked && is_spoken_mark(byte)
        });
        let joiner = cx.slice(next, more);
        if next == to || !(is_dot(joiner) || is_at(joiner)) {
            break;
        }
        seen_at |= is_at(joiner);
        end = more;
    }
    let (Some(end), true) = (stop, seen_at) else { return };
    if start < at && end - start > 10 {
        cx.offer(sink, (start, end), Entity::EMAIL, 2.5, true);
    }
}

/// `jane at gmail.com`.
fn provider(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    if let Some(end) = domain::end(cx, at) {
        said(cx, at, end, 2.0, sink);
    }
}

/// `jane arobase example.com`: a word that means nothing else.
fn spoken_at(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let after = cx.run(at, 13, |byte| byte.is_ascii_alphabetic());
    if cx.at(after) == b' '
        && let Some(end) = domain::end(cx, after + 1)
    {
        said(cx, after + 1, end, 2.0, sink);
    }
}

/// `e-mail: jane at example.com`, `jane.doe at mail.example.com`.
fn label(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    if cx.at(at + 4) == b'.'
        && let Some(end) = domain::end(cx, at)
    {
        said(cx, at, end, -0.5, sink);
        return;
    }
    let text = cx.ahead(at, 80);
    let line = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let mut words = text[..line].windows(4);
    if let Some(place) =
        words.position(|it| it[0] == b' ' && it[3] == b' ' && is_spoken_at(&it[1..3]))
    {
        let domain = at + place + 4;
        if let Some(end) = domain::end(cx, domain) {
            said(cx, domain, end, -2.0, sink);
        }
    }
}

/// A domain with a spoken `at` and a name before it.
fn said(cx: &Cx<'_>, domain: usize, end: usize, surely: f32, sink: &mut Sink) {
    if cx.before(domain) != b' ' {
        return;
    }
    let at = cx.run_back(domain - 1, 14, |byte| byte.is_ascii_graphic());
    if !is_spoken_at(cx.slice(at, domain - 1)) || cx.before(at) != b' ' {
        return;
    }
    let start = local_start(cx, at - 1);
    // `look at`, `available at`: verbs, not names.
    let name = cx.slice(start, at - 1);
    let odd = name.iter().any(|byte| !byte.is_ascii_alphabetic());
    if start < at - 1 {
        cx.offer(sink, (start, end), Entity::EMAIL, surely + if odd { 2.0 } else { 0.0 }, true);
    }
}
