//! The path of one call, in the order of things.

use std::net::IpAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use portcullis_domain::Fault;
use portcullis_runtime::server::ResponseBody;

use crate::{
    BoxError, Parts, models, refusal,
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
        let mut known = identify::identify(parts, accepted)?;
        // From here on, the call is recorded whatever becomes of it.
        let mut closing = known.begin(parts);
        let admitted = known.admit().and_then(|identified| {
            let list = models::integrated(parts, &identified)?;
            Ok((identified, list))
        });
        let admitted = match admitted {
            Ok((_, Some(list))) => return Ok(closing.answer(list)),
            Ok((identified, None)) => Ok(identified),
            Err(fault) => Err(fault),
        };
        let answered = async {
            let received = receive(parts, admitted?, body).await?;
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
