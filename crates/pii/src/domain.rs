//! Domain names.

use std::{collections::HashSet, sync::LazyLock};

use crate::scan::Cx;

/// The top-level domains of the root zone, with those of other alphabets in both spellings.
static TOP_LEVEL: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("../data/tlds.txt").lines().collect());

/// The longest domain name, bytes (RFC 1035).
const LONGEST: usize = 253;

/// Whether this is a top-level domain, in any case.
pub(crate) fn is_top_level(label: &[u8]) -> bool {
    let mut lower = [0; 24];
    let Some(lower) = lower.get_mut(..label.len()) else { return false };
    for (to, from) in lower.iter_mut().zip(label) {
        *to = from.to_ascii_lowercase();
    }
    // Reserved for examples (RFC 2606), which people fill with real names.
    std::str::from_utf8(lower).is_ok_and(|label| label == "example" || TOP_LEVEL.contains(label))
}

/// The domain name at `start`: where it ends. It has two labels at least, and the last is a
/// top-level domain; what follows that in the same word is not part of it.
pub(crate) fn end(cx: &Cx<'_>, start: usize) -> Option<usize> {
    let mut best = None;
    let mut label = start;
    let mut labels = 0;
    loop {
        let stop = cx.run(label, 64, is_label_byte);
        let text = cx.slice(label, stop);
        if text.is_empty() || text[0] == b'-' || stop - start > LONGEST {
            break;
        }
        labels += 1;
        let mut whole = text.len();
        while whole > 0 && text[whole - 1] == b'-' {
            whole -= 1;
        }
        if labels > 1 && is_top_level(&text[..whole]) {
            best = Some(label + whole);
        }
        if cx.at(stop) != b'.' {
            break;
        }
        label = stop + 1;
    }
    best
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 0x80
}

/// Whether a domain is that of a well-known provider of mailboxes.
pub(crate) fn is_mail_provider(domain: &[u8]) -> bool {
    const PROVIDERS: &[&str] = &[
        "gmail",
        "googlemail",
        "yahoo",
        "ymail",
        "hotmail",
        "outlook",
        "live",
        "msn",
        "icloud",
        "aol",
        "protonmail",
        "proton",
        "gmx",
        "web",
        "t-online",
        "orange",
        "wanadoo",
        "free",
        "laposte",
        "libero",
        "yandex",
        "mail",
        "fastmail",
        "zoho",
        "qq",
        "163",
        "uol",
        "terra",
        "ziggo",
        "telenet",
        "skynet",
        "bluewin",
    ];
    let name = domain.split(|byte| *byte == b'.').next().unwrap_or_default();
    PROVIDERS.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(name))
}
