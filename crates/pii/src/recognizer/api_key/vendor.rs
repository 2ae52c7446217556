//! Keys whose makers gave them a form: a prefix, an alphabet, a length, sometimes a checksum.

use crate::{
    check::{base58check, crc32},
    recognizer::crypto_address::BITCOIN,
};

/// The characters of a key behind its prefix.
#[derive(Clone, Copy)]
enum Alphabet {
    Hex,
    Alphanumeric,
    /// Base64 for URLs.
    Url,
    /// The same, in parts joined by points or dashes.
    Parts,
}
use Alphabet::{Alphanumeric, Hex, Parts, Url};

/// Prefix, alphabet, and the least and most characters behind the prefix. Longer prefixes of the same
/// beginning come first. The forms are published by the makers of the keys; gitleaks (MIT) collects
/// them.
const RULES: &[(&str, Alphabet, usize, usize)] = &[
    ("sk-ant-", Url, 40, 140),
    ("sk-proj-", Url, 20, 200),
    ("sk-svcacct-", Url, 20, 200),
    ("sk-admin-", Url, 20, 200),
    ("sk-None-", Url, 20, 200),
    ("sk-or-v1-", Hex, 32, 64),
    ("sk-lf-", Parts, 30, 40),
    ("sk_live_", Alphanumeric, 10, 120),
    ("sk_test_", Alphanumeric, 10, 120),
    ("rk_live_", Alphanumeric, 10, 120),
    ("rk_test_", Alphanumeric, 10, 120),
    ("sk-", Alphanumeric, 20, 64),
    ("whsec_", Alphanumeric, 24, 64),
    ("AIza", Url, 35, 35),
    ("GOCSPX-", Url, 28, 28),
    ("ya29.", Url, 20, 500),
    ("github_pat_", Url, 40, 100),
    ("ghp_", Alphanumeric, 36, 36),
    ("gho_", Alphanumeric, 36, 36),
    ("ghu_", Alphanumeric, 36, 36),
    ("ghs_", Alphanumeric, 36, 36),
    ("ghr_", Alphanumeric, 36, 76),
    ("glpat-", Url, 20, 60),
    ("gldt-", Url, 20, 60),
    ("glrt-", Url, 20, 60),
    ("glptt-", Hex, 40, 40),
    ("xoxb-", Parts, 20, 200),
    ("xoxp-", Parts, 20, 200),
    ("xoxa-", Parts, 20, 200),
    ("xoxr-", Parts, 20, 200),
    ("xoxs-", Parts, 20, 200),
    ("xoxe-", Parts, 20, 200),
    ("xoxe.", Parts, 20, 200),
    ("xapp-", Parts, 20, 200),
    ("SG.", Parts, 60, 70),
    ("SK", Hex, 32, 32),
    ("AC", Hex, 32, 32),
    ("npm_", Alphanumeric, 36, 36),
    ("pypi-AgE", Url, 50, 200),
    ("hf_", Alphanumeric, 30, 40),
    ("api_org_", Alphanumeric, 34, 34),
    ("dop_v1_", Hex, 64, 64),
    ("doo_v1_", Hex, 64, 64),
    ("dor_v1_", Hex, 64, 64),
    ("dapi", Hex, 32, 34),
    ("key-", Hex, 32, 32),
    ("gsk_", Alphanumeric, 40, 60),
    ("xai-", Alphanumeric, 60, 90),
    ("pplx-", Alphanumeric, 40, 60),
    ("r8_", Alphanumeric, 35, 40),
    ("fw_", Alphanumeric, 22, 40),
    ("nvapi-", Url, 60, 70),
    ("csk-", Alphanumeric, 40, 60),
    ("tgp_v1_", Url, 40, 50),
    ("tvly-", Parts, 30, 60),
    ("lsv2_", Parts, 40, 60),
    ("pcsk_", Url, 40, 80),
    ("shpat_", Hex, 32, 32),
    ("shpss_", Hex, 32, 32),
    ("shpca_", Hex, 32, 32),
    ("shppa_", Hex, 32, 32),
    ("sq0atp-", Url, 22, 22),
    ("sq0csp-", Url, 43, 43),
    ("EAAA", Url, 56, 64),
    ("HRKU-", Parts, 36, 70),
    ("lin_api_", Alphanumeric, 40, 40),
    ("ntn_", Alphanumeric, 40, 50),
    ("secret_", Alphanumeric, 43, 43),
    ("figd_", Url, 40, 50),
    ("ATATT3", Url, 100, 200),
    ("ATBB", Alphanumeric, 32, 32),
    ("dp.pt.", Alphanumeric, 40, 44),
    ("hvs.", Url, 24, 200),
    ("hvb.", Url, 100, 300),
    ("pscale_tkn_", Parts, 32, 64),
    ("pscale_pw_", Parts, 32, 64),
    ("PMAK-", Parts, 50, 64),
    ("NRAK-", Alphanumeric, 27, 27),
    ("glsa_", Parts, 41, 41),
    ("glc_", Url, 32, 400),
    ("sntrys_", Parts, 60, 300),
    ("sntryu_", Hex, 64, 64),
    ("sbp_", Hex, 40, 40),
    ("nfp_", Alphanumeric, 36, 40),
    ("rubygems_", Hex, 48, 48),
    ("dckr_pat_", Url, 27, 32),
    ("AGE-SECRET-KEY-1", Alphanumeric, 58, 58),
    ("patt", Alphanumeric, 80, 90),
    ("bkua_", Hex, 40, 40),
    ("CFPAT-", Url, 43, 43),
    ("dt0c01.", Parts, 80, 100),
    ("EZAK", Alphanumeric, 54, 54),
    ("EZTK", Alphanumeric, 54, 54),
    ("AKCp", Alphanumeric, 69, 69),
    ("rzp_live_", Alphanumeric, 14, 14),
    ("rzp_test_", Alphanumeric, 14, 14),
    ("pul-", Hex, 40, 40),
    ("pnu_", Alphanumeric, 36, 36),
    ("xkeysib-", Parts, 80, 82),
    ("shippo_live_", Hex, 40, 40),
    ("shippo_test_", Hex, 40, 40),
    ("tfp_", Parts, 50, 70),
    ("fm2_", Url, 60, 500),
    ("pck_", Parts, 24, 100),
];

