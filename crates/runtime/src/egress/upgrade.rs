//! Another protocol on a connection to a provider (RFC 9110 §7.8).

use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode, header::UPGRADE};
use tokio::time::{Instant, timeout_at};

use super::{A_YEAR, Egress, EgressError, InboundBody, OutboundBody, connection::Failed};
use crate::switched::Switched;

impl Egress {
    /// Asks for `protocol` over a new connection of HTTP/1.1. The rules are those of
    /// [`Egress::send`], but nothing is repeated. With a 101 comes the connection; any other answer
    /// is one like those of [`Egress::send`]. Sets `sent` as [`Egress::send_marking`] does.
    pub async fn upgrade(
        &self,
        mut request: Request<OutboundBody>,
        protocol: &'static str,
        first_byte_within: Duration,
        sent: &mut bool,
    ) -> Result<(Response<InboundBody>, Option<Switched>), EgressError> {
        request.headers_mut().insert(UPGRADE, HeaderValue::from_static(protocol));
        let until = Instant::now() + first_byte_within.min(A_YEAR);
        *sent = false;
        let answered = async {
            let key = self.key(request.uri()).map_err(Failed::Lost)?;
            let connecting = self.0.connect_http1(request.uri());
            let connected = timeout_at(until, connecting).await.map_err(|_| Failed::Late)?;
            let h1 = connected.map_err(Failed::Lost)?;
            h1.upgrading().call(&mut request, &key, until, sent).await
        };
        let (head, incoming) =
            answered.await.map_err(|failed| failed.into_error(first_byte_within, *sent))?;
        if head.status != StatusCode::SWITCHING_PROTOCOLS {
            return Ok((Response::from_parts(head, InboundBody::http1(incoming)), None));
        }
        let switched = incoming.into_switched();
        Ok((Response::from_parts(head, InboundBody::ended()), Some(switched)))
    }
}
