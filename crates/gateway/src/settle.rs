//! What a call consumed and what it cost.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use portcullis_domain::{Log, NanoDollars, Usage, UsageSource};
use portcullis_providers::{
    Endpoint,
    adapter::Observed,
    price::{self, PriceContext},
    request::JsonRequest,
};

use crate::trace::bounded_own;

/// What is known of a call that was sent.
pub(crate) struct Facts<'a> {
    pub(crate) endpoint: Endpoint,
    /// Whether it only manages what an earlier call stored.
    pub(crate) manages: bool,
    /// The provider's status; none when it did not come to answer.
    pub(crate) status: Option<StatusCode>,
    /// What the answer told; its words are taken.
    pub(crate) observed: Option<&'a mut Observed>,
    /// The request's body, when it is JSON.
    pub(crate) request: Option<&'a Bytes>,
}

/// Fills in usage and cost. Usage comes from the provider; what it left out is estimated from the
/// text and marked so. A model without a price leaves the cost empty: unpriced, never free. So
/// does a call of which nobody knows what it consumed.
pub(crate) fn settle(log: &mut Log, mut facts: Facts<'_>) {
    settle_own(log, &mut facts);
    for (model, usage) in facts.observed.iter().flat_map(|observed| &observed.beside) {
        add_beside(log, model, usage);
    }
}

/// Without what other models took besides.
fn settle_own(log: &mut Log, facts: &mut Facts<'_>) {
    // SDKs tell how long the audio they send is.
    let said_by_caller = std::mem::take(&mut log.usage);
    if let Some(observed) = &mut facts.observed {
        log.model_served = observed.model.take().map(bounded_own);
        log.upstream_id = observed.id.take().map(bounded_own);
        log.finish_reason = observed.finish_reason.take().map(bounded_own);
        log.usage = observed.usage;
    }
    let facts = &*facts;
    let served =
        |status: StatusCode| status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS;
    let refused = facts.status.is_some_and(|status| !served(status));
    if refused && log.usage.total_tokens().is_none() {
        // An error is not charged for, unless the provider states what it took.
        log.usage = Usage::default();
        log.cost = Some(NanoDollars(0));
        return;
    }
    if log.usage != Usage::default() {
        log.usage_source = UsageSource::Provider;
    }
    if facts.observed.as_ref().is_some_and(|observed| observed.runs_on) {
        // It goes on in the background, and nobody here will learn what it took.
        return;
    }
    if !refused {
        estimate_missing(log, facts, &said_by_caller);
    }
    // Whatever makes a model work is posted.
    let works = facts.endpoint.uses_model() && !facts.manages && log.request_method == "POST";
    if log.usage == Usage::default() && !works {
        log.cost = Some(NanoDollars(0));
        return;
    }
    if matches!(facts.endpoint, Endpoint::CreateBatch | Endpoint::CreateFinetune) {
        // What it sets going costs money later, and nobody knows how much yet.
        return;
    }
    price(log, facts);
}

fn estimate_missing(log: &mut Log, facts: &Facts<'_>, said_by_caller: &Usage) {
    use Endpoint::{
        ChatComplete, Complete, CreateModelResponse, CreateTranscription, CreateTranslation, Embed,
        Messages,
    };
    let usage = &mut log.usage;
    let before = *usage;
    match facts.endpoint {
        ChatComplete | Complete | Messages | CreateModelResponse | Embed => {
            if usage.input_tokens.is_none() {
                usage.input_tokens = Some(price::estimate::tokens(request_chars(facts)));
            }
            if usage.output_tokens.is_none() && facts.endpoint != Embed {
                let chars = facts.observed.as_ref().map_or(0, |observed| observed.output_chars);
                usage.output_tokens = Some(price::estimate::tokens(chars));
            }
        }
        CreateTranscription | CreateTranslation => {
            usage.audio_millis = usage.audio_millis.or(said_by_caller.audio_millis);
        }
        _ => {}
    }
    if *usage != before {
        log.usage_source = UsageSource::Estimate;
    }
}

/// Counted only here: most providers say what they read.
fn request_chars(facts: &Facts<'_>) -> u64 {
    parsed(facts).map_or(0, |request| request.text_chars())
}

fn parsed(facts: &Facts<'_>) -> Option<JsonRequest> {
    JsonRequest::parse(facts.request?.clone()).ok()
}

