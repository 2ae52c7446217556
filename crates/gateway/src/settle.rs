//! What a call consumed and what it cost.

use bytes::Bytes;
use http::StatusCode;
use portcullis_domain::{Log, NanoDollars, Usage, UsageSource};
use portcullis_providers::{
    Endpoint,
    adapter::Observed,
    price::{self, PriceContext},
    request::JsonRequest,
};

/// What is known of a call that was sent.
pub(crate) struct Facts<'a> {
    pub(crate) endpoint: Endpoint,
    /// The provider's status; none when it did not come to answer.
    pub(crate) status: Option<StatusCode>,
    pub(crate) observed: Option<&'a Observed>,
    /// The request's body, when it is JSON.
    pub(crate) request: Option<&'a Bytes>,
}

/// Fills in usage and cost. Usage comes from the provider; what it left out is estimated from the
/// text and marked so. A model without a price leaves the cost empty: unpriced, never free. So
/// does a call of which nobody knows what it consumed.
pub(crate) fn settle(log: &mut Log, facts: &Facts<'_>) {
    // SDKs tell how long the audio they send is.
    let said_by_caller = std::mem::take(&mut log.usage);
    if let Some(observed) = facts.observed {
        log.model_served.clone_from(&observed.model);
        log.upstream_id.clone_from(&observed.id);
        log.finish_reason.clone_from(&observed.finish_reason);
        log.usage = observed.usage;
    }
    let refused = facts.status.is_some_and(|status| !status.is_success());
    if refused && log.usage.total_tokens().is_none() {
        // An error is not charged for, unless the provider states what it took.
        log.usage = Usage::default();
        log.cost = Some(NanoDollars(0));
        return;
    }
    if log.usage != Usage::default() {
        log.usage_source = UsageSource::Provider;
    }
    if !refused {
        estimate_missing(log, facts, &said_by_caller);
    }
    // Whatever makes a model work is posted.
    let works = facts.endpoint.uses_model() && log.request_method == "POST";
    if log.usage == Usage::default() && !works {
        log.cost = Some(NanoDollars(0));
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
                let chars = facts.observed.map_or(0, |observed| observed.output_chars);
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
            service_tier: facts.observed.and_then(|observed| observed.service_tier.as_deref()),
            image_quality: quality.as_deref(),
            image_size: size.as_deref(),
            ..PriceContext::default()
        },
    );
    log.price_origin = log.cost.is_some().then(|| found.origin().to_owned());
}
