//! The end of a call, whatever it is: settled once, recorded once.

use std::{borrow::Cow, future::poll_fn, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header::USER_AGENT};
use portcullis_domain::{
    Clock, Fault, FaultKind, Log, LogState, NanoDollars, Recorder, StoredContent, Timestamp, Usage,
};
use portcullis_providers::{Endpoint, adapter::Observed, credential::Credential};
use portcullis_runtime::{egress::OutboundBody, server::ResponseBody};

use crate::{
    Parts,
    content::Kept,
    header, metadata,
    settle::{Facts, settle},
    stage::{
        identify::{Credentials, Identified},
        plan::Planned,
        receive::{Received, ReceivedBody},
        upload::Progress,
    },
    trace::{bounded, plain},
    url::masked_url,
};

/// Made when a call is identified, and told of what happens to it. Exactly one record follows:
/// by one of the methods that end it, or, when it is dropped because the client hung up, by `Drop`.
pub(crate) struct Closing(Box<State>);

/// In a box: it goes through every stage, and is large.
struct State {
    recorder: Arc<dyn Recorder>,
    clock: Arc<dyn Clock>,
    endpoint: Endpoint,
    /// Whether it only manages what an earlier call stored.
    manages: bool,
    log: Log,
    kept: Option<Kept>,
    /// The request's JSON, to settle from what the provider leaves unsaid.
    request: Option<Bytes>,
    upload: Option<Arc<Progress>>,
    /// When the first of its requests was sent.
    first_sent_at: Option<Timestamp>,
    /// Whether the provider may have seen anything of the request that was sent last.
    sent: bool,
    answered_at: Option<Timestamp>,
    /// The provider's status.
    status: Option<StatusCode>,
    /// How often a request was sent again.
    retries: u8,
    /// Whether the provider asked to wait for too long before a retry.
    gave_up: bool,
    ended: bool,
}

impl Closing {
    pub(crate) fn begin(
        parts: &Parts,
        identified: &mut Identified,
        credentials: &Credentials,
    ) -> Self {
        let keeps = !header::is_off(&identified.accepted.headers, &header::DEBUG)
            && parts.settings.max_kept_bytes > 0;
        let kept = keeps.then(|| {
            let limit = parts.settings.max_kept_bytes;
            Kept::new(limit, &identified.accepted.headers, credentials.iter())
        });
        Self(Box::new(State {
            recorder: Arc::clone(&parts.recorder),
            clock: Arc::clone(&parts.clock),
            endpoint: identified.accepted.endpoint,
            manages: identified.accepted.endpoint.is_managed_path(identified.accepted.path()),
            log: first_log(parts, identified),
            kept,
            request: None,
            upload: None,
            first_sent_at: None,
            sent: false,
            answered_at: None,
            status: None,
            retries: 0,
            gave_up: false,
            ended: false,
        }))
    }

    /// The body has been read.
    pub(crate) fn received<B>(&mut self, received: &Received<B>) {
        let state = &mut *self.0;
        let log = &mut state.log;
        log.timings.request_parsing = state.clock.now().micros_since(log.created_at);
        let Some(bytes) = received.bytes() else { return };
        log.request_bytes = bytes.len() as u64;
        if let ReceivedBody::Json(json) = &received.body {
            log.stream = json.stream();
            state.request = Some(bytes.clone());
            if let Some(user) = json.user()
                && !log.metadata.contains_key("_user")
            {
                metadata::put(&mut log.metadata, "_user", user);
                log.user = log.metadata.get("_user").cloned();
            }
        }
        if let Some(kept) = &mut state.kept {
            kept.request(bytes);
        }
    }

    /// The target is known.
    pub(crate) fn planned<B>(&mut self, planned: &Planned<B>) {
        let target = &planned.target;
        let log = &mut self.0.log;
        log.provider = Some(Cow::Borrowed(target.provider.name));
        log.model_asked = target.model.as_deref().map(bounded);
        log.last_used_option = Some(Cow::Borrowed("config"));
        for (name, value) in &target.metadata {
            if !log.metadata.contains_key(name) {
                metadata::put(&mut log.metadata, name, value);
            }
        }
        log.user = log.metadata.get("_user").cloned();
        if let Some((key, integration)) = &target.virtual_key {
            log.virtual_key = Some(key.slug.shared());
            log.virtual_key_id = Some(key.id);
            log.integration_id = Some(integration.id);
        }
        if let Some(kept) = &mut self.0.kept {
            kept.seal_with(Arc::clone(&target.key_ring));
        }
    }

