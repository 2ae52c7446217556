//! An open connection to a provider, of either protocol, and how one call uses it.

use http::{Request, Response, Uri};

use super::{EgressError, InboundBody, OutboundBody, http1::H1, http2::H2, pool::Key};

/// A connection on which a call can be made now.
pub(super) enum Connection {
    /// HTTP/1.1, for one call at a time.
    H1(Box<H1>),
    /// HTTP/2, shared.
    H2(H2),
}

/// A failed exchange.
pub(super) enum Failed {
    /// The connection was gone before a byte of the request was written: here it is again.
    Unsent(Box<Request<OutboundBody>>, EgressError),
    /// Anything else.
    Lost(EgressError),
}

impl Connection {
    /// Makes one call. Sets `sent` as soon as the provider may see the request. Dropping the future
    /// closes the connection or resets the stream.
    pub(super) async fn call(
        self,
        request: Request<OutboundBody>,
        uri: &Uri,
        key: Key,
        sent: &mut bool,
    ) -> Result<Response<InboundBody>, Failed> {
        match self {
            Self::H1(h1) => {
                let (head, incoming) = h1.call(request, uri, key, sent).await?;
                Ok(Response::from_parts(head, InboundBody::http1(incoming)))
            }
            Self::H2(h2) => {
                let (head, incoming, stream) = h2.call(request, uri, sent).await?;
                Ok(Response::from_parts(head, InboundBody::http2(incoming, stream)))
            }
        }
    }
}
