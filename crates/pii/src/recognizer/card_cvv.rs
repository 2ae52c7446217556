//! Verification values of payment cards.

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Run, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "CARD_CVV",
    group: Group::Financial,
    title: "card verification value",
    validator: "three or four digits behind their label",
    example: "cvv 123",
    sites: &[Site::Number(number)],
    labels: "cvv, cvc, cvv2, cvc2, cvv code, cvc code, cvv number, csc, cid, card verification, \
        card verification value, card verification code, card security code, verification value, \
        kartenprüfnummer, prüfnummer, prüfziffer, kpn, sicherheitscode, code de securite, cryptogramme, \
        cryptogramme visuel, codigo de seguridad, codigo de verificacion, codigo cvv, \
        beveiligingscode, veiligheidscode, codigo de seguranca, codice di sicurezza, codice cvv",
    cues: "card, security code, visa, mastercard, amex, expires, expiry, exp, karte, carte, tarjeta, \
        kaart, cartao, carta",
    ..Recognizer::BLANK
};

fn number(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    let group = run.groups()[index];
    let alone =
        run.groups().get(index + 1).is_none_or(|next| !next.joined.is_some_and(|it| it.is_tight()));
    if matches!(group.len(), 3 | 4)
        && !group.letters
        && alone
        && !matches!(cx.at(group.end), b'%' | b',')
    {
        cx.offer(sink, (group.start, group.end), Entity::CARD_CVV, -4.6, false);
    }
}
