//! What a call consumed and what it cost.

use portcullis_domain::{Log, NanoDollars, UsageSource};
use portcullis_providers::{Endpoint, adapter::Observed, price};

/// Fills in usage and cost. Usage comes from the provider; what it left out is estimated from the
/// text and marked so. A model without a price leaves the cost empty: unpriced, never free.
pub(crate) fn settle(log: &mut Log, observed: Option<&Observed>, request_chars: u64) {
    if let Some(observed) = observed {
        log.model_served = observed.model.clone();
        log.upstream_id = observed.id.clone();
        log.finish_reason = observed.finish_reason.clone();
        let said_by_caller = log.usage.audio_millis;
        log.usage = observed.usage;
        if log.usage != Default::default() {
            log.usage_source = UsageSource::Provider;
        }
        if log.usage.audio_millis.is_none() && said_by_caller.is_some() {
            log.usage.audio_millis = said_by_caller;
            log.usage_source = UsageSource::Estimate;
        }
    }
    let answered = log.response_status.is_some_and(|status| (200..300).contains(&status));
    if !answered {
        // An error answer is not charged for, unless the provider says that it is.
        if log.usage_source == UsageSource::None {
            log.cost = Some(NanoDollars(0));
            return;
        }
    } else if generates(log) {
        estimate_missing(log, observed, request_chars);
    }
    price(log);
}

fn generates(log: &Log) -> bool {
    [Endpoint::ChatComplete, Endpoint::Complete, Endpoint::Messages, Endpoint::CreateModelResponse]
        .iter()
        .any(|endpoint| endpoint.name() == log.endpoint)
        || (log.endpoint == Endpoint::Embed.name())
}

fn estimate_missing(log: &mut Log, observed: Option<&Observed>, request_chars: u64) {
    let usage = &mut log.usage;
    if usage.input_tokens.is_none() {
        usage.input_tokens = Some(price::estimate::tokens(request_chars));
        log.usage_source = UsageSource::Estimate;
    }
    if usage.output_tokens.is_none() && log.endpoint != Endpoint::Embed.name() {
        let chars = observed.map_or(0, |observed| observed.output_chars);
        usage.output_tokens = Some(price::estimate::tokens(chars));
        log.usage_source = UsageSource::Estimate;
    }
}

fn price(log: &mut Log) {
    let Some(provider) = log.provider.as_deref() else { return };
    if log.usage == Default::default() {
        // Nothing was consumed that anybody counts: file listings, model lists.
        if log.usage_source == UsageSource::None && log.model_asked.is_none() {
            log.cost = Some(NanoDollars(0));
        }
        return;
    }
    let table = price::table();
    // What served is charged; providers that answer with a name of their own are priced by what
    // was asked.
    let models = [log.model_served.as_deref(), log.model_asked.as_deref()];
    let found = models.into_iter().flatten().find_map(|model| table.find(provider, model));
    let Some(found) = found else { return };
    log.cost = found.cost(&log.usage, &price::PriceContext::default());
    log.price_origin = log.cost.is_some().then(|| found.origin().to_owned());
}
