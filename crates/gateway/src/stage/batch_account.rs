//! The account of a batch: what its lines took, summed while the output passes to whoever asked for
//! it, and recorded once for each model, however often and through whichever node it passes.
//!
//! The id and the time of such a log come from the batch alone, and the store takes what has the same
//! of both once.

use std::{borrow::Cow, sync::Arc};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
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

use crate::{
    closing::Closing,
    header,
    trace::{bounded, hexadecimal},
};

/// What such a log calls its endpoint.
const ENDPOINT: &str = "batch";
/// How old a batch may be, in seconds: 13 months. The store keeps months apart, and whoever brings a
/// host along could have any of them made.
const OLDEST: i64 = (365 + 31) * 24 * 3600;
/// How far a provider's clock may be ahead, in seconds.
const AHEAD: i64 = 5 * 60;
/// The statuses of a batch whose output does not grow any more.
const ENDED: [&str; 4] = ["completed", "expired", "cancelled", "failed"];

/// Where to record what a batch took.
pub(super) struct Account {
    recorder: Arc<dyn Recorder>,
    /// What all of its logs have in common.
    log: Box<Log>,
    /// What requests the batch holds.
    endpoint: Option<Endpoint>,
    provider: &'static str,
    /// How many lines its output has at least.
    least: u64,
    /// Of what tells the batch from others.
    hash: Context,
}

/// Sums what passes through another reply.
pub(super) struct Counted {
    inner: Box<dyn Reply>,
    /// Taken at the output's end, or when it turns out to be none.
    counting: Option<(BatchOutput, Account)>,
}

impl Account {
    /// Of the batch as the provider describes it at `url`, whose output this call asks for; `cuts_show`
    /// says whether an output that is cut off between two lines shows that. None where the batch
    /// has not ended, or does not say who and of when it is: it could not be told from another, or
    /// from itself.
    pub(super) fn of(
        batch: &Value,
        url: &str,
        cuts_show: bool,
        provider: &'static Provider,
        closing: &Closing,
    ) -> Option<Self> {
        let (mut log, recorder) = closing.beside();
        let status = batch["status"].as_str()?;
        ENDED.iter().find(|ended| ended.eq_ignore_ascii_case(status))?;
        let least = lines(batch);
        if !cuts_show && least == 0 {
            return None;
        }
        let id = batch["id"].as_str().filter(|id| (1..=256).contains(&id.len()))?;
        // Some write it with a fraction.
        let made = batch["created_at"].as_f64()? as i64;
        let now = log.created_at.micros() / 1_000_000;
        if !(now - OLDEST..=now + AHEAD).contains(&made) {
            return None;
        }
        let mut hash = Context::new(&SHA256);
        hash.update(b"portcullis batch 2");
        hash.update(log.organisation_id.as_bytes());
        hash.update(&made.to_be_bytes());
        for part in [provider.name, &place(url)?, id] {
            add(&mut hash, part);
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
        log.parent_span_id = Some(std::mem::take(&mut log.span_id));
        log.span_name = None;
        Some(Self {
            recorder,
            log: Box::new(log),
            endpoint: endpoint.map(|path| Endpoint::of(&Method::POST, path)),
            provider: provider.name,
            least,
            hash,
        })
    }

    fn record(mut self, taken: Vec<Taken>) {
        for Taken { model, usage, cost, price_origin } in taken {
            let log = &mut *self.log;
            let mut hash = self.hash.clone();
            add(&mut hash, model.as_deref().unwrap_or_default());
            let hash = hash.finish();
            let (mut id, mut span) = ([0; 16], [0; 8]);
            id.copy_from_slice(&hash.as_ref()[..16]);
            span.copy_from_slice(&hash.as_ref()[16..24]);
            (log.id, log.span_id) = (CallId::from_hash(id), hexadecimal(span));
            log.model_served = model.as_deref().map(bounded);
            (log.usage, log.usage_source) = (usage, UsageSource::Provider);
            (log.cost, log.price_origin) = (cost, price_origin.map(Cow::Borrowed));
            self.recorder.close(log, None);
        }
    }
}

/// How many lines the output of a batch has at least, as far as the batch says: those of requests
/// that were completed, and those of failed ones unless they have a file of their own.
fn lines(batch: &Value) -> u64 {
    let counts = &batch["request_counts"];
    let stated = |name: &str| counts[name].as_f64().unwrap_or_default() as u64;
    let failed_too = batch["error_file_id"].as_str().is_none_or(str::is_empty);
    let failed = if failed_too { stated("failed") } else { 0 };
    stated("completed").saturating_add(failed)
}

/// Where a batch is, of its URL: its host, its port unless it is the scheme's own, and the path
/// before `/batches`. Ids are that place's own, and whoever brings a host along can only tell of
/// batches there.
fn place(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let host = url.host()?.trim_end_matches('.').to_ascii_lowercase();
    let usual = if url.scheme_str() == Some("http") { 80 } else { 443 };
    let port = url.port_u16().unwrap_or(usual);
    let (base, _) = url.path().rsplit_once("/batches/")?;
    let base = base.trim_end_matches('/');
    Some(if port == usual { format!("{host}{base}") } else { format!("{host}:{port}{base}") })
}

fn add(hash: &mut Context, part: &str) {
    hash.update(&(part.len() as u64).to_be_bytes());
    hash.update(part.as_bytes());
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
            && let Some(taken) = output.finish(account.least)
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

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_place_is_the_same_however_it_is_written() {
        let found = |url: &str| place(url).unwrap();
        for url in [
            "https://api.openai.com/v1/batches/b",
            "https://API.OpenAI.com./v1/batches/b?after=1",
            "https://api.openai.com:443/v1//batches/batches",
        ] {
            assert_eq!(found(url), "api.openai.com/v1", "{url}");
        }
        assert_eq!(found("http://Host:80/batches/b"), "host");
        assert_eq!(found("http://host:443/batches/b"), "host:443");
        assert_eq!(found("https://host:8443/a/v1/batches/b"), "host:8443/a/v1");
        assert_eq!(found("https://[::1]:8443/V1/batches/b"), "[::1]:8443/V1");
        assert_eq!(place("https://host/v1/files/b"), None);
    }
}
