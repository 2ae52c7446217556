//! Web addresses that say something about somebody.

use super::{Recognizer, Site};
use crate::{
    Entity, domain,
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "URL",
    group: Group::Network,
    title: "web address of a person, or with personal data in it",
    validator: "scheme and host, or a profile's path; personal by its label, its host or what it holds",
    example: "https://www.linkedin.com/in/jane-doe",
    hold: 1024,
    sites: &[
        Site::Colon(scheme),
        Site::Literal(&["www."], www),
        Site::Literal(&["linkedin.com/", "facebook.com/", "instagram.com/"], profile),
    ],
    labels: "website, web site, homepage, home page, personal website, personal site, my site, my website, \
        my blog, blog, portfolio, my page, my profile, profile, linkedin, linkedin profile, \
        facebook profile, instagram profile, webseite, meine webseite, internetseite, site web, \
        mon site, mon blog, page personnelle, pagina web, sitio web, mi blog, mi web, mijn website, \
        mijn blog, meu site, meu blog, sito web, il mio sito, il mio blog, posted a photo, posted, \
        new post, my photo, my photos, my video, my channel",
    cues: "my, mine, me, mein, meine, mon, ma, mi, mijn, meu, minha, mio",
    against: "docs, documentation, repository, source, api, download, install, see, reference, license, \
        licence, issue, example",
    ..Recognizer::BLANK
};

/// The longest address looked at, bytes.
const LONGEST: usize = 480;

fn scheme(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    if cx.at(at + 1) != b'/' || cx.at(at + 2) != b'/' {
        return;
    }
    let start = cx.run_back(at, 8, |byte| byte.is_ascii_alphabetic());
    let known = ["http", "https", "ftp"]
        .iter()
        .any(|it| it.as_bytes().eq_ignore_ascii_case(cx.slice(start, at)));
    if known {
        address(cx, start, at + 3, sink);
    }
}

fn www(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let before = cx.before(at);
    if before.is_ascii_alphanumeric() || matches!(before, b'/' | b'.' | b'-' | b'@') {
        return;
    }
    address(cx, at, at, sink);
}

/// A profile without a scheme: `linkedin.com/in/jane-doe`.
fn profile(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let start = cx.run_back(at, 8, |byte| byte.is_ascii_alphabetic() || byte == b'.');
    let before = cx.before(start);
    let inside = before.is_ascii_alphanumeric() || matches!(before, b'/' | b'-' | b'@' | b'_');
    if !inside && !cx.slice(start, at).starts_with(b"www.") {
        address(cx, start, start, sink);
    }
}

fn address(cx: &Cx<'_>, start: usize, host: usize, sink: &mut Sink) {
    let end = cx.run(host, LONGEST, |byte| {
        byte.is_ascii_graphic() && !b"\"<>`\\^{}|".contains(&byte) || byte >= 0x80
    });
    let mut end = end;
    while end > host && b".,;:!?)]'*".contains(&cx.before(end)) {
        end -= 1;
    }
    let text = cx.slice(host, end);
    let host_end = text.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(text.len());
    let authority = &text[..host_end];
    let name = authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
    let name_start = host + host_end - name.len();
    if domain::end(cx, name_start).is_none() {
        return;
    }
    let rest = &text[host_end..];
    // The field of a package: `homepage = "https://..."`.
    let field = matches!(cx.before(start), b'"' | b'\'')
        && cx.behind(start, 14).to_ascii_lowercase().windows(8).any(|it| it == b"homepage");
    let log_odds = personal(name, rest) - if field { 3.0 } else { 0.0 };
    cx.offer(sink, (start, end), Entity::URL, -3.4 + log_odds, true);
}

/// One part of a path that may be somebody's: `/jane.doe.5`.
fn is_name(path: &[u8]) -> bool {
    const PLACES: &[&str] = &[
        "pages",
        "groups",
        "events",
        "watch",
        "help",
        "policies",
        "business",
        "legal",
        "login",
        "share",
        "sharer",
        "marketplace",
        "gaming",
        "privacy",
        "settings",
        "plugins",
        "tr",
    ];
    let name = path.strip_prefix(b"/").unwrap_or_default();
    let name = name.strip_suffix(b"/").unwrap_or(name);
    name.len() > 4
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
        && !PLACES.iter().any(|place| place.as_bytes().eq_ignore_ascii_case(name))
}

/// What an address says about its being personal.
fn personal(host: &[u8], rest: &[u8]) -> f32 {
    let holds = |needle: &str| {
        let needle = needle.as_bytes();
        rest.windows(needle.len()).any(|it| it.eq_ignore_ascii_case(needle))
    };
    let profile = |site: &str, path: &str| {
        host.windows(site.len()).any(|it| it.eq_ignore_ascii_case(site.as_bytes()))
            && rest.len() > path.len() + 1
            && holds(path)
    };
    // Where programs and documents live.
    let public = [
        "github",
        "gitlab",
        "bitbucket",
        "sourceforge",
        "docs.",
        "wiki",
        "readthedocs",
        "gnu.org",
        "apache.org",
        "mozilla",
        "w3.org",
        "npmjs",
        "pypi",
        "debian",
        "microsoft",
        "google",
        "python.org",
    ]
    .iter()
    .any(|site| host.windows(site.len()).any(|it| it.eq_ignore_ascii_case(site.as_bytes())));
    let deep = rest.iter().filter(|byte| **byte == b'/').count() > 2;
    let is_profile = profile("linkedin.", "/in/")
        || profile("facebook.", "/profile")
        || host.ends_with(b"facebook.com") && is_name(rest)
        || profile("instagram.", "/") && rest.iter().filter(|byte| **byte == b'/').count() < 3
        || profile("t.me", "/")
        || profile("wa.me", "/");
    let query = rest.contains(&b'?') || rest.contains(&b'&');
    let in_query = query
        && [
            "email=",
            "mail=",
            "name=",
            "phone=",
            "ssn=",
            "user=",
            "username=",
            "password=",
            "passwd=",
        ]
        .iter()
        .any(|it| holds(it));
    if is_profile {
        9.0
    } else if in_query || rest.contains(&b'@') && query {
        // Just likely: where the value itself is found, that says more than the whole.
        3.9
    } else if public || deep {
        -3.0
    } else {
        0.0
    }
}
