//! Expiry dates of payment cards.

use super::{Recognizer, Site};
use crate::{
    Entity,
    check::digits,
    entity::Group,
    scan::{Cx, Run, Separator, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "CARD_EXPIRY",
    group: Group::Financial,
    title: "expiry date of a payment card",
    validator: "month and year behind their label or beside a card",
    example: "exp 09/27",
    sites: &[Site::Number(number)],
    labels: "exp, exp date, expiry, expiry date, expires, expiration, expiration date, card expiry, \
        card expiration, valid thru, valid through, valid until, good thru, expiring, gültig bis, \
        ablaufdatum, gültigkeit, verfallsdatum, expire, expire le, date d expiration, expiration le, \
        valable jusqu, fecha de caducidad, caducidad, caduca, vencimiento, fecha de vencimiento, vence, \
        valida hasta, vervaldatum, geldig tot, verloopt, validade, data de validade, valido ate, \
        scadenza, data di scadenza, valida fino",
    cues: "card, cvv, cvc, visa, mastercard, amex, credit card, debit card, karte, kreditkarte, carte, \
        tarjeta, kaart, creditcard, cartao, carta",
    against: "passport, visa application, warranty, license, certificate, domain, food",
    ..Recognizer::BLANK
};

fn number(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    let groups = run.groups();
    let (month, Some(year)) = (groups[index], groups.get(index + 1)) else { return };
    let slash = matches!(year.joined, Some(Separator::One(b'/' | b'-')));
    let tight =
        |at: usize| groups.get(at).is_some_and(|it| it.joined.is_some_and(Separator::is_tight));
    if month.letters || year.letters || !slash || month.len() > 2 || tight(index + 2) {
        return;
    }
    let (month_number, text) =
        (digits(cx.slice(month.start, month.end)), cx.slice(year.start, year.end));
    let plausible = match text.len() {
        2 => (15..=45).contains(&digits(text)),
        4 => (2015..=2045).contains(&digits(text)),
        _ => false,
    };
    if (1..=12).contains(&month_number) && plausible {
        cx.offer(sink, (month.start, year.end), Entity::CARD_EXPIRY, -3.6, false);
    }
}
