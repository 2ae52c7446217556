//! Names of user accounts.

use super::{
    Recognizer, Site,
    credential::{Joint, Named, identifier, is_code, is_placeholder, value_behind, whole_text},
    password::user_info,
};
use crate::{
    Entity,
    context::words::{self, Hash},
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "USERNAME",
    group: Group::Identity,
    title: "name of a user account",
    validator: "label, path of a home folder, URL or shell",
    example: "username: jdoe42",
    hold: 512,
    sites: &[
        Site::Literal(
            &[
                "user",
                "User",
                "USER",
                "login",
                "Login",
                "LOGIN",
                "enutzer",
                "tilisateur",
                "tilizador",
                "dentifiant",
                "suario",
                "ebruiker",
                "utente",
                "handle",
                "suário",
            ],
            label,
        ),
        Site::Literal(&["/home/", "/Users/", "\\Users\\"], home),
        Site::Colon(in_url),
        Site::Named(named),
        Site::At(at_host),
    ],
    ..Recognizer::BLANK
};

/// Labels that leave no doubt, by their last two words or their last.
const SURE: &str = "username, user name, user id, userid, login id, login name, loginname, user login, db user, \
    dbuser, database user, benutzername, benutzerkennung, nutzername, nom d utilisateur, nom utilisateur, \
    identifiant, nombre de usuario, nombre usuario, gebruikersnaam, nome de usuario, nome de utilizador, \
    nome utente, user handle, email handle, account name, account username, user account, ssh user, os user, \
    admin user, mysql user, pg user, postgres user, smtp user, ftp user";

/// Labels that also begin a sentence.
const UNSURE: &str = "user, login, usuario, benutzer, utilisateur, gebruiker, utente, handle";

/// Accounts that are nobody's.
const NOBODY: &[&str] = &[
    "admin",
    "root",
    "user",
    "guest",
    "test",
    "postgres",
    "ubuntu",
    "default",
    "anonymous",
    "nobody",
    "system",
    "public",
    "me",
    "you",
    "username",
    "mysql",
    "sa",
    "www-data",
    "runner",
    "ec2-user",
    "node",
    "app",
    "shared",
    "git",
    "administrator",
    "vagrant",
    "debian",
    "centos",
    "pi",
    "deploy",
    "jenkins",
    "daemon",
    "user1",
    "user_name",
    "yourname",
    "name",
    "myuser",
    "your_user",
    "your-username",
    "your_username",
    "required",
    "invalid",
    "service",
    "agent",
    "id",
    "all",
    "list",
    "new",
    "login",
    "profile",
    "settings",
];

fn label(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let (start, end) = identifier(cx, at);
    // `user name` and `nom d'utilisateur` are written apart.
    let mut end = end;
    for more in [" name", " id", " ID", " Name", " handle", " account"] {
        if cx.goes_on(end, more) && !cx.at(end + more.len()).is_ascii_alphanumeric() {
            end += more.len();
            break;
        }
    }
    let from = cx.run_back(start, 12, |byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'\'' | b'_')
    });
    let sure = ends_with(hashes(cx.slice(from, end)), SURE);
    if !sure && !ends_with(hashes(cx.slice(start, end)), UNSURE) {
        return;
    }
    let Some(mut named) = value_behind(cx, end) else { return };
    if !named.quoted {
        let list = cx.slice(named.start, named.end).iter().position(|byte| b",;|&)".contains(byte));
        named.end = list.map_or(named.end, |at| named.start + at);
    }
    if named.end == named.start {
        return;
    }
    weigh(cx, &named, sure, sink);
}

/// A text that a key calls a user's name.
fn named(cx: &Cx<'_>, _: usize, sink: &mut Sink) {
    let words = || cx.key().hashes();
    let sure = ends_with(words(), SURE);
    if !sure && !ends_with(words(), UNSURE) {
        return;
    }
    // A number of an account is in `"user": {"id": 12345}`, no name.
    if let Some(named) = whole_text(cx).filter(|named| named.quoted) {
        weigh(cx, &named, sure, sink);
    }
}

/// Offers a value if it looks like an account's name.
fn weigh(cx: &Cx<'_>, named: &Named, sure: bool, sink: &mut Sink) {
    let value = cx.slice(named.start, named.end);
    let is = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+".contains(byte) || *byte >= 0x80;
    let odd = value.iter().any(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'.'));
    let marked = value.iter().any(u8::is_ascii_digit) || value.contains(&b'_');
    if !(2..=40).contains(&value.len())
        || !value.iter().all(is)
        || is_placeholder(value)
        || is_nobody(value)
        || is_code(value) && !named.quoted
        || value.iter().all(u8::is_ascii_digit) && !sure
    {
        return;
    }
    let upper = value.iter().any(u8::is_ascii_uppercase);
    let log_odds = match (sure, named.joint, named.quoted) {
        // `UserId = UserName`: code that assigns.
        (_, Joint::Mark, false) if upper && !marked && cx.before(named.start) == b' ' => -3.0,
        (true, Joint::Mark, true) => 2.0,
        (true, Joint::Mark, false) => {
            if odd {
                1.5
            } else {
                0.4
            }
        }
        (true, Joint::Verb, _) => {
            if odd || named.quoted {
                1.2
            } else {
                0.2
            }
        }
        (true, Joint::Space, _) => {
            if marked {
                0.4
            } else {
                -3.0
            }
        }
        (false, Joint::Mark, true) => {
            if odd {
                1.2
            } else {
                0.3
            }
        }
        (false, Joint::Space, true) => {
            if odd {
                1.2
            } else {
                -0.5
            }
        }
        (false, Joint::Mark, false) => {
            if marked && value.len() > 4 {
                0.6
            } else {
                -3.0
            }
        }
        (false, Joint::Verb, _) => {
            if marked {
                0.0
            } else {
                -3.0
            }
        }
        (false, Joint::Space, false) => {
            if marked && value.len() > 5 && acts(cx, named.end) {
                0.6
            } else if marked && value.len() > 5 {
                -0.3
            } else {
                -4.0
            }
        }
    };
    cx.claim(sink, (named.start, named.end), Entity::USERNAME, log_odds, false);
}

