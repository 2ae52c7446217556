//! An open connection to a provider, of either protocol, and how one call uses it.

use std::time::Duration;

use http::{Request, Response};
use tokio::time::{Instant, timeout_at};

use super::{
    EgressError, EgressErrorKind, InboundBody, OutboundBody, http1::H1, http2::H2, pool::Key,
};

/// A connection on which a call can be made now.
pub(super) enum Connection {
    /// HTTP/1.1, for one call at a time.
    H1(Box<H1>),
    /// HTTP/2, shared.
    H2(H2),
}

/// A failed exchange.
pub(super) enum Failed {
    /// The connection was gone before a byte of the request was written, which is whole again.
    Unsent(EgressError),
    /// It did not begin in time.
    Late,
    /// Anything else.
    Lost(EgressError),
}

impl Failed {
    /// What is said of it, when the answer was to begin `within` some time.
    pub(super) fn into_error(self, within: Duration, sent: bool) -> EgressError {
        match self {
            Self::Unsent(error) | Self::Lost(error) => error,
            Self::Late => EgressError {
                kind: EgressErrorKind::Timeout,
                sent,
                detail: format!("waited {within:?}"),
            },
        }
    }
}

impl Connection {
    /// Makes one call, taking the request's body; the answer must begin before `until`. Sets `sent`
    /// as soon as the provider may see the request. Dropping the future closes the connection or
    /// resets the stream.
    pub(super) async fn call(
        self,
        request: &mut Request<OutboundBody>,
        key: &Key,
        until: Instant,
        sent: &mut bool,
    ) -> Result<Response<InboundBody>, Failed> {
        match self {
            Self::H1(h1) => {
                let (head, incoming) = h1.call(request, key, until, sent).await?;
                Ok(Response::from_parts(head, InboundBody::http1(incoming)))
            }
            Self::H2(h2) => {
                let (head, incoming, stream) =
                    timeout_at(until, h2.call(request, sent)).await.map_err(|_| Failed::Late)??;
                Ok(Response::from_parts(head, InboundBody::http2(incoming, stream)))
            }
        }
    }
}
