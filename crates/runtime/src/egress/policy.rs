//! Where outbound calls may go: the text rules for URLs and the rules for addresses (data-plane
//! reference §10).

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use http::Uri;
use ipnet::IpNet;

use super::address;

/// The longest URL that is accepted, in bytes.
const MAX_URL: usize = 2048;
/// The longest host name (RFC 1035), in bytes.
const MAX_HOST: usize = 253;
/// The longest label of a host name, in bytes.
const MAX_LABEL: usize = 63;
/// The most labels in a host name.
const MAX_LABELS: usize = 10;

/// Names under which clouds and clusters serve credentials to whoever asks from inside.
const METADATA_NAMES: [&str; 10] = [
    "metadata",
    "instance-data",
    "kubernetes",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "instance-data.ec2.internal",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// Suffixes that never name a host of the public internet.
const SPECIAL_SUFFIXES: [&str; 12] = [
    "local",
    "localdomain",
    "localhost",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "test",
    "invalid",
    "onion",
    "home.arpa",
];

/// Decides where outbound calls may go. Public addresses always; private ones only when listed;
/// metadata services never.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    networks: Vec<IpNet>,
    hosts: Vec<String>,
    metadata: bool,
}

/// An entry of the allow-list that is neither an address, a network nor a host name.
#[derive(Debug, thiserror::Error)]
#[error(
    "{entry:?} is neither a network such as 10.0.0.0/8, an address, nor a host name such as \
     llm.internal"
)]
pub struct MalformedAllowList {
    entry: String,
}

/// Why an outbound call may not go where it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Longer than 2048 bytes.
    #[error("the URL is longer than {MAX_URL} characters")]
    TooLong,
    /// Not an absolute URL, or one with characters that URLs do not have.
    #[error("this is not an absolute http or https URL")]
    Malformed,
    /// Neither `http` nor `https`.
    #[error("only http and https URLs can be called")]
    Scheme,
    /// A part behind `#`, which is not sent: whoever wrote it meant something else.
    #[error("a URL that is called has no part behind '#'")]
    Fragment,
    /// A query where paths are to be put behind.
    #[error("a base URL ends with its path: leave out what stands from '?' on")]
    Query,
    /// `.` or `..` in the path, however written.
    #[error("the path must not contain '.' or '..' segments")]
    Climbs,
    /// A user name or password in the URL.
    #[error("a URL must not carry credentials; put them into a virtual key")]
    Credentials,
    /// A host name that is empty, too long, or has other characters than letters, digits, `-`
    /// and `.`; a trailing dot; percent-encoding.
    #[error("the host name is not written as letters, digits, hyphens and single dots")]
    HostName,
    /// More than ten labels.
    #[error("the host name has more than {MAX_LABELS} labels")]
    TooManyLabels,
    /// An IPv4 address in decimal, octal, hexadecimal or short form.
    #[error("IPv4 addresses are written as four decimal numbers")]
    NumericHost,
    /// A name that only means something inside a private network.
    #[error("the host name belongs to private networks; the operator can allow it")]
    SpecialName,
    /// An address that is not public.
    #[error("the address is not a public one; the operator can allow it")]
    PrivateAddress,
    /// A cloud's or cluster's metadata service.
    #[error("metadata services are never called")]
    Metadata,
}

/// A checked host of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host<'a> {
    /// An address, already checked.
    Address(IpAddr),
    /// A name, in any case. Its addresses are yet to be checked.
    Name(&'a str),
}

