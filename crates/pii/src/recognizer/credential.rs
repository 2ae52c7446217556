//! What passwords and user names have in common: a word that names one, and the value behind it.

use crate::scan::Cx;

/// A value behind a word that names it.
pub(super) struct Named {
    pub(super) start: usize,
    pub(super) end: usize,
    /// What joins the two.
    pub(super) joint: Joint,
    /// The value stands in quotes.
    pub(super) quoted: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Joint {
    /// `=`, `:`, `:=`, `=>`.
    Mark,
    /// `is`, `ist`, `est` and so on.
    Verb,
    /// Nothing but a space.
    Space,
}

/// The longest value, bytes.
const LONGEST: usize = 128;

/// The identifier around `at`: `DB_PASSWORD`, `dbPass`.
pub(super) fn identifier(cx: &Cx<'_>, at: usize) -> (usize, usize) {
    let is = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || byte >= 0x80;
    (cx.run_back(at, 40, is), cx.run(at, 40, is))
}

/// The value behind an identifier that ends at `end`.
pub(super) fn value_behind(cx: &Cx<'_>, end: usize) -> Option<Named> {
    let spaces = |at: usize| cx.run(at, 4, |byte| byte == b' ' || byte == b'\t');
    let mut at = end;
    let closing = matches!(cx.at(at), b'"' | b'\'' | b'`' | b'*' | b']' | b')');
    if closing {
        at = cx.run(at, 3, |byte| matches!(byte, b'"' | b'\'' | b'`' | b'*' | b']' | b')'));
    }
    let gap = spaces(at);
    let (joint, mut at) = match cx.at(gap) {
        b':' | b'=' => {
            let behind = cx.run(gap, 3, |byte| matches!(byte, b':' | b'=' | b'>'));
            // A comparison, not a value.
            if cx.slice(gap, behind).starts_with(b"==") {
                return None;
            }
            (Joint::Mark, behind)
        }
        b'-' if cx.at(gap + 1) == b'>' => (Joint::Mark, gap + 2),
        _ if gap > at => match verb(cx, gap) {
            Some(behind) => (Joint::Verb, behind),
            None => (Joint::Space, gap),
        },
        _ => return None,
    };
    at = spaces(at);
    // `password:` on one line, the value on the next.
    if joint == Joint::Mark && cx.at(at) == b'\n' {
        at = spaces(at + 1);
    }
    if cx.at(at) == b'\\' && matches!(cx.at(at + 1), b'"' | b'\'') {
        at += 1;
    }
    let quote = cx.at(at);
    if matches!(quote, b'"' | b'\'' | b'`') {
        let start = at + 1;
        let stop = cx.run(start, LONGEST, |byte| byte != quote && byte != b'\n' && byte != 0);
        let stop = if cx.before(stop) == b'\\' { stop - 1 } else { stop };
        let closed = cx.at(stop) == quote || cx.at(stop) == b'\\';
        return (closed && stop > start).then_some(Named { start, end: stop, joint, quoted: true });
    }
    // In the query of a URL the value ends where the next begins.
    let label = cx.behind(end, 40);
    let query = joint == Joint::Mark && label.iter().any(|byte| matches!(byte, b'?' | b'&'));
    let mut stop = cx.run(at, LONGEST, |byte| {
        let ends = b"\"'`<>".contains(&byte) || query && matches!(byte, b'&' | b'#');
        !ends && (byte.is_ascii_graphic() || byte >= 0x80)
    });
    let closes = |stop: usize| {
        b",;.)]}*".contains(&cx.before(stop))
            || cx.before(stop) == b':' && cx.before(stop - 1) == b')'
    };
    while stop > at && closes(stop) {
        stop -= 1;
    }
    (stop > at).then_some(Named { start: at, end: stop, joint, quoted: false })
}

/// All of a text that a key names, without the space around it.
pub(super) fn whole_text(cx: &Cx<'_>) -> Option<Named> {
    let start = cx.run(0, 4, |byte| byte.is_ascii_whitespace());
    let stop = cx.run(start, LONGEST + 1, |byte| byte != b'\n' && byte != 0);
    let end = cx.run_back(stop, 4, |byte| byte.is_ascii_whitespace()).max(start);
    let rest = cx.run(stop, 2, |byte| byte == b'\n');
    if cx.at(rest) != 0 || end == start || end - start > LONGEST {
        return None;
    }
    // A number may stand there without quotes.
    let quoted = !cx.slice(start, end).iter().all(u8::is_ascii_digit);
    Some(Named { start, end, joint: Joint::Mark, quoted })
}

/// Behind a verb that says what something is, in seven languages.
fn verb(cx: &Cx<'_>, at: usize) -> Option<usize> {
    const VERBS: &[&str] = &[
        "is set to ",
        "is now ",
        "is: ",
        "is ",
        "was ",
        "ist ",
        "lautet: ",
        "lautet ",
        "est: ",
        "est ",
        "es: ",
        "es ",
        "é: ",
        "é ",
        "è: ",
        "è ",
        "= ",
        "to ",
        "auf ",
        "são ",
        "will be ",
        "should be ",
        "by ",
    ];
    VERBS.iter().find(|verb| cx.goes_on(at, verb)).map(|verb| at + verb.len())
}

/// A word in the place of a value: `<password>`, `${PASSWORD}`, `****`, `null`, `changeme`.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "null",
        "none",
        "nil",
        "true",
        "false",
        "undefined",
        "string",
        "str",
        "text",
        "password",
        "passwd",
        "pwd",
        "pass",
        "secret",
        "changeme",
        "change_me",
        "change-me",
        "your_password",
        "yourpassword",
        "your-password",
        "mypassword",
        "my_password",
        "example",
        "hidden",
        "redacted",
        "required",
        "optional",
        "empty",
        "username",
        "user",
        "name",
        "value",
        "masked",
        "removed",
        "xxx",
        "xxxx",
        "xxxxx",
        "xxxxxxxx",
        "todo",
        "tbd",
        "n/a",
        "na",
        "unknown",
        "default",
        "test",
        "foo",
        "bar",
        "here",
        "incorrect",
        "invalid",
        "wrong",
        "not",
        "the",
        "a",
        "an",
        "and",
        "or",
        "for",
        "it",
        "on",
        "in",
        "to",
        "of",
        "that",
        "this",
        "must",
        "should",
        "can",
        "will",
        "your",
        "my",
        "option",
        "char",
        "int",
        "varchar",
        "bool",
        "self",
        "process.env",
        "env",
        "int",
        "bytes",
        "type",
    ];
    let first = value[0];
    let masked = value
        .iter()
        .all(|byte| matches!(byte, b'*' | b'.' | b'x' | b'X' | b'-' | b'_' | b'#' | b'?'));
    let name = |text: &[u8]| {
        let single = |case: fn(&u8) -> bool| {
            text.iter().all(|byte| case(byte) || matches!(byte, b'_' | b'%'))
        };
        text.len() < 2 || single(u8::is_ascii_uppercase) || single(u8::is_ascii_lowercase)
    };
    let variable = match first {
        b'$' => matches!(value.get(1), Some(b'{' | b'(')) || name(&value[1..]),
        b'%' => matches!(value.get(1), Some(b'(')) || name(&value[1..]),
        b'<' | b'[' | b'(' => {
            value.len() > 1 && value.last().is_some_and(|byte| b">])".contains(byte))
        }
        b'{' => value.len() > 1,
        _ => false,
    };
    masked || variable || WORDS.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(value))
}