    /// The provider is about to be called. It must not be unless this succeeds.
    pub(crate) async fn open(
        &mut self,
        upstream: &Uri,
        upload: Option<Arc<Progress>>,
    ) -> Result<(), Fault> {
        let state = &mut *self.0;
        let now = state.clock.now();
        if upload.is_some() {
            state.upload = upload;
            if let Some(kept) = &mut state.kept {
                kept.lacks_request();
            }
        }
        let log = &mut state.log;
        log.upstream_host = upstream.authority().map(|authority| authority.host().to_owned());
        let first_sent_at = *state.first_sent_at.get_or_insert(now);
        log.timings.pre_processing =
            first_sent_at.micros_since(log.created_at).saturating_sub(log.timings.request_parsing);
        log.attempts += 1;
        let unrecorded = |error| {
            let text = "the call cannot be recorded now, and is therefore not made";
            Fault::gateway(FaultKind::RecordUnavailable, text).with_detail(error)
        };
        let opened = state.recorder.open(log).map_err(unrecorded)?;
        let recorder = &state.recorder;
        poll_fn(|cx| recorder.poll_opened(opened, cx)).await.map_err(unrecorded)
    }

    /// The call is translated, to this request.
    pub(crate) fn translated(
        &mut self,
        request: &Request<OutboundBody>,
        credential: &Arc<Credential>,
    ) {
        let Some(kept) = &mut self.0.kept else { return };
        let body = match request.body() {
            OutboundBody::Full(bytes) => Some(bytes),
            OutboundBody::Empty | OutboundBody::Stream(_) => None,
        };
        kept.sent((request.method(), request.uri(), request.headers()), body, credential);
    }

    /// For egress to set as soon as the provider may see anything of the request: until then the
    /// call costs nothing, also when its client leaves while the provider is being dialled.
    pub(crate) fn sent_mark(&mut self) -> &mut bool {
        &mut self.0.sent
    }

    /// The provider is about to be tried again: what it answered is not the call's answer.
    pub(crate) fn retry(&mut self) {
        let state = &mut *self.0;
        state.retries += 1;
        (state.sent, state.answered_at, state.status) = (false, None, None);
        state.log.response_status = None;
    }

    /// The provider is not tried again, because it asks to wait for too long.
    pub(crate) fn give_up(&mut self) {
        self.0.gave_up = true;
    }

    /// How often the provider was tried again.
    pub(crate) fn retries(&self) -> u8 {
        self.0.retries
    }

    /// What `x-portkey-retry-attempt-count` says: 0 where nothing was tried again, else how many
    /// retries it took, or -1 when they were of no use or out of reach (data-plane reference §6).
    pub(crate) fn retry_count(&self) -> i32 {
        self.0.retry_count()
    }

    /// What is known of the call so far, and where calls are recorded: for a log of something that
    /// its answer tells besides.
    pub(crate) fn beside(&self) -> (Log, Arc<dyn Recorder>) {
        (self.0.log.clone(), Arc::clone(&self.0.recorder))
    }

    /// How much of each side's content is kept; none when nothing is.
    pub(crate) fn max_kept_bytes(&self) -> Option<usize> {
        self.0.kept.as_ref().map(Kept::limit)
    }

    /// The first of a session's messages comes from the provider.
    pub(crate) fn first_byte(&mut self) {
        let log = &mut self.0.log;
        log.timings.time_to_first_byte = Some(self.0.clock.now().micros_since(log.created_at));
    }

    /// What passed in a session: bytes from client and provider, the provider's messages, and of
    /// both the text as far as it is kept.
    pub(crate) fn session(
        &mut self,
        (request_bytes, response_bytes): (u64, u64),
        messages: u32,
        (request, response): (Option<Bytes>, Option<Bytes>),
    ) {
        let log = &mut self.0.log;
        log.stream = true;
        (log.request_bytes, log.response_bytes) = (request_bytes, response_bytes);
        log.response_chunks = messages;
        if let Some(kept) = &mut self.0.kept {
            request.iter().for_each(|text| kept.request(text));
            response.iter().for_each(|text| kept.response(text));
        }
    }