impl EgressPolicy {
    /// Reads a comma-separated list of networks (`10.0.0.0/8`), addresses and host names that are
    /// exempt from the block on private addresses. A listed name is exempt with whatever addresses
    /// it has; a listed network is exempt under any name that is not special itself. Metadata
    /// services stay blocked in any case.
    pub fn parse(allow: &str) -> Result<Self, MalformedAllowList> {
        let mut policy = Self::default();
        for entry in allow.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let bare = entry.trim_start_matches('[').trim_end_matches(']');
            if let Ok(network) = IpNet::from_str(entry) {
                policy.networks.push(network);
            } else if let Ok(address) = IpAddr::from_str(bare) {
                policy.networks.push(IpNet::from(address));
            } else if check_name(entry).is_ok() {
                policy.hosts.push(entry.to_ascii_lowercase());
            } else {
                return Err(MalformedAllowList { entry: entry.chars().take(80).collect() });
            }
        }
        Ok(policy)
    }

    /// The same, and metadata services too: only for learning who this very process is on its
    /// cloud. Never for an address that somebody else may choose.
    #[must_use]
    pub fn with_metadata(mut self) -> Self {
        self.metadata = true;
        self
    }

    /// Checks the text of a URL that somebody else wrote, before anything is resolved. The
    /// addresses behind its name are checked again whenever a connection is made.
    pub fn check_url(&self, url: &str) -> Result<Uri, Refused> {
        if url.len() > MAX_URL {
            return Err(Refused::TooLong);
        }
        // White space, controls, backslashes and other alphabets: parsers disagree about them.
        if !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(Refused::Malformed);
        }
        if url.contains('#') {
            return Err(Refused::Fragment);
        }
        let uri = Uri::try_from(url).map_err(|_| Refused::Malformed)?;
        self.check_uri(&uri)?;
        let path = uri.path().to_ascii_lowercase().replace("%2e", ".");
        let path = path.replace("%2f", "/").replace("%5c", "/");
        if path.split('/').any(|segment| segment == "." || segment == "..") {
            return Err(Refused::Climbs);
        }
        Ok(uri)
    }

    /// The same for a URL behind which paths are put.
    pub fn check_base(&self, url: &str) -> Result<Uri, Refused> {
        let uri = self.check_url(url)?;
        if uri.query().is_some() { Err(Refused::Query) } else { Ok(uri) }
    }

    /// Checks the scheme and the authority of a URL.
    pub(super) fn check_uri<'a>(&self, uri: &'a Uri) -> Result<Host<'a>, Refused> {
        match uri.scheme_str() {
            Some("http" | "https") => {}
            Some(_) => return Err(Refused::Scheme),
            None => return Err(Refused::Malformed),
        }
        let authority = uri.authority().ok_or(Refused::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(Refused::Credentials);
        }
        let host = authority.host();
        let port = authority.as_str().strip_prefix(host).ok_or(Refused::Malformed)?;
        let port_is_sound = match port.strip_prefix(':') {
            Some(digits) => {
                digits.bytes().all(|b| b.is_ascii_digit())
                    && digits.parse::<u16>().is_ok_and(|port| port != 0)
            }
            None => port.is_empty(),
        };
        if !port_is_sound {
            return Err(Refused::Malformed);
        }
        self.check_host(host)
    }

    fn check_host<'a>(&self, host: &'a str) -> Result<Host<'a>, Refused> {
        if let Some(bracketed) = host.strip_prefix('[') {
            let inner = bracketed.strip_suffix(']').ok_or(Refused::HostName)?;
            let address = Ipv6Addr::from_str(inner).map_err(|_| Refused::HostName)?.into();
            self.check_address(address, host)?;
            return Ok(Host::Address(address));
        }
        check_name(host)?;
        if ends_in_number(host) {
            let address = Ipv4Addr::from_str(host).map_err(|_| Refused::NumericHost)?.into();
            self.check_address(address, host)?;
            return Ok(Host::Address(address));
        }
        if METADATA_NAMES.iter().any(|name| host.eq_ignore_ascii_case(name)) {
            return if self.metadata { Ok(Host::Name(host)) } else { Err(Refused::Metadata) };
        }
        if SPECIAL_SUFFIXES.iter().any(|suffix| is_under(host, suffix)) && !self.lists(host) {
            return Err(Refused::SpecialName);
        }
        Ok(Host::Name(host))
    }

    /// Checks an address that `host` stands for.
    pub(super) fn check_address(&self, address: IpAddr, host: &str) -> Result<(), Refused> {
        if address::is_metadata(address) {
            return if self.metadata { Ok(()) } else { Err(Refused::Metadata) };
        }
        let allowed = address::is_public(address)
            || self.networks.iter().any(|network| network.contains(&address))
            || self.lists(host);
        if allowed { Ok(()) } else { Err(Refused::PrivateAddress) }
    }

    fn lists(&self, host: &str) -> bool {
        self.hosts.iter().any(|listed| listed.eq_ignore_ascii_case(host))
    }
}

fn check_name(host: &str) -> Result<(), Refused> {
    if host.is_empty() || host.len() > MAX_HOST {
        return Err(Refused::HostName);
    }
    let mut labels = 0;
    for label in host.split('.') {
        labels += 1;
        let sound = (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !sound {
            return Err(Refused::HostName);
        }
    }
    if labels > MAX_LABELS { Err(Refused::TooManyLabels) } else { Ok(()) }
}

/// Whether some resolver or URL parser could take the name for an IPv4 address: its last label is
/// a decimal, octal or hexadecimal number.
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    let hexadecimal = last
        .strip_prefix("0x")
        .or_else(|| last.strip_prefix("0X"))
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_under(host: &str, suffix: &str) -> bool {
    let Some(split) = host.len().checked_sub(suffix.len()) else { return false };
    let (front, back) = host.split_at(split);
    back.eq_ignore_ascii_case(suffix) && (front.is_empty() || front.ends_with('.'))
}
