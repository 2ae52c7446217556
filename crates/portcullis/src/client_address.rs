//! The address that a request came from, behind proxies.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::HeaderMap;
use portcullis_domain::AddressRange;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Proxies whose word on where a request came from is taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(Arc<[AddressRange]>);

impl TrustedProxies {
    /// Networks and addresses, comma-separated. The error names the one that is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let ranges = names.map(|name| {
            let range = AddressRange::parse(name);
            range.map_err(|error| format!("'{name}': {error}"))
        });
        Ok(Self(ranges.collect::<Result<_, _>>()?))
    }

    /// Who sent a request that came from `peer`. Each proxy writes whom it got the request from
    /// behind what it was told, so `X-Forwarded-For` is read from its end, as far as trusted
    /// proxies wrote it: what stands before that, anybody may have made up.
    pub(crate) fn client(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        if self.0.is_empty() || !self.trusts(peer) {
            return peer;
        }
        let mut client = peer;
        let lines = headers.get_all(FORWARDED_FOR).iter();
        let lines: Vec<&str> = lines.map(|line| line.to_str().unwrap_or_default()).collect();
        for hop in lines.iter().flat_map(|line| line.split(',')).rev() {
            let Some(address) = address(hop.trim()) else { break };
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.holds(address))
    }
}

/// An address, with or without a port behind it.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.parse::<IpAddr>().ok();
    plain.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_wrote_is_believed() {
        let proxies = TrustedProxies::parse("10.0.0.0/8, fd00::/8").unwrap();
        let client = |proxies: &TrustedProxies, peer: &str, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            proxies.client(&headers, peer.parse().unwrap()).to_string()
        };
        for (peer, lines, expected) in [
            ("10.0.0.1", &["192.0.2.7"] as &[&str], "192.0.2.7"),
            ("::ffff:10.0.0.1", &["192.0.2.7"], "192.0.2.7"),
            ("fd00::1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("10.0.0.1", &["192.0.2.7:4711"], "192.0.2.7"),
            // Through two proxies, in one line and in two.
            ("10.0.0.1", &["192.0.2.7, 10.0.0.2"], "192.0.2.7"),
            ("10.0.0.1", &["192.0.2.7", "10.0.0.2"], "192.0.2.7"),
            // What the client made up.
            ("10.0.0.1", &["127.0.0.1, 192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["127.0.0.1", "192.0.2.7, 10.0.0.2"], "192.0.2.7"),
            ("192.0.2.7", &["127.0.0.1"], "192.0.2.7"),
            // Nothing that could be read.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["127.0.0.1, nonsense, 10.0.0.2"], "10.0.0.2"),
        ] {
            assert_eq!(client(&proxies, peer, lines), expected, "{peer}: {lines:?}");
        }
        assert_eq!(client(&TrustedProxies::default(), "10.0.0.1", &["192.0.2.7"]), "10.0.0.1");
        assert!(TrustedProxies::parse("10.0.0.0/8,x").unwrap_err().contains("'x'"));
    }
}