    /// The provider's head has come.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        let state = &mut *self.0;
        let now = state.clock.now();
        state.answered_at = Some(now);
        state.status = Some(status);
        // Of several requests, what lies between them is waiting for the provider too.
        if let Some(first_sent_at) = state.first_sent_at {
            state.log.timings.upstream = now.micros_since(first_sent_at);
        }
        state.log.response_status = Some(status.as_u16());
    }

    /// The headers of the provider's answer, before anything is done to them.
    pub(crate) fn original_head(&mut self, headers: &HeaderMap, credential: &Credential) {
        if let Some(kept) = &mut self.0.kept {
            kept.original_head(headers, credential);
        }
    }

    /// A piece of the provider's answer has come, and may be translated.
    pub(crate) fn original(&mut self, piece: &Bytes) {
        if let Some(kept) = &mut self.0.kept {
            kept.original(piece);
        }
    }

    /// The headers that the client gets.
    pub(crate) fn sent_head(&mut self, headers: &HeaderMap) {
        if let Some(kept) = &mut self.0.kept {
            kept.response_head(headers);
        }
    }

    /// A piece of body goes to the client.
    pub(crate) fn sent(&mut self, piece: &Bytes) {
        let state = &mut *self.0;
        let log = &mut state.log;
        if log.timings.time_to_first_byte.is_none() {
            log.timings.time_to_first_byte = Some(state.clock.now().micros_since(log.created_at));
        }
        log.response_bytes += piece.len() as u64;
        log.response_chunks += 1;
        if let Some(kept) = &mut state.kept {
            kept.response(piece);
        }
    }

    /// The gateway itself has the answer.
    pub(crate) fn answer(mut self, response: Response<Bytes>) -> Response<ResponseBody> {
        self.sent_head(response.headers());
        self.sent(response.body());
        self.finish(response.status(), &mut Observed::default());
        response.map(ResponseBody::from)
    }

    /// The client got the whole answer, be it the provider's error.
    pub(crate) fn finish(mut self, status: StatusCode, observed: &mut Observed) {
        let log = &mut self.0.log;
        log.state = LogState::Finished;
        log.response_status = Some(status.as_u16());
        // A stream can end with the provider's own error event.
        let is_session = status == StatusCode::SWITCHING_PROTOCOLS;
        log.is_success = (status.is_success() || is_session) && observed.error.is_none();
        if !log.is_success {
            log.error = Some(Cow::Borrowed("provider_error"));
        }
        self.0.close(Some(observed));
    }

    /// The provider broke off in the middle of its answer; the client has got `status`.
    pub(crate) fn fail(mut self, fault: &Fault, status: u16, observed: &mut Observed) {
        self.0.note(fault);
        self.0.log.response_status = Some(status);
        self.0.close(Some(observed));
    }

    /// The call was refused, or the provider never answered.
    pub(crate) fn refuse(mut self, fault: &Fault) {
        self.0.note(fault);
        self.0.log.response_status = Some(fault.kind.status());
        self.0.close(None);
    }

    /// The client went away in the middle of the answer.
    pub(crate) fn hung_up(mut self, observed: &mut Observed) {
        self.0.log.state = LogState::HungUp;
        self.0.log.error = Some(Cow::Borrowed(FaultKind::ClientGone.name()));
        self.0.close(Some(observed));
    }
}

impl State {
    fn note(&mut self, fault: &Fault) {
        self.log.state = LogState::Failed;
        self.log.error = Some(Cow::Borrowed(fault.kind.name()));
        self.log.error_detail = (!fault.detail.is_empty()).then(|| plain(&fault.detail, 500));
    }

    fn retry_count(&self) -> i32 {
        match self.retries {
            0 if !self.gave_up => 0,
            retries if self.status.is_some_and(|status| status.is_success()) => retries.into(),
            _ => -1,
        }
    }

    fn close(&mut self, observed: Option<&mut Observed>) {
        self.ended = true;
        self.log.retry_success_count = self.retry_count();
        let now = self.clock.now();
        let log = &mut self.log;
        log.timings.total = now.micros_since(log.created_at);
        log.timings.response_parsing =
            self.answered_at.map_or(0, |answered| now.micros_since(answered));
        log.timings.gateway = log.timings.total.saturating_sub(log.timings.upstream);
        if let Some(upload) = &self.upload {
            log.request_bytes = upload.bytes();
        }
        if self.sent {
            let facts = Facts {
                endpoint: self.endpoint,
                manages: self.manages,
                status: self.status,
                observed,
                request: self.request.as_ref(),
            };
            settle(log, facts);
        } else {
            log.cost = Some(NanoDollars(0));
        }
        let content = self.kept.take().and_then(|kept| kept.seal(log));
        self.recorder.close(log, content);
    }
}

