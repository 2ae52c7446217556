//! `/logs`.

use std::collections::BTreeMap;

use http::Method;
use portcullis_control::{Caller, ControlError, LogDetail, LogFilter};
use portcullis_domain::{
    ApiKeyId, AuditAction, AuditResource, CallId, Log, LogState, NanoDollars, Scope,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    answer::{Json, ListTag},
    ask::Ask,
    body::NoBody,
    error::ApiError,
    query::{
        CURRENT_PAGE, CURRENT_PAGE_CAMEL, Kind, PAGE_SIZE, PAGE_SIZE_CAMEL, Param, Query,
        WORKSPACE_ID,
    },
    resource::log_content,
    route::{Route, admin},
};

const STATES: &[&str] = &["finished", "failed", "hung_up", "interrupted"];
const LEAST: &str = "At least that.";
const MOST: &str = "At most that.";
const NOT_SERVED: &str = "Not served by this version: refused.";

/// Filters as in the export filters of the admin reference; pages by key: `after` names the last
/// log of the page before, which the answer calls `next`.
const LIST: &[Param] = &[
    WORKSPACE_ID,
    Param::new("workspace_slug", Kind::Text, "Another spelling of workspace_id."),
    Param::new("limit", Kind::Integer, "How many to answer with, from 1 to 500; 50 by default."),
    Param::new("after", Kind::Text, "The last log of the page before: what it called next."),
    PAGE_SIZE,
    PAGE_SIZE_CAMEL,
    CURRENT_PAGE,
    CURRENT_PAGE_CAMEL,
    Param::new("time_of_generation_min", Kind::Instant, "From then on."),
    Param::new("time_of_generation_max", Kind::Instant, "Before then."),
    Param::new("environment", Kind::Text, "Of environments of this slug."),
    Param::new("status_code", Kind::Text, "Answered with one of these statuses, comma-separated."),
    Param::new("status_code_min", Kind::Integer, LEAST),
    Param::new("status_code_max", Kind::Integer, MOST),
    Param::new("is_success", Kind::Flag, "Whether the client got a whole, successful answer."),
    Param::new("state", Kind::OneOf(STATES), "How the call ended."),
    Param::new("ai_org", Kind::Text, "Sent to this provider."),
    Param::new("provider", Kind::Text, "Another spelling of ai_org."),
    Param::new("virtual_keys", Kind::Text, "Sent with one of these, by slug, comma-separated."),
    Param::new("ai_model", Kind::Text, "For this model."),
    Param::new("ai_org_model", Kind::Text, "provider__model, comma-separated."),
    Param::new("api_key_ids", Kind::Text, "Made with one of these keys, comma-separated."),
    Param::new("user_id", Kind::Text, "Made by this person."),
    Param::new("user", Kind::Text, "Made for this end user."),
    Param::new("trace_id", Kind::Text, "Of this trace."),
    Param::new("cost_min", Kind::Number, "Costing at least that, in cents."),
    Param::new("cost_max", Kind::Number, "Costing at most that, in cents."),
    Param::new("total_units_min", Kind::Integer, LEAST),
    Param::new("total_units_max", Kind::Integer, MOST),
    Param::new("prompt_token_min", Kind::Integer, LEAST),
    Param::new("prompt_token_max", Kind::Integer, MOST),
    Param::new("completion_token_min", Kind::Integer, LEAST),
    Param::new("completion_token_max", Kind::Integer, MOST),
    Param::new("metadata", Kind::Text, "A JSON object of texts that the metadata holds."),
    Param::new("weighted_feedback_min", Kind::Number, NOT_SERVED),
    Param::new("weighted_feedback_max", Kind::Number, NOT_SERVED),
    Param::new("configs", Kind::Text, NOT_SERVED),
    Param::new("prompt_slug", Kind::Text, NOT_SERVED),
];

pub(crate) fn routes() -> Vec<Route> {
    let audited = |action| (action, AuditResource::Log);
    vec![
        admin(
            Method::GET,
            "/v1/logs",
            &[Scope::LogsList, Scope::LogsView],
            audited(AuditAction::List),
            "Search the logs of calls",
            list,
        )
        .query(LIST),
        admin(
            Method::GET,
            "/v1/logs/{id}",
            &[Scope::LogsView, Scope::CompletionsWrite, Scope::LogsWrite],
            audited(AuditAction::Read),
            "Retrieve a log; its content with logs.view only",
            retrieve,
        )
        .telling_itself(),
    ]
}

/// A page of logs, newest first.
#[derive(Serialize, JsonSchema)]
struct LogsShown {
    object: ListTag,
    /// How many match, counted up to 10,000.
    total: u64,
    data: Vec<Map<String, Value>>,
    /// What to pass as `after` for the next page; null on the last.
    next: Option<String>,
    /// There are more than were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_is_capped: Option<bool>,
}

