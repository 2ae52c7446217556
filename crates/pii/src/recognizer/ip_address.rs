//! Internet addresses.

use super::{Recognizer, Site};
use crate::{
    Entity,
    check::digits,
    entity::Group,
    scan::{Cx, Run, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "IP_ADDRESS",
    group: Group::Network,
    title: "IP address",
    validator: "parser (RFC 791, 4291, 5952); loopback, link-local, masks and public resolvers score near 0",
    example: "203.0.113.7",
    sites: &[Site::Number(four), Site::Colon(six)],
    labels: "ip, ip address, ip addr, ipaddress, ipv4, ipv6, client ip, remote ip, source ip, remote addr, \
        host, src, dst, ip adresse, adresse ip, direccion ip, ip adres, endereco ip, indirizzo ip",
    cues: "login, logged, address, from, server, connect, ssh, ping, request, client, visitor, subnet",
    against: "version, ver, v, build, release, upgrade, upgraded, upgrading, upgrades, update, updated, \
        downgrade, downgraded, bump, bumps, bumped, patch, migrate, install, installed, ec, section, firmware, oid, chapter, clause, dns server",
    ..Recognizer::BLANK
};

/// `203.0.113.7`, with a prefix length or a port behind it perhaps.
fn four(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    let start = run.groups()[index].start;
    if matches!(cx.before(start), b'.' | b'-' | b'_') || cx.before(start).is_ascii_alphanumeric() {
        return;
    }
    let mut parts = [0; 4];
    let mut at = start;
    for (place, part) in parts.iter_mut().enumerate() {
        if place > 0 {
            if cx.at(at) != b'.' {
                return;
            }
            at += 1;
        }
        let end = cx.run(at, 4, |byte| byte.is_ascii_digit());
        let text = cx.slice(at, end);
        if text.is_empty()
            || text.len() > 3
            || text.len() > 1 && text[0] == b'0'
            || digits(text) > 255
        {
            return;
        }
        *part = digits(text);
        at = end;
    }
    let next = cx.at(at);
    let longer =
        next == b'.' && cx.at(at + 1).is_ascii_alphanumeric() && cx.at(at + 1).is_ascii_digit()
            || next == b'-' && cx.at(at + 1).is_ascii_alphanumeric()
            || next == b'_'
            || next.is_ascii_alphabetic();
    let nobody = match parts {
        [0 | 127 | 255, ..] | [169, 254, ..] => true,
        // Resolvers that every manual names.
        [8, 8, 8, 8] | [8, 8, 4, 4] | [1, 1, 1, 1] | [1, 0, 0, 1] | [9, 9, 9, 9] => true,
        _ => false,
    };
    if longer {
        return;
    }
    // A network is nobody's address, and between other decimals a path of a drawing goes on.
    let network = next == b'/' && cx.at(at + 1).is_ascii_digit() && parts[3] == 0;
    let before = cx.before(start) == b' ' && cx.before(start - 1).is_ascii_digit();
    let behind =
        matches!(next, b' ' | b',') && (cx.at(at + 1).is_ascii_digit() || cx.at(at + 1) == b'.');
    if network || before && behind {
        return;
    }
    // Four small numbers are more often a version or a section.
    let tiny = parts.iter().filter(|part| **part < 10).count();
    let small = parts.iter().all(|part| *part < if tiny > 1 { 100 } else { 20 });
    if small && is_changed(cx, at) {
        return;
    }
    let prior = match (nobody, small) {
        // Only a threshold far below the usual lets it through.
        (true, _) => -9.0,
        (false, true) => -1.5,
        (false, false) => 2.0,
    };
    cx.offer(sink, (start, at), Entity::IP_ADDRESS, prior, true);
}

/// Whether another version follows: `1.2.3.4 to 1.3`, `1.2.3.4 -> 1.3`.
fn is_changed(cx: &Cx<'_>, end: usize) -> bool {
    let to = [" to ", " -> ", " => ", " → "].into_iter().find(|to| cx.goes_on(end, to));
    to.is_some_and(|to| {
        let next = end + to.len();
        cx.at(next + usize::from(cx.at(next) == b'v')).is_ascii_digit()
    })
}

/// An address of version 6 around a colon. Only the first colon of an address is asked.
fn six(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let is = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
    let start = cx.run_back(at, 5, |byte| byte.is_ascii_hexdigit());
    if at - start > 4
        || cx.before(start).is_ascii_alphanumeric()
        || matches!(cx.before(start), b':' | b'.' | b'_' | b'-')
    {
        return;
    }
    // `::1` starts at its colon, `std::x` does not.
    let end = cx.run(at, 48, is);
    let text = cx.slice(start, end);
    let mut end = end;
    let dotted = cx.at(end) == b'.';
    if dotted {
        end = cx.run(end, 16, |byte| byte.is_ascii_digit() || byte == b'.');
    }
    if cx.at(end).is_ascii_alphanumeric() || cx.at(end) == b'_' || text.len() < 4 {
        return;
    }
    let parsed = std::str::from_utf8(cx.slice(start, end))
        .ok()
        .and_then(|it| it.parse::<std::net::Ipv6Addr>().ok());
    let Some(address) = parsed else { return };
    let digits = text.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    let mapped = address.to_ipv4_mapped().is_some_and(|it| it.is_loopback() || it.is_unspecified());
    let network = cx.at(end) == b'/' && text.ends_with(b"::");
    if address.is_loopback() || address.is_unspecified() || mapped || network || digits < 4 {
        return;
    }
    // `Add::add` is a path in a program.
    let decimal = text.iter().any(u8::is_ascii_digit);
    let groups = text.split(|byte| *byte == b':').filter(|group| !group.is_empty()).count();
    let prior = match (decimal, groups) {
        (false, _) => return,
        (_, ..=2) => -1.5,
        _ if digits > 7 => 3.0,
        _ => 0.5,
    };
    cx.offer(sink, (start, end), Entity::IP_ADDRESS, prior, true);
}