/// The client hung up before there was an answer.
impl Drop for Closing {
    fn drop(&mut self) {
        let state = &mut *self.0;
        if !state.ended {
            state.log.state = LogState::HungUp;
            state.log.response_status = Some(FaultKind::ClientGone.status());
            state.log.error = Some(Cow::Borrowed(FaultKind::ClientGone.name()));
            state.close(None);
        }
    }
}

/// Takes the names of the trace: nobody else needs them.
fn first_log(parts: &Parts, identified: &mut Identified) -> Log {
    let trace = std::mem::take(&mut identified.accepted.trace.names);
    let accepted = &identified.accepted;
    let text = |name| header::text(&accepted.headers, name).map(bounded);
    let metadata = metadata::collect(
        &accepted.headers,
        &parts.settings.headers_to_metadata,
        &identified.key,
        &identified.workspace,
        identified.member.as_deref(),
    );
    let environment = identified.environment();
    Log {
        id: accepted.id,
        state: LogState::Open,
        created_at: accepted.at,
        organisation_id: identified.organisation.id,
        organisation_name: identified.organisation.name.as_str().into(),
        workspace_id: identified.workspace.id,
        workspace_slug: identified.workspace.slug.shared(),
        environment_id: identified.key.environment_id,
        environment: environment.map(|e| e.slug.shared()).unwrap_or_default(),
        api_key_id: identified.key.id,
        user_id: identified.key.user_id,
        user: metadata.get("_user").cloned(),
        endpoint: Cow::Borrowed(accepted.endpoint.name()),
        request_method: method_name(&accepted.method),
        request_url: masked_url(accepted.path(), accepted.query()),
        is_proxy_call: !accepted.endpoint.is_understood(),
        stream: false,
        model_asked: None,
        metadata,
        trace_id: trace.trace_id,
        span_id: trace.span_id,
        parent_span_id: trace.parent_span_id,
        span_name: trace.span_name,
        sdk_version: text(header::PACKAGE_VERSION),
        runtime: text(header::RUNTIME),
        runtime_version: text(header::RUNTIME_VERSION),
        user_agent: text(USER_AGENT),
        client_address: Some(accepted.peer),
        provider: None,
        virtual_key: None,
        virtual_key_id: None,
        integration_id: None,
        upstream_host: None,
        last_used_option: None,
        attempts: 0,
        retry_success_count: 0,
        cache_status: Cow::Borrowed("DISABLED"),
        response_status: None,
        is_success: false,
        error: None,
        error_detail: None,
        model_served: None,
        upstream_id: None,
        finish_reason: None,
        usage: Usage {
            audio_millis: header::text(&accepted.headers, header::AUDIO_DURATION)
                .and_then(recording_millis),
            ..Usage::default()
        },
        usage_source: Default::default(),
        cost: None,
        price_origin: None,
        request_bytes: 0,
        response_bytes: 0,
        response_chunks: 0,
        timings: Default::default(),
        node_id: parts.node,
        gateway_version: Cow::Borrowed(parts.version),
        stored_content: StoredContent::None,
    }
}

fn method_name(method: &Method) -> Cow<'static, str> {
    match *method {
        Method::POST => Cow::Borrowed("POST"),
        Method::GET => Cow::Borrowed("GET"),
        _ => Cow::Owned(method.to_string()),
    }
}

/// How long the audio is that an SDK sends, for providers that do not tell. Nothing at all is not
/// what was sent, and more than a year is no recording: such a length is not known.
fn recording_millis(text: &str) -> Option<u64> {
    text.parse().ok().filter(|millis| (1..=31_536_000_000).contains(millis))
}

#[cfg(test)]
mod tests {
    use super::recording_millis;

    #[test]
    fn a_recording_of_no_length_is_of_unknown_length() {
        assert_eq!(recording_millis("60000"), Some(60_000));
        for text in ["0", "-1", "1.5", "31536000001", ""] {
            assert_eq!(recording_millis(text), None, "{text}");
        }
    }
}
