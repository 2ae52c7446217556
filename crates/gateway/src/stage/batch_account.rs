//! The account of a batch: what its lines took, summed while the output passes to whoever asked for
//! it, and recorded once for each model, however often and through whichever node it passes.
//!
//! The id and the time of such a log come from the batch alone, and the store takes a log's id once.

use std::{borrow::Cow, sync::Arc};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use portcullis_domain::{
    CallId, Fault, Log, LogState, Recorder, StoredContent, Timestamp, Timings, UsageSource,
};
use portcullis_providers::{
    Endpoint,
    adapter::{
        Observed, Reply,
        batch::{BatchOutput, Taken},
    },
    catalog::Provider,
};
use serde_json::Value;

use crate::{closing::Closing, header, trace::bounded};

/// What such a log calls its endpoint.
const ENDPOINT: &str = "batch";
/// 2020-01-01T00:00:00Z, in seconds: before it, there were no batches.
const FIRST: i64 = 1_577_836_800;
/// How far a provider's clock may be ahead, in seconds.
const AHEAD: i64 = 24 * 3600;

/// Where to record what a batch took.
pub(super) struct Account {
    recorder: Arc<dyn Recorder>,
    /// What all of its logs have in common.
    log: Box<Log>,
    /// What requests the batch holds.
    endpoint: Option<Endpoint>,
    provider: &'static str,
}

/// Sums what passes through another reply.
pub(super) struct Counted {
    inner: Box<dyn Reply>,
    /// Taken at the output's end, or when it turns out to be none.
    counting: Option<(BatchOutput, Account)>,
}

impl Account {
    /// Of the batch as the provider describes it, whose output this call asks for. None where the
    /// batch does not say who and of when it is: it could not be told from another, or from itself.
    pub(super) fn of(
        batch: &Value,
        provider: &'static Provider,
        closing: &Closing,
    ) -> Option<Self> {
        let (mut log, recorder) = closing.beside();
        let id = batch["id"].as_str().filter(|id| (1..=256).contains(&id.len()))?;
        // Some write it with a fraction.
        let made = batch["created_at"].as_f64()? as i64;
        let now = log.created_at.micros() / 1_000_000;
        if !(FIRST..=now + AHEAD).contains(&made) {
            return None;
        }
        let endpoint = batch["endpoint"].as_str().and_then(|path| path.strip_prefix("/v1"));
        log.created_at = Timestamp::from_micros(made * 1_000_000);
        log.upstream_id = Some(bounded(id));
        log.endpoint = Cow::Borrowed(ENDPOINT);
        log.request_url = bounded(&format!("/v1/batches/{id}/output"));
        log.model_asked = None;
        log.state = LogState::Finished;
        log.is_success = true;
        log.response_status = Some(200);
        (log.request_bytes, log.attempts, log.retry_success_count) = (0, 0, 0);
        (log.timings, log.stored_content) = (Timings::default(), StoredContent::None);
        Some(Self {
            recorder,
            log: Box::new(log),
            endpoint: endpoint.map(|path| Endpoint::of(&Method::POST, path)),
            provider: provider.name,
        })
    }

    fn record(mut self, taken: Vec<Taken>) {
        for Taken { model, usage, cost, price_origin } in taken {
            let log = &mut *self.log;
            log.id = log_id(log, model.as_deref().unwrap_or_default());
            log.model_served = model.as_deref().map(bounded);
            (log.usage, log.usage_source) = (usage, UsageSource::Provider);
            (log.cost, log.price_origin) = (cost, price_origin.map(Cow::Borrowed));
            self.recorder.close(log, None);
        }
    }
}

/// The same for the same batch, wherever it is counted: a hash of the organisation, the provider,
/// its host, the batch's id and the model. Who brings a host along can only tell of batches there.
fn log_id(log: &Log, model: &str) -> CallId {
    let mut hash = Context::new(&SHA256);
    hash.update(b"portcullis batch 1");
    hash.update(log.organisation_id.as_bytes());
    let provider = log.provider.as_deref().unwrap_or_default();
    let host = log.upstream_host.as_deref().unwrap_or_default();
    for part in [provider, host, log.upstream_id.as_deref().unwrap_or_default(), model] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finish().as_ref()[..16]);
    CallId::from_hash(id)
}

impl Counted {
    pub(super) fn new(inner: Box<dyn Reply>, account: Account) -> Self {
        let output = BatchOutput::new(account.provider, account.endpoint);
        Self { inner, counting: Some((output, account)) }
    }
}

impl Reply for Counted {
    fn head(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<&'static str> {
        // A part of the output, or one that nobody here can read, says nothing of the whole.
        if status != StatusCode::OK || header::is_encoded(headers) {
            self.counting = None;
        }
        self.inner.head(status, headers)
    }

    fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if let Some((output, _)) = &mut self.counting {
            output.push(&chunk);
        }
        self.inner.push(chunk, out)
    }

    fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if let Some((output, account)) = self.counting.take()
            && let Some(taken) = output.finish()
        {
            account.record(taken);
        }
        self.inner.finish(out)
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<Bytes>) {
        self.inner.fail(fault, out);
    }

    fn is_complete(&self) -> bool {
        self.inner.is_complete()
    }

    fn observed(&mut self) -> &mut Observed {
        self.inner.observed()
    }
}
