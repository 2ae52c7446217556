//! Postal addresses, by grammar: a house number with the name and type of its street, in the orders
//! and words of many countries, and what follows it.

mod lexicon;
mod street;
mod tail;

use super::{Recognizer, Site};
use crate::{
    Entity,
    context::lexicon::lexicon,
    entity::Group,
    scan::{Cx, Run, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "ADDRESS",
    group: Group::Location,
    title: "postal address",
    validator: "grammar: number, street and its type, unit, town, region, post code",
    example: "742 Evergreen Terrace, Springfield, OR 97477",
    hold: 1024,
    sites: &[Site::Number(number)],
    labels: "address, street address, home address, mailing address, postal address, billing \
        address, shipping address, delivery address, residential address, work address, office \
        address, addr, lives at, live at, lived at, living at, resides at, residing at, reside \
        at, residence, located at, located on, offices at, ship to, deliver to, delivered to, \
        deliver it to, mail to, return to, zip code, zip, zipcode, postal code, postcode, post \
        code, adresse, anschrift, wohnadresse, postanschrift, lieferadresse, rechnungsadresse, \
        wohnhaft, wohnhaft in, plz, postleitzahl, adresse postale, domicile, domicilie, \
        domiciliee, demeurant, code postal, direccion, domicilio, domiciliado en, codigo postal, \
        adres, woonadres, woonachtig, woont op, woonachtig te, endereco, endereço, morada, moro \
        na, mora na, cep, indirizzo, residente in, abita in, abito in, residenza, 住所, 地址, 주소, \
        адрес, проживает, location, lives on, once lived, delivery to",
    cues: "house, apartment, flat, office, building, street, corner, restaurant, station, hotel, \
        haus, wohnung, maison, casa, piso, appartement, apartamento, living, neighbour, \
        neighbor, arrived, parcel, letter, driver, habite, habite au, live in, meet at, meet me \
        at, moved to, moving to, residente, send it to, sent to, vive en, vivo en, wohne in, \
        wohnt in",
    against: "ip address, mac address, email address, memory address, web address, bitcoin address, wallet address",
    ..Recognizer::BLANK
};

fn number(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    let group = run.groups()[index];
    let text = cx.slice(group.start, group.end);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // A house number, with a letter perhaps.
    let short = (1..=6).contains(&digits) && text.len() <= digits + 1;
    let before = cx.before(group.start);
    if !short
        || matches!(before, b'$' | b'.' | b':' | b'_' | b'%' | b'=')
        || cx.at(group.end) == b'%'
    {
        return;
    }
    let end = if text.len() > digits { group.end } else { group.start + digits };
    if let Some(house) = street::house(cx, group.start, end) {
        let tail = tail::extend(cx, house.end.max(group.end));
        let log_odds = house.log_odds + tail.log_odds;
        cx.offer(sink, (house.start, tail.end), Entity::ADDRESS, log_odds, tail.log_odds > 0.0);
        return;
    }
    if let Some(house) = street::plain(cx, group.start, end) {
        let tail = tail::extend(cx, house.end);
        let named = cx.labelled(house.start).any(|it| it == Entity::ADDRESS);
        if tail.whole || named {
            let log_odds = if tail.whole { house.log_odds + tail.log_odds } else { -4.8 };
            cx.offer(sink, (house.start, tail.end), Entity::ADDRESS, log_odds, tail.whole);
            return;
        }
    }
    post_code(cx, run, index, sink);
}

/// The labels that name a post code.
const POST_CODE_LABELS: &[&str] = &[
    "zip",
    "zip code",
    "zipcode",
    "postal code",
    "postcode",
    "post code",
    "plz",
    "postleitzahl",
    "code postal",
    "codigo postal",
    "cep",
];

/// A post code alone, behind its label.
fn post_code(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    if !cx.labelled(run.groups()[index].start).any(|it| it == Entity::ADDRESS) || index != run.first
    {
        return;
    }
    let groups = run.groups();
    let first = if index > 0 && groups[index].joined.is_some() && groups[index - 1].len() < 3 {
        index - 1
    } else {
        index
    };
    let mut end = groups[index].end;
    let mut length = end - groups[index].start;
    for group in &groups[index + 1..] {
        if length + group.len() > 9 || group.letters && !group.digits && group.len() > 2 {
            break;
        }
        length += group.len();
        end = group.end;
    }
    let span = (groups[first].start, end);
    let label = cx.evidence(span, Entity::ADDRESS, -4.6).phrase;
    let label = label.map_or("", |phrase| lexicon().phrase(phrase));
    if (3..=9).contains(&length) && POST_CODE_LABELS.contains(&label) {
        cx.offer(sink, span, Entity::ADDRESS, -4.6, false);
    }
}
