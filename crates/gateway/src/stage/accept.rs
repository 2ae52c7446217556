//! accept → [`Accepted`]: the call gets an id, and the snapshot is pinned for its length.

use std::{net::IpAddr, sync::Arc};

use http::{Method, Uri, Version, request};
use percent_encoding::percent_decode_str;
use portcullis_domain::{ApiKeyToken, CallId, Fault, FaultKind, Id, Snapshot, Timestamp};
use portcullis_providers::Endpoint;

use crate::{Parts, client_headers::ClientHeaders, stage::realtime, trace::Trace};

/// A call whose head was understood. Its body has not been read.
pub(crate) struct Accepted {
    pub(crate) id: CallId,
    pub(crate) at: Timestamp,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) endpoint: Endpoint,
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) uri: Uri,
    pub(crate) headers: ClientHeaders,
    pub(crate) peer: IpAddr,
    pub(crate) trace: Trace,
}

pub(crate) fn accept(parts: &Parts, head: request::Parts, peer: IpAddr) -> Box<Accepted> {
    let at = parts.clock.now();
    let id = Id::mint_at(at, &*parts.dice);
    let endpoint = Endpoint::of(&head.method, below_version(&head.uri));
    let mut headers = head.headers;
    if endpoint == Endpoint::Realtime {
        realtime::lift_key(&mut headers);
    }
    let headers = ClientHeaders::new(headers);
    let trace = Trace::of(&head.method, &head.uri, &headers, id, &*parts.dice);
    // Boxed, as what goes through every stage is.
    Box::new(Accepted {
        id,
        at,
        snapshot: parts.live.current(),
        endpoint,
        method: head.method,
        version: head.version,
        trace,
        uri: head.uri,
        headers,
        peer,
    })
}

/// The path after `/v1`.
fn below_version(uri: &Uri) -> &str {
    uri.path().strip_prefix("/v1").unwrap_or_default()
}

impl Accepted {
    /// The path after `/v1`.
    pub(crate) fn path(&self) -> &str {
        below_version(&self.uri)
    }

    /// The query, without `?`.
    pub(crate) fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// Refuses paths, queries and methods that must not be appended to a provider's base URL: a path
    /// that climbs would reach other parts of the provider with our credential, one with an empty
    /// segment is an endpoint to some servers and an unknown path to us, and a query with a key of
    /// ours would show it to the provider.
    pub(crate) fn check_path(&self) -> Result<(), Fault> {
        if !self.path().starts_with('/') {
            let text = "there is nothing at this path: the data plane is below /v1/";
            return Err(Fault::client(FaultKind::RouteUnknown, text));
        }
        let method = &self.method;
        if self.query().is_some_and(names_own_key) {
            let text = "the query holds one of the gateway's own keys, which no provider may see: \
                        send it as a header";
            return Err(Fault::client(FaultKind::BadRequest, text));
        }
        if is_plain(self.path()) && matches!(*method, Method::GET | Method::POST) {
            return Ok(());
        }
        let decoded = percent_decode_str(self.path()).decode_utf8();
        let plain = decoded.as_ref().is_ok_and(|path| {
            !path.contains(['\\', '\0', '\r', '\n'])
                && !path.contains("//")
                && path.split('/').all(|segment| segment != "." && segment != "..")
        });
        if !plain {
            let text = "the path must not contain empty, '.' or '..' segments, backslashes or \
                        control characters";
            return Err(Fault::client(FaultKind::BadRequest, text));
        }
        if hides(self.path()) {
            let text = "the path must not encode letters, digits, '-', '.', '_', '~' or slashes: \
                        write them plainly";
            return Err(Fault::client(FaultKind::BadRequest, text));
        }
        if [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD]
            .contains(method)
        {
            Ok(())
        } else {
            let text = format!("the method {method} is not served under /v1");
            Err(Fault::client(FaultKind::BadRequest, text))
        }
    }
}

/// Whether a name or a value of a query is one of our own keys.
fn names_own_key(query: &str) -> bool {
    query.split(['&', '=']).any(|part| {
        let part = part.replace('+', " ");
        let decoded = percent_decode_str(&part).decode_utf8_lossy();
        ApiKeyToken::resembles(decoded.split_ascii_whitespace().next_back().unwrap_or_default())
    })
}

/// Whether a path holds nothing but words with one slash before each, as nearly all do.
fn is_plain(path: &str) -> bool {
    let mut before = b'/';
    path.bytes().skip(1).all(|byte| {
        let fits = match byte {
            b'/' => before != b'/',
            byte => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
        };
        before = byte;
        fits
    })
}

/// Whether a path encodes what needs no encoding (RFC 3986 §2.3) or a separator: the provider
/// would decode it and see another path than was classified here.
fn hides(path: &str) -> bool {
    path.split('%').skip(1).any(|rest| {
        let digits = rest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        digits.is_none_or(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/' | b'\\')
        })
    })
}
