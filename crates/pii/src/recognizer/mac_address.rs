//! Addresses of network cards.

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Run, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "MAC_ADDRESS",
    group: Group::Network,
    title: "MAC address",
    validator: "six octets, one kind of separator; not all zero or all ones",
    example: "00:1A:2B:3C:4D:5E",
    sites: &[Site::Colon(colon), Site::Number(number)],
    labels: "mac, mac address, mac addr, hardware address, hwaddr, ethernet address, physical address, \
        wifi mac, mac adresse, adresse mac, direccion mac, mac adres, endereco mac, indirizzo mac, ether",
    cues: "device, network, interface, wifi, bluetooth, router",
    against: "fingerprint, sha, key",
    ..Recognizer::BLANK
};

fn colon(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    if at >= 2 {
        octets(cx, at - 2, b':', 2, sink);
    }
}

/// With dashes, or in Cisco's three groups of four: found at a digit.
fn number(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    if index != run.first {
        return;
    }
    let start = cx.run_back(run.groups()[index].start, 17, |byte| {
        byte.is_ascii_hexdigit() || byte == b'-' || byte == b'.'
    });
    octets(cx, start, b'-', 2, sink);
    octets(cx, start, b'.', 4, sink);
}

fn octets(cx: &Cx<'_>, start: usize, separator: u8, width: usize, sink: &mut Sink) {
    let before = cx.before(start);
    if before.is_ascii_alphanumeric()
        || matches!(before, b':' | b'-' | b'_' | b'.') && before == separator
    {
        return;
    }
    let groups = 12 / width;
    let end = start + 12 + groups - 1;
    let formed = (start..end).enumerate().all(|(place, at)| {
        let byte = cx.at(at);
        if place % (width + 1) == width { byte == separator } else { byte.is_ascii_hexdigit() }
    });
    let next = if formed { cx.at(end) } else { return };
    let more = next.is_ascii_alphanumeric()
        || next == b'_'
        || next == separator && cx.at(end + 1).is_ascii_hexdigit();
    let text = cx.slice(start, end);
    let flat = |byte: u8| text.iter().all(|it| *it == separator || it.eq_ignore_ascii_case(&byte));
    if !more && !flat(b'0') && !flat(b'f') {
        let prior = match separator {
            b':' => 3.0,
            b'-' => 2.0,
            _ => 0.5,
        };
        cx.offer(sink, (start, end), Entity::MAC_ADDRESS, prior, true);
    }
}
