//! `/logs`.

use std::collections::BTreeMap;

use axum::{Router, extract::Path, routing::get};
use portcullis_control::{Control, ControlError, LogDetail, LogFilter};
use portcullis_domain::{ApiKeyId, CallId, Log, LogState, NanoDollars, Timestamp};
use serde_json::{Value, json};

use crate::{
    caller::Caller,
    error::{ApiError, ApiResult, ok},
    page::Query,
};

pub(crate) fn routes() -> Router<Control> {
    Router::new().route("/logs", get(list)).route("/logs/{id}", get(retrieve))
}

/// Filters as in the export filters of the admin reference; pages by key: `after` names the last
/// log of the page before, which the answer calls `next`.
async fn list(caller: Caller, query: Query) -> ApiResult {
    refuse_unserved(&query)?;
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
    let logs = caller.control.logs(&caller.actor);
    let page = logs.list(filter(&query)?, workspace, after, limit).await?;
    let is_full = page.logs.len() == limit as usize;
    let next = page.logs.last().filter(|_| is_full).map(|log| log.id);
    let data: Vec<Value> = page.logs.iter().map(metrics).collect();
    let mut body = json!({"object": "list", "total": page.total, "data": data, "next": next});
    if page.total_is_capped {
        body["total_is_capped"] = json!(true);
    }
    Ok(ok(body))
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

async fn retrieve(caller: Caller, Path(id): Path<String>) -> ApiResult {
    let id = CallId::parse(&id).map_err(|_| ControlError::NotFound("log"))?;
    let detail = caller.control.logs(&caller.actor).retrieve(id).await?;
    Ok(ok(shown(&detail)))
}

fn filter(query: &Query) -> Result<LogFilter, ApiError> {
    let instant = |name: &str| -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = query.text(name) else { return Ok(None) };
        let parsed = Timestamp::parse(text).map(Some);
        parsed.map_err(|error| ApiError::Malformed(format!("{name}: {error}")))
    };
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
    let state = match query.text("state") {
        None => None,
        Some(text) => {
            let known =
                [LogState::Finished, LogState::Failed, LogState::HungUp, LogState::Interrupted];
            let found = known.into_iter().find(|state| state.name() == text);
            Some(found.ok_or_else(|| {
                let names = known.map(LogState::name).join(", ");
                ApiError::Malformed(format!("state: must be one of {names}"))
            })?)
        }
    };
    Ok(LogFilter {
        from: instant("time_of_generation_min")?,
        until: instant("time_of_generation_max")?,
        workspace: None,
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
fn metrics(log: &Log) -> Value {
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
            "last_used_option_index": log.last_used_option,
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
    row
}

/// `json!` takes only so many members at a time.
fn extend(row: &mut Value, more: Value) {
    if let (Value::Object(row), Value::Object(more)) = (row, more) {
        row.extend(more);
    }
}

fn shown(detail: &LogDetail) -> Value {
    let log = &detail.log;
    json!({
        "_id": log.id,
        "id": log.id,
        "object": "log",
        "organisation_id": log.organisation_id,
        "created_at": log.created_at.to_string(),
        "request": {
            "url": log.request_url,
            "method": log.request_method,
            "headers": {},
            "body": detail.request.as_deref().map(content),
            "portkeyHeaders": {},
        },
        "response": {
            "status": log.response_status,
            "headers": {},
            "body": detail.response.as_deref().map(content),
            "responseTime": log.timings.total / 1000,
            "lastUsedOptionJsonPath": log.last_used_option,
        },
        "metrics": metrics(log),
    })
}

/// Content as JSON where it is JSON, as text where it is text, and by its size otherwise.
fn content(bytes: &[u8]) -> Value {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return value;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => json!({"binary": true, "bytes": bytes.len()}),
    }
}
