//! The end of a call, whatever it is: settled once, recorded once.

use std::sync::Arc;

use bytes::Bytes;
use http::{StatusCode, Uri};
use portcullis_domain::{
    Clock, Content, Fault, FaultKind, Log, LogState, NanoDollars, Recorder, StoredContent,
    Timestamp, Usage,
};
use portcullis_providers::{Endpoint, adapter::Observed};

use crate::{
    Parts,
    content::Kept,
    header, metadata,
    settle::{Facts, settle},
    stage::{
        identify::Identified,
        plan::Planned,
        receive::{Received, ReceivedBody},
        upload::Progress,
    },
    trace::{bounded, plain},
};

/// Made when a call is identified, and told of what happens to it. Exactly one record follows:
/// by one of the methods that end it, or, when it is dropped because the client hung up, by `Drop`.
pub(crate) struct Closing {
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
    sent_at: Option<Timestamp>,
    answered_at: Option<Timestamp>,
    /// The provider's status.
    status: Option<StatusCode>,
    ended: bool,
}

impl Closing {
    pub(crate) fn begin(parts: &Parts, identified: &Identified) -> Self {
        let keeps = header::flag(&identified.accepted.headers, header::DEBUG) != Some(false)
            && parts.settings.max_kept_bytes > 0;
        Self {
            recorder: Arc::clone(&parts.recorder),
            clock: Arc::clone(&parts.clock),
            endpoint: identified.accepted.endpoint,
            manages: identified.accepted.endpoint.is_managed_path(identified.accepted.path()),
            log: first_log(parts, identified),
            kept: keeps.then(|| Kept::new(parts.settings.max_kept_bytes)),
            request: None,
            upload: None,
            sent_at: None,
            answered_at: None,
            status: None,
            ended: false,
        }
    }

    /// The body has been read.
    pub(crate) fn received<B>(&mut self, received: &Received<B>) {
        let log = &mut self.log;
        log.timings.request_parsing = self.clock.now().micros_since(log.created_at);
        let Some(bytes) = received.bytes() else { return };
        log.request_bytes = bytes.len() as u64;
        if let ReceivedBody::Json(json) = &received.body {
            log.stream = json.stream();
            self.request = Some(bytes.clone());
            if let Some(user) = json.user()
                && !log.metadata.contains_key("_user")
            {
                metadata::put(&mut log.metadata, "_user", user);
                log.user = log.metadata.get("_user").cloned();
            }
        }
        if let Some(kept) = &mut self.kept {
            kept.request(bytes);
        }
    }

    /// The target is known.
    pub(crate) fn planned<B>(&mut self, planned: &Planned<B>) {
        let target = &planned.target;
        let log = &mut self.log;
        log.provider = Some(target.provider.name.to_owned());
        log.model_asked = target.model.as_deref().map(bounded);
        log.last_used_option = Some("config".to_owned());
        for (name, value) in &target.metadata {
            if !log.metadata.contains_key(name) {
                metadata::put(&mut log.metadata, name, value);
            }
        }
        log.user = log.metadata.get("_user").cloned();
        if let Some((key, integration)) = &target.virtual_key {
            log.virtual_key = Some(key.slug.to_string());
            log.virtual_key_id = Some(key.id);
            log.integration_id = Some(integration.id);
        }
        if let Some(kept) = &mut self.kept {
            kept.seal_with(Arc::clone(&target.key_ring));
        }
    }

    /// The provider is about to be called. It must not be unless this succeeds.
    pub(crate) fn open(
        &mut self,
        upstream: &Uri,
        upload: Option<Arc<Progress>>,
    ) -> Result<(), Fault> {
        let now = self.clock.now();
        if upload.is_some() {
            self.upload = upload;
            if let Some(kept) = &mut self.kept {
                kept.lacks_request();
            }
        }
        let log = &mut self.log;
        log.upstream_host = upstream.authority().map(|authority| authority.host().to_owned());
        log.timings.pre_processing =
            now.micros_since(log.created_at).saturating_sub(log.timings.request_parsing);
        log.attempts += 1;
        self.recorder.open(log).map_err(|error| {
            let text = "the call cannot be recorded now, and is therefore not made";
            Fault::gateway(FaultKind::RecordUnavailable, text).with_detail(error)
        })?;
        self.sent_at = Some(now);
        Ok(())
    }

    /// Nothing of the call reached the provider.
    pub(crate) fn unsent(&mut self) {
        self.sent_at = None;
    }