/// Whether a word is such a key: the log odds, and whether a checksum agreed. `None` if it is none.
pub(super) fn known(word: &[u8]) -> Option<(f32, bool)> {
    if discord(word) {
        return Some((1.5, false));
    }
    if mailchimp(word) {
        return Some((3.5, false));
    }
    if is_wallet_key(word) {
        return Some((6.0, true));
    }
    let (prefix, ..) = RULES.iter().find_map(|(prefix, alphabet, least, most)| {
        let rest = word.strip_prefix(prefix.as_bytes())?;
        let fits =
            (*least..=*most).contains(&rest.len()) && rest.iter().all(|byte| alphabet.has(*byte));
        fits.then_some((prefix, rest))
    })?;
    let rest = &word[prefix.len()..];
    if !is_random(rest) {
        return None;
    }
    let tail = matches!(*prefix, "ghp_" | "gho_" | "ghu_" | "ghs_" | "npm_");
    match tail.then(|| checksum(rest)) {
        Some(true) => Some((6.0, true)),
        Some(false) => Some((2.0, false)),
        None if prefix.len() < 4 && matches!(*prefix, "SK" | "AC") => Some((0.5, false)),
        None => Some((3.5, false)),
    }
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Parts => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
        }
    }
}

/// A bot's token: its id, a time and a signature.
fn discord(word: &[u8]) -> bool {
    let mut parts = word.split(|byte| *byte == b'.');
    let (Some(id), Some(time), Some(sign), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    matches!(id.first(), Some(b'M' | b'N' | b'O'))
        && (23..=28).contains(&id.len())
        && time.len() == 6
        && (27..=38).contains(&sign.len())
        && is_random(id)
        && is_random(sign)
}

/// A key of Mailchimp: 32 hexadecimal digits and where its data lie, `-us12`.
fn mailchimp(word: &[u8]) -> bool {
    let place = word.get(32..).and_then(|it| it.strip_prefix(b"-us")).unwrap_or_default();
    (1..=2).contains(&place.len())
        && place.iter().all(u8::is_ascii_digit)
        && word[..32].iter().all(u8::is_ascii_hexdigit)
        && is_random(&word[..32])
}

/// The private key of a wallet of Bitcoin, for import: base58check, version 128.
fn is_wallet_key(word: &[u8]) -> bool {
    matches!((word.first(), word.len()), (Some(b'5'), 51) | (Some(b'K' | b'L'), 52))
        && base58check(word, BITCOIN)
            .is_some_and(|(payload, length)| payload[0] == 128 && matches!(length, 33 | 34))
}

/// Whether a text looks drawn by lot: a placeholder repeats itself, a name has no digits.
pub(in crate::recognizer) fn is_random(text: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in text {
        seen[usize::from(*byte)] = true;
    }
    let distinct = seen.iter().filter(|it| **it).count();
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let both = text.iter().any(u8::is_ascii_uppercase) && text.iter().any(u8::is_ascii_lowercase);
    let mixed = digits > 0 && digits < text.len() || both && distinct > 13;
    mixed && distinct >= (text.len() / 3).clamp(5, 10)
}

/// The last six characters are the CRC-32 of the others in base 62.
fn checksum(text: &[u8]) -> bool {
    const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let (body, tail) = text.split_at(text.len() - 6);
    let mut sum = crc32(body);
    tail.iter().rev().all(|byte| {
        let digit = BASE62[(sum % 62) as usize];
        sum /= 62;
        digit == *byte
    })
}
