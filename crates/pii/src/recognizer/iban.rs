//! International bank account numbers.

use super::{ONE_IN_97, Recognizer, Site, swift_bic};
use crate::{
    Entity,
    check::mod97,
    entity::Group,
    scan::{Cx, Run, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "IBAN",
    group: Group::Financial,
    title: "international bank account number",
    validator: "country, length, mod 97 (ISO 13616)",
    example: "GB29 NWBK 6016 1331 9268 19",
    proof: ONE_IN_97,
    sites: &[Site::Number(number)],
    labels: "iban, iban number, iban no, iban code, iban nr, international bank account number",
    cues: "account, bank, bic, swift, transfer, wire, payment, konto, kontonummer, bankverbindung, \
        überweisung, compte, virement, banque, cuenta, transferencia, banco, rekening, overboeking, \
        conta, conto, bonifico, banca, beneficiary",
    ..Recognizer::BLANK
};

/// The length of each country's numbers, from the register of ISO 13616.
const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 \
    DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 \
    HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 \
    MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 \
    SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30";

/// The longest number, letters and digits.
const LONGEST: usize = 34;

fn number(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    if index != run.first {
        return;
    }
    let group = run.groups()[index];
    // `GB29...`, or `GB 29...` with the country apart.
    let apart = index > 0 && group.joined.is_some() && run.groups()[index - 1].len() == 2;
    let start = if group.letters || !apart { group.start } else { run.groups()[index - 1].start };
    let mut text = [0; LONGEST];
    let mut head = start;
    for slot in &mut text[..4] {
        *slot = cx.at(head).to_ascii_uppercase();
        head += 1;
        if head == start + 2 && apart {
            head += 1;
        }
    }
    let formed =
        text[..2].iter().all(u8::is_ascii_uppercase) && text[2..4].iter().all(u8::is_ascii_digit);
    let Some(length) = formed.then(|| length_of(&text[..2])).flatten() else { return };
    let mut filled = 4;
    let mut at = head;
    let mut gaps = 0;
    while filled < length {
        let byte = cx.at(at);
        if byte.is_ascii_alphanumeric() {
            text[filled] = byte.to_ascii_uppercase();
            filled += 1;
        } else if matches!(byte, b' ' | b'-' | b'.') && cx.at(at + 1).is_ascii_alphanumeric() {
            gaps += 1;
        } else {
            return;
        }
        at += 1;
    }
    let rest = &text[4..length];
    let valid = mod97(rest.iter().chain(&text[..4]).copied()) == 1;
    if valid && !cx.at(at).is_ascii_alphanumeric() && gaps < 12 {
        cx.offer(sink, (start, at), Entity::IBAN, 1.0 + ONE_IN_97, true);
        swift_bic::beside_iban(cx, at, sink);
    }
}

fn length_of(country: &[u8]) -> Option<usize> {
    let row = LENGTHS.as_bytes().chunks(5).find(|row| row.starts_with(country))?;
    Some(usize::from(row[2] - b'0') * 10 + usize::from(row[3] - b'0'))
}
