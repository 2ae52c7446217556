//! attempt → [`Answered`]: the adapter builds the request, the opening is recorded, the request is
//! sent.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri};
use http_body::Body;
use portcullis_domain::{Fault, FaultKind, Retry};
use portcullis_providers::{
    Endpoint,
    adapter::{Ask, AskBody, Prepared, PreparedBody, Reply},
    catalog::Provider,
    credential::Credential,
};
use portcullis_runtime::egress::{EgressError, EgressErrorKind, InboundBody, OutboundBody};

use crate::{
    BoxError, Parts,
    closing::Closing,
    header,
    stage::{
        plan::Planned,
        receive::ReceivedBody,
        upload::{Progress, Upload},
    },
};

/// A call that a provider has begun to answer.
pub(crate) struct Answered {
    pub(crate) endpoint: Endpoint,
    pub(crate) provider: &'static Provider,
    pub(crate) trace_id: HeaderValue,
    /// The credential, to keep it out of what the client sees.
    pub(crate) credential: Arc<Credential>,
    pub(crate) response: Response<InboundBody>,
    pub(crate) reply: Box<dyn Reply>,
}

pub(crate) async fn attempt<B>(
    parts: &Parts,
    planned: Planned<B>,
    closing: &mut Closing,
) -> Result<Answered, Fault>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let Planned { received, target } = planned;
    let accepted = &received.identified.accepted;
    let prepared = target.provider.adapter().prepare(&Ask {
        endpoint: accepted.endpoint,
        method: &accepted.method,
        path: accepted.path(),
        query: target.query.as_deref().or(accepted.query()),
        headers: &accepted.headers,
        body: match &received.body {
            ReceivedBody::None => AskBody::None,
            ReceivedBody::Json(json) => AskBody::Json(json),
            ReceivedBody::Whole(_) | ReceivedBody::Stream(_) => AskBody::Opaque,
        },
        model: target.model.as_deref(),
        provider: target.provider,
        credential: &target.credential,
        strict: target.strict,
        now_millis: parts.clock.now().micros() / 1000,
    })?;
    let Prepared { method, url, headers, body, reply } = prepared;
    let mut upload: Option<Arc<Progress>> = None;
    let mut request = Request::new(match body {
        PreparedBody::Empty => OutboundBody::Empty,
        PreparedBody::Bytes(bytes) => OutboundBody::Full(bytes),
        PreparedBody::Forward => match received.body {
            ReceivedBody::None => OutboundBody::Empty,
            ReceivedBody::Json(json) => OutboundBody::Full(json.bytes().clone()),
            ReceivedBody::Whole(bytes) => OutboundBody::Full(bytes),
            ReceivedBody::Stream(body) => {
                let progress = Arc::clone(upload.insert(Arc::default()));
                let (limit, idle) =
                    (parts.settings.max_upload_bytes, parts.settings.body_idle_timeout);
                OutboundBody::Stream(Box::pin(Upload::new(body, limit, idle, progress)))
            }
        },
    });
    *request.method_mut() = method;
    *request.uri_mut() = Uri::try_from(url).map_err(|error| {
        let text = "the provider's address cannot be built from this request";
        Fault::client(FaultKind::BadRequest, text).with_detail(error)
    })?;
    *request.headers_mut() = if accepted.endpoint.is_understood() {
        header::for_understood(&accepted.headers)
    } else {
        header::for_proxy(&accepted.headers)
    };
    request.headers_mut().extend(headers);
    closing.open(request.uri(), upload.clone()).await?;
    let sent = parts.egress.send(request, target.timeout).await;
    let response = sent.map_err(|error| {
        if !error.sent {
            closing.unsent();
        }
        // An upload that its own sender ended looks like a connection that broke off.
        let own = upload.as_deref().and_then(Progress::fault).cloned();
        own.unwrap_or_else(|| fault(&error, target.provider))
    })?;
    closing.answered(response.status());
    Ok(Answered {
        endpoint: accepted.endpoint,
        provider: target.provider,
        trace_id: accepted.trace.echo.clone(),
        credential: target.credential,
        response,
        reply,
    })
}

/// A failure to reach the provider, in the caller's terms.
pub(crate) fn fault(error: &EgressError, provider: &Provider) -> Fault {
    let title = provider.title;
    let (kind, retry, text) = match error.kind {
        EgressErrorKind::Refused(ref reason) => {
            let text = format!("the address of {title} is refused: {reason}");
            return Fault::client(FaultKind::HostRefused, text).with_detail(error);
        }
        EgressErrorKind::Unreachable => {
            (FaultKind::UpstreamUnreachable, Retry::SameTarget, "cannot be reached")
        }
        EgressErrorKind::Timeout => {
            (FaultKind::UpstreamTimeout, Retry::NextTarget, "did not answer in time")
        }
        EgressErrorKind::Broken => {
            (FaultKind::UpstreamBroken, Retry::NextTarget, "broke off the connection")
        }
    };
    Fault::upstream(kind, retry, format!("{title} {text}")).with_detail(error)
}
