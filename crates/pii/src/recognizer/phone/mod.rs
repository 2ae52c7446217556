//! Telephone numbers, international and national.

mod plan;
mod read;

use self::read::Reading;
use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Run, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "PHONE",
    group: Group::Contact,
    title: "telephone number",
    validator: "numbering plans (ITU-T E.164): calling code, length, first digits, grouping",
    example: "+1 415 555 0132",
    sites: &[Site::Number(number)],
    labels: "phone, phone number, phone no, phone nr, telephone, telephone number, tel, tel no, mobile, \
        mobile number, mobile no, mobile phone, cell, cell phone, cell number, cellphone, home phone, \
        work phone, fax, fax number, whatsapp, whats app, signal, contact number, contact no, landline, hotline, \
        call me, call us, call him, call her, call them, call at, call back, callback, ring me, \
        text me, reach me, reach us, reach him, reach her, reached at, dial, phone me, sms, \
        telefon, telefonnummer, telefonnr, tel nr, handy, handynummer, handynr, mobil, mobilnummer, \
        mobiltelefon, festnetz, rufnummer, rückrufnummer, durchwahl, telefax, ruf, rufen sie, \
        erreichbar unter, anrufen, telephone portable, portable, numero de telephone, fixe, \
        appelez, appelle moi, appeler, joignable, telecopie, num tel, telefono, numero de telefono, \
        movil, numero de movil, celular, numero de celular, fijo, llamar, llamame, llame, \
        telefoonnummer, telefoon, mobiel, mobiele nummer, gsm, gsm nummer, 06 nummer, bel me, bellen, \
        bereikbaar, vast nummer, telefone, telemovel, telemóvel, numero de telefone, ligue, \
        ligar, fone, contacto telefonico, cellulare, numero di telefono, numero di cellulare, \
        chiamare, chiamami, chiami, recapito telefonico, fisso, номер телефона, телефон, тел, 電話, 电话, \
        電話番号, 手机, 휴대폰, 전화번호",
    cues: "call, contact, reach, ring, text, message, voicemail, emergency contact, reachable, kontakt, \
        contacto, contatto, contato, appel, numero, number, registered, extension, ext, anruf, \
        messages, emergency, urgence, notfall, phones, telephones, us at, me at, me on",
    against: "fiscal, isbn, imei, iban, account, account number, card, passport, ssn, vat, licence plate",
    ..Recognizer::BLANK
};

fn number(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    let first = run.groups()[index];
    // Digits only, from the first group on: `A123` is no telephone number.
    if first.letters
        || index == run.first && index > 0 && first.joined.is_some_and(|it| it.is_tight())
    {
        return;
    }
    let Some(reading) = Reading::at(cx, first.start, false) else { return };
    // A part of a longer row of numbers.
    let doubt = match index.checked_sub(1).map(|index| run.groups()[index]) {
        Some(before) if before.digits && before.len() == first.len() => -4.0,
        Some(before) if before.digits => -1.5,
        _ => 0.0,
    };
    let mut found = offer(cx, &reading, doubt, sink);
    // `030 1234567/0171 1234567`: two numbers.
    while let Some(end) = found.filter(|end| cx.at(*end) == b'/') {
        found = Reading::at(cx, end + 1, true).and_then(|it| offer(cx, &it, 0.0, sink));
    }
}

/// Offers a number; returns where it ends, if it is likely one.
fn offer(cx: &Cx<'_>, reading: &Reading, doubt: f32, sink: &mut Sink) -> Option<usize> {
    let (end, log_odds) = reading.end()?;
    let cut = cx.at(end) == b' ' && cx.at(end + 1).is_ascii_digit();
    let log_odds = log_odds + doubt - f32::from(u8::from(cut));
    let end = extension(cx, end);
    let log_odds = cx.offer(sink, (reading.start, end), Entity::PHONE, log_odds, true);
    (log_odds > 0.0).then_some(end)
}

/// Where an extension behind a number ends: `x12`, `ext. 345`.
fn extension(cx: &Cx<'_>, end: usize) -> usize {
    let mut at = cx.run(end, 2, |byte| matches!(byte, b' ' | b','));
    let word = ["extension", "ext.", "ext", "x"].into_iter().find(|word| cx.goes_on(at, word));
    let Some(word) = word else { return end };
    at = cx.run(at + word.len(), 2, |byte| matches!(byte, b' ' | b'.' | b':'));
    let stop = cx.run(at, 6, |byte| byte.is_ascii_digit());
    if stop > at && !cx.at(stop).is_ascii_alphanumeric() { stop } else { end }
}