/// Whether a word behind an account says what it did: `User jdoe42 logged in`.
fn acts(cx: &Cx<'_>, end: usize) -> bool {
    const ACTS: &[&str] = &[
        "logged",
        "log",
        "logs",
        "signed",
        "connected",
        "disconnected",
        "authenticated",
        "failed",
        "requested",
        "accessed",
        "attempted",
        "tried",
        "created",
        "updated",
        "deleted",
        "changed",
        "uploaded",
        "downloaded",
        "opened",
        "closed",
        "registered",
        "joined",
        "left",
        "reported",
        "submitted",
        "from",
        "has",
        "was",
        "is",
        "did",
        "performed",
        "executed",
        "locked",
        "hat",
        "wurde",
        "a",
        "ha",
        "foi",
        "heeft",
        "inició",
        "fez",
    ];
    let from = cx.run(end, 2, |byte| matches!(byte, b' ' | b'\'' | b'"'));
    let to = cx.run(from, 16, |byte| byte.is_ascii_alphabetic() || byte >= 0x80);
    to > from && ACTS.iter().any(|it| it.as_bytes() == cx.slice(from, to))
}

fn hashes(text: &[u8]) -> impl Iterator<Item = Hash> {
    words::words(text, 0).map(|word| word.hash)
}

fn ends_with(words: impl Iterator<Item = Hash>, phrases: &str) -> bool {
    let mut last = [words::NOTHING; 3];
    for word in words {
        last = [last[1], last[2], word];
    }
    phrases.split(',').any(|phrase| {
        let mut wanted = [words::NOTHING; 3];
        let mut count = 0;
        for word in hashes(phrase.as_bytes()) {
            wanted = [wanted[1], wanted[2], word];
            count += 1;
        }
        let count = count.min(3);
        wanted[3 - count..] == last[3 - count..]
    })
}

fn is_nobody(value: &[u8]) -> bool {
    NOBODY.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(value))
}

/// `/home/jdoe/...`.
fn home(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let start = at + if cx.at(at + 1) == b'h' { 6 } else { 7 };
    let end = cx
        .run(start, 33, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let value = cx.slice(start, end);
    let inside = cx.before(at).is_ascii_alphanumeric() && cx.at(at) == b'/';
    if inside || !(3..=32).contains(&value.len()) || is_nobody(value) || is_placeholder(value) {
        return;
    }
    cx.claim(sink, (start, end), Entity::USERNAME, 0.8, false);
}

/// `scheme://jdoe:...@host`.
fn in_url(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let Some((user, _)) = user_info(cx, at) else { return };
    let value = cx.slice(user.0, user.1);
    if value.len() > 1 && !is_nobody(value) && !is_placeholder(value) {
        cx.claim(sink, user, Entity::USERNAME, 1.5, true);
    }
}

/// `'jdoe'@'10.0.0.1'` in SQL, `ssh jdoe@10.0.0.1` and `ssh jdoe@server1` in a shell.
fn at_host(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let quote = cx.before(at);
    let is = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let (end, next) = if matches!(quote, b'\'' | b'`') { (at - 1, at + 2) } else { (at, at + 1) };
    let start = cx.run_back(end, 33, is);
    let value = cx.slice(start, end);
    if value.len() < 2 || is_nobody(value) {
        return;
    }
    if end < at {
        if cx.at(at + 1) == quote && cx.before(start) == quote {
            cx.claim(sink, (start, end), Entity::USERNAME, 2.0, false);
        }
        return;
    }
    let host = cx.run(next, 16, |byte| byte.is_ascii_digit() || byte == b'.');
    let dots = cx.slice(next, host).iter().filter(|byte| **byte == b'.').count();
    let address = dots == 3 && !cx.at(host).is_ascii_alphanumeric();
    if address || cx.at(next).is_ascii_alphanumeric() && is_in_shell(cx, start) {
        cx.claim(sink, (start, end), Entity::USERNAME, 1.0, false);
    }
}

/// Whether a command that goes to another host stands before, with nothing but options between.
fn is_in_shell(cx: &Cx<'_>, start: usize) -> bool {
    let before = cx.behind(start, 48);
    let line = before.iter().rposition(|byte| matches!(byte, b'\n' | b'`' | b'"'));
    let mut words = before[line.map_or(0, |at| at + 1)..].split(|byte| *byte == b' ').rev();
    // The text ends with a space.
    if words.next() != Some(b"") {
        return false;
    }
    let mut argument = false;
    for word in words {
        match word {
            b"ssh" | b"scp" | b"sftp" | b"rsync" => return !argument,
            [b'-', ..] => argument = false,
            // `-p 2222`: what an option takes.
            _ if argument || word.is_empty() => return false,
            _ => argument = true,
        }
    }
    false
}
