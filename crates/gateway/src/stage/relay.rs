//! relay: the answer on its way to the client. Streams flow as they come, with the body's own
//! backpressure; whole answers are held so that a failure can still change the status.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    response,
};
use http_body::{Body, Frame};
use portcullis_domain::{Fault, FaultKind, Retry};
use portcullis_providers::{
    adapter::Reply, catalog::Provider, content_type, credential::Credential,
};
use portcullis_runtime::{
    egress::InboundBody,
    server::{Delivery, ResponseBody},
};

use crate::{
    BoxError, Parts,
    closing::Closing,
    header,
    idle::Idle,
    masking::{joined, masked, tells_an_error},
    refusal,
    stage::attempt::{Answered, fault},
};

/// The largest error that is held to mask the credential in it, bytes. A document of a path that is
/// not understood is held up to this length too, where it states its length: it may be an error.
const MAX_ERROR_BYTES: usize = 1 << 20;

pub(crate) async fn relay(
    parts: &Parts,
    answered: Answered,
    mut closing: Closing,
) -> Result<Response<ResponseBody>, Fault> {
    let Answered { endpoint, provider, trace_id, credential, response, mut reply, session } =
        answered;
    let (head, body) = response.into_parts();
    if let Some(session) = session {
        let mut head = client_head(head, None, provider, &trace_id, &credential);
        header::set_retry_count(&mut head.headers, closing.retry_count());
        return Ok(session.respond(head.headers, closing));
    }
    closing.original_head(&head.headers, &credential);
    let is_read = endpoint.is_understood() && endpoint.uses_model() && head.status.is_success();
    let is_error = head.status.as_u16() >= 400;
    if (is_read || is_error) && header::is_encoded(&head.headers) {
        let text = format!(
            "{} answered with a content-encoding that it was not asked for: nobody can read what \
             it says, or what the call cost",
            provider.title
        );
        let fault = Fault::upstream(FaultKind::UpstreamBroken, Retry::NextTarget, text);
        let response = refusal::respond(&fault, &trace_id, closing.retry_count());
        closing.fail(&fault, fault.kind.status(), reply.observed());
        return Ok(response);
    }
    let content_type = reply.head(head.status, &head.headers);
    let mut head = client_head(head, content_type, provider, &trace_id, &credential);
    header::set_retry_count(&mut head.headers, closing.retry_count());
    // The server never asks for a body that is not there: such a call would not seem to end.
    let held = body.is_end_stream()
        || is_error
        || (is_plain_json(&head.headers) && (endpoint.is_understood() || is_short(&body)));
    if held {
        let most = parts.settings.max_answer_bytes;
        let most = if is_error { most.min(MAX_ERROR_BYTES) } else { most };
        let seen = |piece: &Bytes| closing.original(piece);
        let held = hold(parts, body, &mut *reply, provider, most, seen).await;
        match held {
            Ok(mut bytes) => {
                // Some errors come with a status of success.
                if is_error || tells_an_error(&bytes) {
                    bytes = masked(bytes, &credential);
                }
                closing.sent_head(&head.headers);
                closing.sent(&bytes);
                let status = head.status;
                // Settled and recorded once the client has its answer, rather than before.
                let body = ResponseBody::receipted(bytes, move |handed_over| {
                    if handed_over {
                        closing.finish(status, reply.observed());
                    } else {
                        closing.hung_up(reply.observed());
                    }
                });
                Ok(Response::from_parts(head, body))
            }
            Err(fault) => {
                let response = refusal::respond(&fault, &trace_id, closing.retry_count());
                closing.fail(&fault, fault.kind.status(), reply.observed());
                Ok(response)
            }
        }
    } else {
        closing.sent_head(&head.headers);
        let status = head.status;
        let is_event_stream = content_type::is_events(&head.headers);
        let idle = parts.settings.upstream_idle_timeout;
        let delivery = Delivery::default();
        let body = RelayBody {
            body,
            reply,
            closing: Some(closing),
            delivery: delivery.clone(),
            status,
            provider,
            credential,
            out: VecDeque::new(),
            scratch: Vec::new(),
            ended: false,
            failure: None,
            is_event_stream,
            within: idle,
            idle: Idle::new(idle),
        };
        Ok(Response::from_parts(head, ResponseBody::followed(body, delivery)))
    }
}

/// Reads a whole answer, of at most `most` bytes, through the adapter. `seen` is shown each piece
/// first.
pub(crate) async fn hold(
    parts: &Parts,
    mut body: InboundBody,
    reply: &mut dyn Reply,
    provider: &Provider,
    most: usize,
    mut seen: impl FnMut(&Bytes),
) -> Result<Bytes, Fault> {
    let within = parts.settings.upstream_idle_timeout;
    let mut idle = Idle::new(within);
    let mut pieces = Vec::new();
    let mut received = 0;
    loop {
        let frame = poll_fn(|cx| {
            let polled = Pin::new(&mut body).poll_frame(cx);
            idle.bound(polled, cx)
        });
        let frame = match frame.await {
            Some(Some(frame)) => frame.map_err(|error| fault(&error, provider))?,
            Some(None) => break,
            None => return Err(stalled(provider, within)),
        };
        let Ok(chunk) = frame.into_data() else { continue };
        received += chunk.len();
        if received > most {
            let text = format!("{} sent a larger answer than can be held", provider.title);
            return Err(Fault::upstream(FaultKind::UpstreamBroken, Retry::Stop, text));
        }
        seen(&chunk);
        reply.push(chunk, &mut pieces)?;
    }
    reply.finish(&mut pieces)?;
    Ok(joined(pieces))
}