fn price(log: &mut Log, facts: &Facts<'_>) {
    let Some(provider) = log.provider.as_deref() else { return };
    let table = price::table();
    // What served is charged; providers that answer with a name of their own are priced by what
    // was asked.
    let models = [log.model_served.as_deref(), log.model_asked.as_deref()];
    let found = models.into_iter().flatten().find_map(|model| table.find(provider, model));
    let Some(found) = found else { return };
    let images = matches!(facts.endpoint, Endpoint::ImageGenerate | Endpoint::ImageEdit);
    let request = images.then(|| parsed(facts)).flatten();
    let asked =
        |member| -> Option<String> { serde_json::from_str(request.as_ref()?.member(member)?).ok() };
    let (quality, size) = (asked("quality"), asked("size"));
    log.cost = found.cost(
        &log.usage,
        &PriceContext {
            service_tier: facts.observed.as_ref().and_then(|told| told.service_tier.as_deref()),
            image_quality: quality.as_deref(),
            image_size: size.as_deref(),
            ..PriceContext::default()
        },
    );
    log.price_origin = log.cost.is_some().then(|| Cow::Borrowed(found.origin()));
}

/// Adds what another model took, at its own price.
fn add_beside(log: &mut Log, model: &str, usage: &Usage) {
    log.usage.add(usage);
    log.usage_source = UsageSource::Provider;
    let price = log.provider.as_deref().and_then(|provider| price::table().find(provider, model));
    let cost = price.and_then(|price| price.cost(usage, &PriceContext::default()));
    log.cost = log.cost.zip(cost).map(|(sum, cost)| NanoDollars(sum.0.saturating_add(cost.0)));
    let origin = price.map(|price| Cow::Borrowed(price.origin()));
    log.price_origin = log.cost.and(log.price_origin.take().or(origin));
}

#[cfg(test)]
mod tests {
    use portcullis_domain::NanoDollars;
    use serde_json::json;

    use super::*;

    const OK: Option<StatusCode> = Some(StatusCode::OK);

    fn log(provider: &str, model: &str) -> Log {
        let id = "0190b7a2-3f4c-7d8e-9a1b-2c3d4e5f6a7b";
        serde_json::from_value(json!({
            "id": id, "state": "open", "created_at": 0, "organisation_id": id,
            "organisation_name": "", "workspace_id": id, "workspace_slug": "",
            "environment_id": id, "environment": "", "api_key_id": id, "endpoint": "",
            "request_method": "POST", "request_url": "", "is_proxy_call": false,
            "stream": false, "trace_id": "", "span_id": "", "attempts": 1,
            "retry_success_count": 0, "cache_status": "", "is_success": false, "usage": {},
            "usage_source": "none", "request_bytes": 0, "response_bytes": 0,
            "response_chunks": 0, "timings": {}, "node_id": id, "gateway_version": "",
            "stored_content": "none", "provider": provider, "model_asked": model,
        }))
        .expect("every required member is there")
    }

    fn cost(log: &mut Log, facts: Facts<'_>) -> Option<i64> {
        settle(log, facts);
        log.cost.map(|NanoDollars(cost)| cost)
    }

    #[test]
    fn a_price_per_request_needs_no_usage() {
        let mut log = log("cohere", "rerank-v3.5");
        let facts = Facts {
            manages: false,
            endpoint: Endpoint::Rerank,
            status: OK,
            observed: Some(&mut Observed::default()),
            request: None,
        };
        assert_eq!(cost(&mut log, facts), Some(2_000_000));
        assert_eq!(log.usage_source, UsageSource::None);
    }

    #[test]
    fn pages_are_charged_as_stated() {
        let usage = Usage { pages: Some(3), ..Usage::default() };
        let mut observed = Observed { usage, ..Observed::default() };
        let facts = Facts {
            manages: false,
            endpoint: Endpoint::Ocr,
            status: OK,
            observed: Some(&mut observed),
            request: None,
        };
        assert_eq!(cost(&mut log("mistral-ai", "mistral-ocr-latest"), facts), Some(12_000_000));
    }

