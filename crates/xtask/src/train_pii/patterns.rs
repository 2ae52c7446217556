//! A rough stand-in for the pattern layer: what of a text it would claim. Training needs the borders
//! of e-mail addresses, links and numbers, not their validity.

use std::ops::Range;

/// Sorted, disjoint byte ranges.
pub(crate) fn claims(text: &str) -> Vec<Range<usize>> {
    let mut claims = Vec::new();
    let mut at = 0;
    for chunk in text.split_inclusive(char::is_whitespace) {
        let word = chunk.trim_end();
        let start = at;
        at += chunk.len();
        let inner = word.trim_matches(|c: char| {
            matches!(
                c,
                '<' | '>'
                    | '('
                    | ')'
                    | '['
                    | ']'
                    | ','
                    | ';'
                    | '"'
                    | '\''
                    | '.'
                    | ':'
                    | '!'
                    | '?'
                    | '|'
                    | '`'
                    | '*'
                    | '{'
                    | '}'
            )
        });
        let offset = start + (inner.as_ptr() as usize - word.as_ptr() as usize);
        let link = inner.find("://").map(|scheme| {
            inner[..scheme].rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |before| before + 1)
        });
        if let Some(from) = link {
            claims.push(offset + from..offset + inner.len());
        } else if inner.starts_with("www.") {
            claims.push(offset..offset + inner.len());
        } else if let Some(at_sign) = inner.find('@')
            && at_sign > 0
            && inner[at_sign..].contains('.')
        {
            let from =
                inner[..at_sign].rfind(['"', '<', ':', '=', '(']).map_or(0, |before| before + 1);
            if from < at_sign {
                claims.push(offset + from..offset + inner.len());
            }
        } else if inner.len() >= 7
            && inner.bytes().filter(u8::is_ascii_digit).count() * 2 > inner.len()
            && inner
                .bytes()
                .all(|b| b.is_ascii_hexdigit() || matches!(b, b'-' | b'+' | b'.' | b'/'))
        {
            claims.push(offset..offset + inner.len());
        }
    }
    claims
}