/// Source code in the place of a value: a call, a member, a type.
pub(super) fn is_code(value: &[u8]) -> bool {
    let call = value
        .iter()
        .position(|byte| *byte == b'(')
        .is_some_and(|at| at > 0 && value[at - 1].is_ascii_alphanumeric());
    let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let marked = value.iter().any(|byte| byte.is_ascii_digit() || b"!@#$%^*".contains(byte));
    let member = !marked
        && value.windows(3).any(|it| {
            word(it[0])
                && matches!(it[1], b'.' | b'[')
                && (word(it[2]) || matches!(it[2], b'"' | b'\''))
        });
    let open = value.last().is_some_and(|byte| b"[({".contains(byte));
    let reference = value[0] == b'&'
        && value[1..].iter().all(|byte| {
            word(*byte) || byte.is_ascii_uppercase() || matches!(byte, b'|' | b'\'' | b' ')
        });
    // A type of Rust: `&[u8`, `[u8`.
    let slice = value.strip_prefix(b"&").unwrap_or(value).strip_prefix(b"[");
    let slice = slice.is_some_and(|it| !it.is_empty() && it.iter().all(u8::is_ascii_alphanumeric));
    let number = value.strip_prefix(b"0x").is_some_and(|it| it.iter().all(u8::is_ascii_hexdigit));
    let cast = value[0] == b'('
        && value.iter().position(|byte| *byte == b')').is_some_and(|at| {
            at > 1
                && value[1..at]
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_ *".contains(byte))
                && value.get(at + 1).is_some_and(u8::is_ascii_alphabetic)
        });
    call || member
        || number
        || cast
        || open
        || reference
        || slice
        || value.windows(2).any(|it| it == b"::" || it == b"->")
}