    /// The provider's head has come.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        let now = self.clock.now();
        self.answered_at = Some(now);
        self.status = Some(status);
        if let Some(sent_at) = self.sent_at {
            self.log.timings.upstream = now.micros_since(sent_at);
        }
        self.log.response_status = Some(status.as_u16());
    }

    /// A piece of body goes to the client.
    pub(crate) fn sent(&mut self, piece: &Bytes) {
        let log = &mut self.log;
        if log.timings.time_to_first_byte.is_none() {
            log.timings.time_to_first_byte = Some(self.clock.now().micros_since(log.created_at));
        }
        log.response_bytes += piece.len() as u64;
        log.response_chunks += 1;
        if let Some(kept) = &mut self.kept {
            kept.response(piece);
        }
    }

    /// The client got the whole answer, be it the provider's error.
    pub(crate) fn finish(mut self, status: StatusCode, observed: &Observed) {
        self.log.state = LogState::Finished;
        self.log.response_status = Some(status.as_u16());
        // A stream can end with the provider's own error event.
        self.log.is_success = status.is_success() && observed.error.is_none();
        if !self.log.is_success {
            self.log.error = Some("provider_error".to_owned());
        }
        self.close(Some(observed));
    }

    /// The provider broke off in the middle of its answer; the client has got `status`.
    pub(crate) fn fail(mut self, fault: &Fault, status: u16, observed: &Observed) {
        self.note(fault);
        self.log.response_status = Some(status);
        self.close(Some(observed));
    }

    /// The call was refused, or the provider never answered.
    pub(crate) fn refuse(mut self, fault: &Fault) {
        self.note(fault);
        self.log.response_status = Some(fault.kind.status());
        self.close(None);
    }

    /// The client went away in the middle of the answer.
    pub(crate) fn hung_up(mut self, observed: &Observed) {
        self.log.state = LogState::HungUp;
        self.log.error = Some(FaultKind::ClientGone.name().to_owned());
        self.close(Some(observed));
    }

    fn note(&mut self, fault: &Fault) {
        self.log.state = LogState::Failed;
        self.log.error = Some(fault.kind.name().to_owned());
        self.log.error_detail = (!fault.detail.is_empty()).then(|| plain(&fault.detail, 500));
    }

    fn close(&mut self, observed: Option<&Observed>) {
        self.ended = true;
        let now = self.clock.now();
        let log = &mut self.log;
        log.timings.total = now.micros_since(log.created_at);
        log.timings.response_parsing =
            self.answered_at.map_or(0, |answered| now.micros_since(answered));
        log.timings.gateway = log.timings.total.saturating_sub(log.timings.upstream);
        if let Some(upload) = &self.upload {
            log.request_bytes = upload.bytes();
        }
        if self.sent_at.is_some() {
            let facts = Facts {
                endpoint: self.endpoint,
                manages: self.manages,
                status: self.status,
                observed,
                request: self.request.as_ref(),
            };
            settle(log, &facts);
        } else {
            log.cost = Some(NanoDollars(0));
        }
        let content = self.kept.take().map_or_else(Content::default, |kept| kept.seal(log));
        self.recorder.close(log, content);
    }
}

/// The client hung up before there was an answer.
impl Drop for Closing {
    fn drop(&mut self) {
        if !self.ended {
            self.log.state = LogState::HungUp;
            self.log.response_status = Some(FaultKind::ClientGone.status());
            self.log.error = Some(FaultKind::ClientGone.name().to_owned());
            self.close(None);
        }
    }
}

fn first_log(parts: &Parts, identified: &Identified) -> Log {
    let accepted = &identified.accepted;
    let text = |name| header::text(&accepted.headers, name).map(bounded);
    let metadata = metadata::collect(&accepted.headers, &identified.key);
    let trace = &accepted.trace;
    let environment = identified.environment();
    Log {
        id: accepted.id,
        state: LogState::Open,
        created_at: accepted.at,
        organisation_id: identified.organisation.id,
        organisation_name: identified.organisation.name.clone(),
        workspace_id: identified.workspace.id,
        workspace_slug: identified.workspace.slug.to_string(),
        environment_id: identified.key.environment_id,
        environment: environment.map(|e| e.slug.to_string()).unwrap_or_default(),
        api_key_id: identified.key.id,
        user_id: identified.key.user_id,
        user: metadata.get("_user").cloned(),
        endpoint: accepted.endpoint.name().to_owned(),
        request_method: accepted.method.to_string(),
        request_url: masked_url(accepted.path(), accepted.query()),
        is_proxy_call: !accepted.endpoint.is_understood(),
        stream: false,
        model_asked: None,
        metadata,
        trace_id: trace.trace_id.clone(),
        span_id: trace.span_id.clone(),
        parent_span_id: trace.parent_span_id.clone(),
        span_name: trace.span_name.clone(),
        sdk_version: text(header::PACKAGE_VERSION),
        runtime: text(header::RUNTIME),
        runtime_version: text(header::RUNTIME_VERSION),
        user_agent: text("user-agent"),
        client_address: Some(accepted.peer.to_string()),
        provider: None,
        virtual_key: None,
        virtual_key_id: None,
        integration_id: None,
        upstream_host: None,
        last_used_option: None,
        attempts: 0,
        retry_success_count: 0,
        cache_status: "DISABLED".to_owned(),
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
        gateway_version: parts.version.to_owned(),
        stored_content: StoredContent::None,
    }
}

/// How long the audio is that an SDK sends, for providers that do not tell. Nothing at all is not
/// what was sent, and more than a year is no recording: such a length is not known.
fn recording_millis(text: &str) -> Option<u64> {
    text.parse().ok().filter(|millis| (1..=31_536_000_000).contains(millis))
}

/// The address as it may be recorded: values of the query that could be secrets or content do not
/// show.
fn masked_url(path: &str, query: Option<&str>) -> String {
    let mut url: String = "/v1".chars().chain(path.chars()).take(1024).collect();
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    for (index, (name, value)) in pairs.enumerate().take(32) {
        let open = matches!(name, "model" | "limit" | "order" | "after" | "before" | "purpose");
        url.push(if index == 0 { '?' } else { '&' });
        url.extend(name.chars().take(64));
        url.push('=');
        url.extend(if open { value } else { "********" }.chars().take(128));
    }
    plain(&url, usize::MAX)
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