async fn list(ask: Ask<Caller, NoBody>) -> Result<Json<LogsShown>, ApiError> {
    let query = &ask.query;
    refuse_unserved(query)?;
    let size = query.parse("page_size")?.or(query.parse("pageSize")?);
    let limit = query.parse::<u32>("limit")?.or(size).unwrap_or(50);
    if !(1..=500).contains(&limit) {
        return Err(ApiError::Malformed("limit: must be from 1 to 500".to_owned()));
    }
    let after = match query.text("after") {
        None => None,
        Some(text) => Some(
            CallId::parse(text).map_err(|error| ApiError::Malformed(format!("after: {error}")))?,
        ),
    };
    let workspace = query.text("workspace_id").or_else(|| query.text("workspace_slug"));
    let logs = ask.control.logs(&ask.who);
    let page = logs.list(filter(query)?, workspace, after, limit).await?;
    let is_full = page.logs.len() == limit as usize;
    let next = page.logs.last().filter(|_| is_full).map(|log| log.id.to_string());
    Ok(Json(LogsShown {
        object: ListTag::List,
        total: page.total,
        data: page.logs.iter().map(metrics).collect(),
        next,
        total_is_capped: page.total_is_capped.then_some(true),
    }))
}

/// Filters that the contract names and this version has nothing to apply to. Ignored, they would
/// answer with logs that were not asked for.
fn refuse_unserved(query: &Query) -> Result<(), ApiError> {
    for name in ["weighted_feedback_min", "weighted_feedback_max", "configs", "prompt_slug"] {
        if query.text(name).is_some() {
            return Err(ApiError::Malformed(format!("{name}: this filter is not served")));
        }
    }
    for name in ["current_page", "currentPage"] {
        if query.text(name).is_some_and(|page| page != "0") {
            let message = "logs page by 'after': pass what the page before called 'next'";
            return Err(ApiError::Malformed(format!("{name}: {message}")));
        }
    }
    Ok(())
}

async fn retrieve(ask: Ask<Caller, NoBody>) -> Result<Json<Map<String, Value>>, ApiError> {
    let id = CallId::parse(ask.path("id")).map_err(|_| ControlError::NotFound("log"))?;
    let detail = ask.control.logs(&ask.who).retrieve(id).await?;
    Ok(Json(shown(&detail)))
}

