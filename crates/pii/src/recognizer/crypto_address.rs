//! Addresses of crypto currencies.

use super::{Recognizer, Site};
use crate::{
    Entity,
    check::{base58check, bech32, eip55},
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "CRYPTO_ADDRESS",
    group: Group::Financial,
    title: "crypto currency address",
    validator: "base58check, bech32 and bech32m (BIP 173, 350), EIP-55",
    example: "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    hold: 512,
    sites: &[Site::Word(word)],
    labels: "bitcoin, btc, bitcoin address, btc address, wallet, wallet address, crypto address, \
        crypto wallet, ethereum, eth, eth address, ethereum address, ether, litecoin, ltc, dogecoin, \
        doge, tron, trx, usdt, xrp, ripple, payment address, deposit address, brieftasche, \
        portefeuille, billetera, monedero, portemonnee, carteira, portafoglio, donate, donations",
    cues: "crypto, coin, coins, send, transfer, blockchain, address, token",
    against: "contract, smart contract, transaction hash, tx, txid, block",
    ..Recognizer::BLANK
};

/// The alphabet of base58 as Bitcoin has it.
pub(super) const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";

/// The remainder that marks bech32m.
const BECH32M: u32 = 0x2bc8_30a3;

fn word(cx: &Cx<'_>, (start, end): (usize, usize), sink: &mut Sink) {
    // A sentence may end behind it.
    let mut end = end;
    while end > start && matches!(cx.before(end), b'.' | b'-' | b'_') {
        end -= 1;
    }
    let text = cx.slice(start, end);
    let known = match text {
        [b'0', b'x', digits @ ..]
            if digits.len() == 40 && digits.iter().all(u8::is_ascii_hexdigit) =>
        {
            ethereum(digits)
        }
        [b'b', b'c', b'1', ..] | [b'B', b'C', b'1', ..] | [b'l', b't', b'c', b'1', ..] => {
            (text.len() > 13 && text.len() < 91 && segwit(text)).then_some(5.0)
        }
        [b'1' | b'3' | b'L' | b'M' | b'D' | b'T' | b'A' | b'9', ..]
            if (25..=35).contains(&text.len()) =>
        {
            base58check(text, BITCOIN).and_then(|(payload, length)| version(payload[0], length))
        }
        [b'r', ..] if (25..=35).contains(&text.len()) => {
            base58check(text, RIPPLE).and_then(|(payload, length)| version(payload[0], length))
        }
        _ => None,
    };
    if let Some(log_odds) = known {
        cx.offer(sink, (start, end), Entity::CRYPTO_ADDRESS, log_odds, true);
    }
}

/// Bitcoin, Litecoin, Dogecoin and Tron by their version bytes; Ripple's is 0 in its own alphabet.
fn version(version: u8, length: usize) -> Option<f32> {
    (length == 21 && matches!(version, 0 | 5 | 48 | 50 | 30 | 22 | 65)).then_some(5.0)
}

/// Capitals that fit are proof; one case throughout says nothing.
fn ethereum(digits: &[u8]) -> Option<f32> {
    let upper = digits.iter().any(u8::is_ascii_uppercase);
    let lower = digits.iter().any(u8::is_ascii_lowercase);
    if upper && lower { eip55(digits).then_some(3.5) } else { Some(-1.5) }
}

/// Version 0 goes with bech32, all others with bech32m.
fn segwit(text: &[u8]) -> bool {
    let one = text.iter().position(|byte| *byte == b'1').unwrap_or(0);
    let first = text.get(one + 1).map(u8::to_ascii_lowercase);
    bech32(text) == Some(if first == Some(b'q') { 1 } else { BECH32M })
}