fn stalled(provider: &Provider, idle: Duration) -> Fault {
    let text = format!("{} paused for more than {idle:?}", provider.title);
    Fault::upstream(FaultKind::UpstreamTimeout, Retry::Stop, text)
}

/// Whether the body is a JSON document that can be read.
fn is_plain_json(headers: &HeaderMap) -> bool {
    content_type::is_json(headers) && !headers.contains_key(CONTENT_ENCODING)
}

/// Whether a body states its length, and that it is short.
fn is_short(body: &InboundBody) -> bool {
    body.size_hint().exact().is_some_and(|length| length <= MAX_ERROR_BYTES as u64)
}

fn client_head(
    provider_head: response::Parts,
    content_type: Option<&'static str>,
    provider: &Provider,
    trace_id: &HeaderValue,
    credential: &Credential,
) -> response::Parts {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = provider_head.status;
    head.headers = header::for_client(provider_head.headers, credential);
    let headers = &mut head.headers;
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        // What is written anew is written plainly.
        headers.remove(CONTENT_ENCODING);
    }
    headers.insert(header::TRACE_ID, trace_id.clone());
    headers.insert(header::OUT_CACHE_STATUS, HeaderValue::from_static("DISABLED"));
    headers.insert(header::OUT_LAST_OPTION, HeaderValue::from_static("config"));
    headers.insert(header::PROVIDER, HeaderValue::from_static(provider.name));
    head
}

/// The client's body: pulls from the provider, through the adapter, only as the client takes.
struct RelayBody {
    body: InboundBody,
    reply: Box<dyn Reply>,
    /// Taken when the call has been recorded.
    closing: Option<Closing>,
    delivery: Delivery,
    status: StatusCode,
    provider: &'static Provider,
    /// To be masked where the stream tells an error.
    credential: Arc<Credential>,
    out: VecDeque<Bytes>,
    scratch: Vec<Bytes>,
    ended: bool,
    failure: Option<Fault>,
    /// Whether a failure can be told inside the answer.
    is_event_stream: bool,
    within: Duration,
    idle: Idle,
}

impl RelayBody {
    /// Takes one event from the provider: a chunk, the end, or a failure.
    fn take(&mut self, event: Option<Result<Frame<Bytes>, Fault>>) {
        let result = match event {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(chunk) => {
                    if let Some(closing) = &mut self.closing {
                        closing.original(&chunk);
                    }
                    self.reply.push(chunk, &mut self.scratch)
                }
                Err(_trailers) => Ok(()),
            },
            Some(Err(fault)) => Err(fault),
            None => {
                self.ended = true;
                self.reply.finish(&mut self.scratch)
            }
        };
        if let Err(fault) = result {
            self.ended = true;
            if !self.reply.is_complete() {
                self.reply.fail(&fault, &mut self.scratch);
                self.failure = Some(fault);
            }
        }
        // Whole events are handed on, so no secret is cut in two here. Only a stream is asked while
        // it runs: a document is looked at when it has ended.
        if self.is_event_stream && self.reply.observed().error.is_some() {
            let told = joined(std::mem::take(&mut self.scratch));
            self.scratch.push(masked(told, &self.credential));
        }
        self.out.extend(self.scratch.drain(..).filter(|piece| !piece.is_empty()));
    }
}

impl Body for RelayBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            if let Some(piece) = this.out.pop_front() {
                if let Some(closing) = &mut this.closing {
                    closing.sent(&piece);
                }
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if this.ended {
                // An answer that is no stream has no way to say that it broke off but to break off.
                let broken = this.failure.as_ref().filter(|_| !this.is_event_stream);
                return Poll::Ready(broken.map(|fault| Err(fault.clone().into())));
            }
            let polled = Pin::new(&mut this.body).poll_frame(context);
            let event = match ready!(this.idle.bound(polled, context)) {
                Some(event) => {
                    event.map(|frame| frame.map_err(|error| fault(&error, this.provider)))
                }
                None => Some(Err(stalled(this.provider, this.within))),
            };
            this.take(event);
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.out.is_empty() && self.failure.is_none()
    }
}

impl Drop for RelayBody {
    /// Records the call: now it shows whether the client has got what it was sent.
    fn drop(&mut self) {
        let Some(closing) = self.closing.take() else { return };
        // Many clients leave with the last event, without waiting for the end behind it.
        let is_whole = (self.ended || self.reply.is_complete()) && self.out.is_empty();
        let observed = self.reply.observed();
        match &self.failure {
            Some(fault) if is_whole => closing.fail(fault, self.status.as_u16(), observed),
            None if is_whole && !self.delivery.is_pending() => {
                closing.finish(self.status, observed);
            }
            _ => closing.hung_up(observed),
        }
    }
}
