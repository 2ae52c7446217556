//! attempt → [`Answered`]: the adapter builds the request, the opening is recorded, the request is
//! sent, and sent again where the caller asks for it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
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
    session::Session,
    sign_in,
    stage::{
        accept::Accepted,
        batch_output,
        plan::{Planned, Target},
        realtime,
        receive::{Received, ReceivedBody},
        retry::{self, Next, Retries},
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
    /// What goes on behind the head, if the call opened a session.
    pub(crate) session: Option<Box<Session>>,
}

pub(crate) async fn attempt<B>(
    parts: &Parts,
    planned: Planned<B>,
    closing: &mut Closing,
) -> Result<Answered, Fault>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let Planned { received: Received { identified, body }, mut target } = planned;
    let accepted = &identified.accepted;
    let signed_in = match sign_in::is_needed(&target)? {
        // Boxed, that other calls need not make room for it.
        true => {
            let organisation = identified.organisation.id;
            Box::pin(sign_in::sign_in(parts, organisation, &mut target)).await?
        }
        false => None,
    };
    let answered = match accepted.endpoint {
        Endpoint::BatchOutput if batch_output::takes_two_steps(&target) => {
            Box::pin(batch_output::attempt(parts, accepted, &target, closing)).await?
        }
        Endpoint::Realtime => {
            Box::pin(realtime::attempt(parts, &identified, &target, closing)).await?
        }
        endpoint => {
            let step = Step { endpoint, path: accepted.path() };
            send(parts, accepted, &target, step, body, closing).await?
        }
    };
    if let Some(signed_in) = signed_in
        && answered.response.status() == StatusCode::UNAUTHORIZED
    {
        signed_in.is_refused(parts.clock.now());
    }
    Ok(answered)
}

/// One request of a call: most calls are one.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) endpoint: Endpoint,
    /// The path after `/v1`.
    pub(crate) path: &'a str,
}

/// Has the target's adapter build one request of a call.
pub(crate) fn prepare(
    accepted: &Accepted,
    target: &Target,
    step: Step<'_>,
    body: AskBody<'_>,
) -> Result<Prepared, Fault> {
    target.provider.adapter().prepare(&Ask {
        endpoint: step.endpoint,
        method: &accepted.method,
        path: step.path,
        query: target.query.as_deref().or(accepted.query()),
        headers: &accepted.headers,
        body,
        model: target.model.as_deref(),
        provider: target.provider,
        credential: &target.credential,
        strict: target.strict,
        now_millis: accepted.at.micros() / 1000,
    })
}

/// Sends one request of a call to its target.
pub(crate) async fn send<B>(
    parts: &Parts,
    accepted: &Accepted,
    target: &Target,
    step: Step<'_>,
    body: ReceivedBody<B>,
    closing: &mut Closing,
) -> Result<Answered, Fault>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let ask = match &body {
        ReceivedBody::None => AskBody::None,
        ReceivedBody::Json(json) => AskBody::Json(json),
        ReceivedBody::Whole(_) | ReceivedBody::Stream(_) => AskBody::Opaque,
    };
    let prepared = prepare(accepted, target, step, ask)?;
    let Prepared { method, url, headers, body: prepared, reply, translates } = prepared;
    let mut upload: Option<Arc<Progress>> = None;
    let mut request = Request::new(match prepared {
        PreparedBody::Empty => OutboundBody::Empty,
        PreparedBody::Bytes(bytes) => OutboundBody::Full(bytes),
        PreparedBody::Forward => match body {
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
    *request.headers_mut() = if step.endpoint.is_understood() {
        header::for_understood(&accepted.headers)
    } else {
        header::for_proxy(&accepted.headers)
    };
    request.headers_mut().extend(headers);
    if translates {
        closing.translated(&request, &target.credential);
    }
    let mut retries = Retries::new(&target.retry, closing.retries(), &request);
    let response = loop {
        closing.open(request.uri(), upload.clone()).await?;
        let sent = parts.egress.send_marking(request, target.timeout, closing.sent_mark()).await;
        let outcome = sent.map_err(|error| {
            // An upload that its own sender ended looks like a connection that broke off.
            let own = upload.as_deref().and_then(Progress::fault).cloned();
            own.unwrap_or_else(|| fault(&error, target.provider))
        });
        if let Ok(response) = &outcome {
            closing.answered(response.status());
        }
        let wait = retry::wait(parts.settings.retry_wait, closing.retries());
        let (again, wait) = match retries.next(&outcome, wait, &*parts.clock) {
            Next::Again(again, wait) => (again, wait),
            Next::Stand => break outcome?,
            Next::GiveUp => {
                closing.give_up();
                break outcome?;
            }
        };
        drop(outcome);
        closing.retry();
        tokio::time::sleep(wait).await;
        request = *again;
    };
    Ok(Answered {
        endpoint: step.endpoint,
        provider: target.provider,
        trace_id: accepted.trace.echo.clone(),
        credential: Arc::clone(&target.credential),
        response,
        reply,
        session: None,
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