    #[test]
    fn images_are_charged_by_the_quality_asked_for() {
        let usage = Usage { images: Some(1), ..Usage::default() };
        let mut observed = Observed { usage, ..Observed::default() };
        let request = Bytes::from_static(br#"{"quality":"hd","size":"1024x1792"}"#);
        let mut cost_of = |request| {
            let facts = Facts {
                manages: false,
                endpoint: Endpoint::ImageGenerate,
                status: OK,
                observed: Some(&mut observed),
                request,
            };
            cost(&mut log("openai", "dall-e-3"), facts)
        };
        assert_eq!(cost_of(Some(&request)), Some(120_000_000));
        assert_eq!(cost_of(None), Some(40_000_000));
    }

    #[test]
    fn the_tier_that_served_decides_and_an_unknown_one_is_unpriced() {
        let usage =
            Usage { input_tokens: Some(1000), output_tokens: Some(1000), ..Usage::default() };
        let with = |tier: &str| {
            let service_tier = Some(tier.to_owned());
            let mut observed = Observed { usage, service_tier, ..Observed::default() };
            let endpoint = Endpoint::ChatComplete;
            let facts = Facts {
                manages: false,
                endpoint,
                status: OK,
                observed: Some(&mut observed),
                request: None,
            };
            cost(&mut log("openai", "o3"), facts)
        };
        let usual = with("default").expect("o3 has a price");
        assert_eq!(with("flex"), Some(usual / 2));
        assert_eq!(with("batch"), Some(usual / 2));
        assert_eq!(with("unheard-of"), None);
    }

    #[test]
    fn a_call_that_nobody_saw_the_end_of_is_estimated_and_a_refused_one_is_free() {
        let request = Bytes::from(format!(r#"{{"prompt":"{}"}}"#, "x".repeat(4000)));
        let facts = |status| Facts {
            manages: false,
            endpoint: Endpoint::ChatComplete,
            status,
            observed: None,
            request: Some(&request),
        };
        let mut log = log("openai", "gpt-4o");
        assert!(cost(&mut log, facts(None)).is_some_and(|cost| cost > 0));
        assert_eq!(log.usage_source, UsageSource::Estimate);
        assert_eq!(cost(&mut log, facts(Some(StatusCode::TOO_MANY_REQUESTS))), Some(0));
    }

    #[test]
    fn what_only_manages_is_free_and_an_unknown_path_unpriced() {
        let facts = |endpoint| Facts {
            endpoint,
            manages: false,
            status: OK,
            observed: None,
            request: None,
        };
        assert_eq!(cost(&mut log("openai", "x"), facts(Endpoint::UploadFile)), Some(0));
        for endpoint in [Endpoint::CreateBatch, Endpoint::CreateFinetune] {
            // Not even where requests have a price: it is of requests that answer at once.
            assert_eq!(cost(&mut log("cohere", "rerank-v3.5"), facts(endpoint)), None);
        }
        assert_eq!(cost(&mut log("openai", "x"), facts(Endpoint::Proxy)), None);
        let managed = Facts { manages: true, ..facts(Endpoint::Proxy) };
        assert_eq!(cost(&mut log("openai", "x"), managed), Some(0));
        let mut read = log("openai", "x");
        read.request_method = "GET".into();
        assert_eq!(cost(&mut read, facts(Endpoint::Proxy)), Some(0));
    }

    #[test]
    fn what_goes_on_in_the_background_is_unpriced() {
        let mut runs_on = Observed { runs_on: true, ..Observed::default() };
        let request = Bytes::from_static(br#"{"input":"hello","background":true}"#);
        let facts = Facts {
            endpoint: Endpoint::CreateModelResponse,
            manages: false,
            status: OK,
            observed: Some(&mut runs_on),
            request: Some(&request),
        };
        assert_eq!(cost(&mut log("openai", "gpt-4o"), facts), None);
    }

    #[test]
    fn what_other_models_took_has_their_price_or_none_at_all() {
        let cost_of = |own: Usage, transcriber: &str, runs_on| {
            let beside = Usage { audio_millis: Some(90_000), ..Usage::default() };
            let beside = vec![(transcriber.to_owned(), beside)];
            let mut observed = Observed { usage: own, beside, runs_on, ..Observed::default() };
            let facts = Facts {
                endpoint: Endpoint::Realtime,
                manages: false,
                status: Some(StatusCode::SWITCHING_PROTOCOLS),
                observed: Some(&mut observed),
                request: None,
            };
            let mut log = log("openai", "gpt-realtime");
            log.request_method = "GET".into();
            let cost = cost(&mut log, facts);
            assert_eq!(log.usage.audio_millis, Some(90_000));
            assert_eq!(log.usage_source, UsageSource::Provider);
            assert_eq!(log.price_origin.is_some(), cost.is_some());
            cost
        };
        let own = Usage { input_tokens: Some(10), ..Usage::default() };
        // A minute and a half at 0.006 each; text at 4 a million.
        assert_eq!(cost_of(Usage::default(), "whisper-1", false), Some(9_000_000));
        assert_eq!(cost_of(own, "whisper-1", false), Some(9_040_000));
        assert_eq!(cost_of(own, "unheard-of", false), None);
        assert_eq!(cost_of(own, "whisper-1", true), None);
    }

    #[test]
    fn a_providers_words_are_cut_and_can_be_stored() {
        let long = || Some(format!("\0{}", "x".repeat(1000)));
        let mut observed =
            Observed { model: long(), id: long(), finish_reason: long(), ..Observed::default() };
        let endpoint = Endpoint::ChatComplete;
        let facts = Facts {
            endpoint,
            manages: false,
            status: OK,
            observed: Some(&mut observed),
            request: None,
        };
        let mut log = log("openai", "gpt-4o");
        settle(&mut log, facts);
        let expected = Some("x".repeat(256));
        for word in [log.model_served, log.upstream_id, log.finish_reason] {
            assert_eq!(word, expected);
        }
    }
}