fn filter(query: &Query) -> Result<LogFilter, ApiError> {
    let cents = |name: &str| -> Result<Option<NanoDollars>, ApiError> {
        let cents: Option<f64> = query.parse(name)?;
        Ok(cents.map(|cents| NanoDollars((cents * 1e7) as i64)))
    };
    let list = |name: &str| -> Vec<&str> {
        let text = query.text(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
    };
    let api_keys = list("api_key_ids").into_iter().map(ApiKeyId::parse).collect::<Result<_, _>>();
    let provider_models = list("ai_org_model").into_iter().map(|pair| {
        pair.split_once("__").map(|(provider, model)| (provider.to_owned(), model.to_owned()))
    });
    let provider_models = provider_models.collect::<Option<_>>().ok_or_else(|| {
        ApiError::Malformed("ai_org_model: must be a list of provider__model".to_owned())
    })?;
    let statuses = list("status_code").into_iter().map(str::parse).collect::<Result<_, _>>();
    let state = query.one_of("state", |text| {
        let known = [LogState::Finished, LogState::Failed, LogState::HungUp, LogState::Interrupted];
        known.into_iter().find(|state| state.name() == text)
    })?;
    Ok(LogFilter {
        from: query.instant("time_of_generation_min")?,
        until: query.instant("time_of_generation_max")?,
        reach: None,
        environment: query.text("environment").map(str::to_owned),
        statuses: statuses.map_err(|_| {
            ApiError::Malformed("status_code: must be a list of numbers".to_owned())
        })?,
        min_status: query.parse("status_code_min")?,
        max_status: query.parse("status_code_max")?,
        is_success: query.parse("is_success")?,
        state,
        provider: query.text("ai_org").or_else(|| query.text("provider")).map(str::to_owned),
        virtual_keys: list("virtual_keys").into_iter().map(str::to_owned).collect(),
        model: query.text("ai_model").map(str::to_owned),
        provider_models,
        api_keys: api_keys
            .map_err(|_| ApiError::Malformed("api_key_ids: must be a list of ids".to_owned()))?,
        user_id: query.parse("user_id")?,
        user: query.text("user").map(str::to_owned),
        trace_id: query.text("trace_id").map(str::to_owned),
        min_cost: cents("cost_min")?,
        max_cost: cents("cost_max")?,
        min_tokens: query.parse("total_units_min")?,
        max_tokens: query.parse("total_units_max")?,
        min_input_tokens: query.parse("prompt_token_min")?,
        max_input_tokens: query.parse("prompt_token_max")?,
        min_output_tokens: query.parse("completion_token_min")?,
        max_output_tokens: query.parse("completion_token_max")?,
        metadata: metadata(query)?,
    })
}

/// `metadata={"team": "blue"}`: every member must be in the log's metadata, as it is.
fn metadata(query: &Query) -> Result<Vec<(String, String)>, ApiError> {
    let Some(text) = query.text("metadata") else { return Ok(Vec::new()) };
    let members: Option<BTreeMap<String, String>> = serde_json::from_str(text).ok();
    // PostgreSQL takes no NUL in a text.
    let plain = |(name, value): (&String, &String)| !name.contains('\0') && !value.contains('\0');
    let members = members.filter(|members| members.len() <= 32 && members.iter().all(plain));
    let members = members.ok_or_else(|| {
        ApiError::Malformed("metadata: must be a JSON object of at most 32 strings".to_owned())
    })?;
    Ok(members.into_iter().collect())
}

/// The metrics row, in the field names of `log-fields.md`, with what ours adds. Times are
/// milliseconds as there; `timings` has them in microseconds. `cost` is in cents, null when unpriced.
fn metrics(log: &Log) -> Map<String, Value> {
    let millis = |micros: u64| micros / 1000;
    let usage = &log.usage;
    let mut row = json!({
        "id": log.id,
        "state": log.state.name(),
        "organisation_id": log.organisation_id,
        "organisation_name": log.organisation_name,
        "workspace_id": log.workspace_id,
        "workspace_slug": log.workspace_slug,
        "environment": log.environment,
        "environment_id": log.environment_id,
        "user_id": log.user_id,
        "api_key_id": log.api_key_id,
        "created_at": log.created_at.to_string(),
        "is_success": log.is_success,
        "ai_org": log.provider,
        "ai_model": log.model_served.as_ref().or(log.model_asked.as_ref()),
        "model_asked": log.model_asked,
        "model_served": log.model_served,
        "req_units": usage.input_tokens,
        "res_units": usage.output_tokens,
        "total_units": usage.total_tokens(),
        "usage": usage,
        "usage_source": log.usage_source,
        "cost": log.cost.map(NanoDollars::cents),
        "cost_nano_dollars": log.cost,
        "cost_currency": "USD",
        "price_origin": log.price_origin,
        "endpoint": log.endpoint,
        "request_url": log.request_url,
        "request_method": log.request_method,
    });
    extend(
        &mut row,
        json!({
            "response_status_code": log.response_status,
            "error": log.error,
            "error_detail": log.error_detail,
            "finish_reason": log.finish_reason,
            "upstream_id": log.upstream_id,
            "response_time": millis(log.timings.total),
            "request_parsing_time": millis(log.timings.request_parsing),
            "pre_processing_time": millis(log.timings.pre_processing),
            "cache_processing_time": 0,
            "response_parsing_time": millis(log.timings.response_parsing),
            "gateway_processing_time": millis(log.timings.gateway),
            "upstream_response_time": millis(log.timings.upstream),
            "ttlt": log.timings.time_to_first_byte.map(millis),
            "timings": log.timings,
            "is_proxy_call": log.is_proxy_call,
            "cache_status": log.cache_status,
            "cache_type": null,
            "stream_mode": i32::from(log.stream),
            "retry_success_count": log.retry_success_count,
            "attempts": log.attempts,
            // Of a call without targets to choose from, the one there is.
            "last_used_option_index": log.last_used_option.as_ref().map(|_| 0),
            "mode": if log.is_proxy_call { "proxy" } else { "single" },
            "config": null,
            "_user": log.user,
            "_environment": log.metadata.get("_environment"),
            "_organisation": log.metadata.get("_organisation"),
            "_prompt": log.metadata.get("_prompt"),
            "metadata": log.metadata,
            "metadata.key": log.metadata.keys().collect::<Vec<_>>(),
            "metadata.value": log.metadata.values().collect::<Vec<_>>(),
        }),
    );
    extend(
        &mut row,
        json!({
            "trace_id": log.trace_id,
            "internal_trace_id": log.id,
            "span_id": log.span_id,
            "span_name": log.span_name,
            "parent_span_id": log.parent_span_id,
            "virtual_key": log.virtual_key,
            "virtual_key_id": log.virtual_key_id,
            "integration_id": log.integration_id,
            "upstream_host": log.upstream_host,
            "source": log.user_agent,
            "user_agent": log.user_agent,
            "client_address": log.client_address,
            "runtime": log.runtime,
            "runtime_version": log.runtime_version,
            "sdk_version": log.sdk_version,
            "request_bytes": log.request_bytes,
            "response_bytes": log.response_bytes,
            "response_chunks": log.response_chunks,
            "stored_content": log.stored_content,
            "node_id": log.node_id,
            "gateway_version": log.gateway_version,
        }),
    );
    object(row)
}

/// `json!` takes only so many members at a time.
fn extend(row: &mut Value, more: Value) {
    if let (Value::Object(row), Value::Object(more)) = (row, more) {
        row.extend(more);
    }
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(members) = value { members } else { Map::new() }
}

fn shown(detail: &LogDetail) -> Map<String, Value> {
    let log = &detail.log;
    let mut shown = object(json!({
        "_id": log.id,
        "id": log.id,
        "object": "log",
        "organisation_id": log.organisation_id,
        "created_at": log.created_at.to_string(),
        "metrics": metrics(log),
    }));
    log_content::put(detail, &mut shown);
    shown
}
