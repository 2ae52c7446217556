//! Codes of banks.

use super::{Recognizer, Site, credential::is_placeholder};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Form, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "SWIFT_BIC",
    group: Group::Financial,
    title: "bank identifier code",
    validator: "country, form (ISO 9362); a label, or an IBAN right before",
    example: "DEUTDEFF500",
    forms: &[Form::new("AAAAAA**", -4.2), Form::new("AAAAAA*****", -4.2)],
    check: |text| super::pass(has_country(text)),
    sites: &[
        Site::Literal(
            &["BIC", "bic", "Bic", "SWIFT", "swift", "Swift", "IBAN", "iban"],
            behind_label,
        ),
        Site::Named(named),
    ],
    labels: "bic, swift, swift code, bic code, swift bic, bic swift, swift bic code, bank identifier \
        code, bank identifier, bic nr, code swift, code bic, codigo swift, codigo bic, swift number, \
        bank code, codice swift, codice bic, swift code bic",
    cues: "iban, bank, banque, banco, banca, wire, transfer",
    ..Recognizer::BLANK
};

/// A code of letters only, behind its label.
fn behind_label(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    if cx.before(at).is_ascii_alphanumeric() {
        return;
    }
    let text = cx.ahead(at, 64);
    let line = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    // `Swift` is also a name and a language.
    let label = cx.run(at, 8, |byte| byte.is_ascii_alphabetic()) - at;
    let plain = text[..label.min(line)].iter().all(u8::is_ascii_uppercase);
    let mut named = plain;
    let mut start = 0;
    for (index, byte) in text[..line].iter().chain(b" ").enumerate() {
        if byte.is_ascii_alphanumeric() {
            continue;
        }
        let word = &text[start..index.max(start)];
        named |= matches!(byte, b':' | b'=' | b'/')
            || word.eq_ignore_ascii_case(b"code")
            || word.eq_ignore_ascii_case(b"bic");
        if matches!(word.len(), 8 | 11)
            && word.iter().all(u8::is_ascii_uppercase)
            && has_country(word)
            && named
            && at + index < at + 64
        {
            cx.offer(sink, (at + start, at + index), Entity::SWIFT_BIC, -4.2, true);
            return;
        }
        start = index + 1;
    }
}

/// A code right behind an IBAN that ends at `end`: `... (COBADEFFXXX)`.
pub(super) fn beside_iban(cx: &Cx<'_>, end: usize, sink: &mut Sink) {
    let start = cx.run(end, 4, |byte| b" ,;/|(-".contains(&byte));
    let stop = cx.run(start, 12, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let code = cx.slice(start, stop);
    if start > end
        && matches!(code.len(), 8 | 11)
        && code[..6].iter().all(u8::is_ascii_uppercase)
        && has_country(code)
        && !cx.at(stop).is_ascii_alphanumeric()
    {
        cx.offer(sink, (start, stop), Entity::SWIFT_BIC, 1.5, true);
    }
}

/// A code of letters only that a key names.
fn named(cx: &Cx<'_>, _: usize, sink: &mut Sink) {
    if !cx.labelled(0).any(|entity| entity == Entity::SWIFT_BIC) {
        return;
    }
    let end = cx.run(0, 12, |byte| byte.is_ascii_uppercase());
    if matches!(end, 8 | 11) && cx.at(end) == 0 && has_country(cx.slice(0, end)) {
        cx.offer(sink, (0, end), Entity::SWIFT_BIC, -4.2, true);
    }
}

fn has_country(text: &[u8]) -> bool {
    if is_placeholder(text) {
        return false;
    }
    let country = &text[4..6];
    let kosovo = country == b"XK";
    kosovo || crate::country::CODES.as_bytes().chunks(3).any(|code| code.starts_with(country))
}
