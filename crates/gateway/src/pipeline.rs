//! The path of one call, in the order of things.

use std::net::IpAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use portcullis_domain::Fault;
use portcullis_providers::Endpoint;
use portcullis_runtime::server::ResponseBody;

use crate::{
    BoxError, Parts,
    closing::Closing,
    models, refusal,
    stage::{accept::accept, attempt::attempt, identify, plan, receive::receive, relay::relay},
};

pub(crate) async fn call<B>(
    parts: &Parts,
    request: Request<B>,
    peer: IpAddr,
) -> Response<ResponseBody>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let (head, body) = request.into_parts();
    let accepted = accept(parts, head, peer);
    let trace_id = accepted.trace.echo.clone();
    let mut retry_count = 0;
    let served = async {
        accepted.check_path()?;
        // The key first: without one, nobody makes us read a body.
        let mut identified = identify::identify(parts, accepted)?;
        if identified.accepted.endpoint == Endpoint::ListModels
            && let Some(response) = models::integrated(parts, &identified)?
        {
            return Ok(response);
        }
        // From here on, the call is recorded whatever becomes of it.
        let mut closing = Closing::begin(parts, &mut identified);
        let answered = async {
            let received = receive(parts, identified, body).await?;
            closing.received(&received);
            let planned = plan::plan(parts, received).await?;
            closing.planned(&planned);
            attempt(parts, planned, &mut closing).await
        };
        match answered.await {
            Ok(answered) => relay(parts, answered, closing).await,
            Err(fault) => {
                retry_count = closing.retry_count();
                closing.refuse(&fault);
                Err(fault)
            }
        }
    };
    served.await.unwrap_or_else(|fault: Fault| {
        tracing::debug!(kind = fault.kind.name(), detail = %fault.detail, "call refused");
        refusal::respond(&fault, &trace_id, retry_count)
    })
}
