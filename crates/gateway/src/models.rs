//! `GET /v1/models` over the caller's own virtual keys (data-plane reference §1.2).

use bytes::Bytes;
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use portcullis_domain::{Fault, FaultKind};
use portcullis_providers::{Endpoint, price};
use serde_json::{Value, json};

use crate::{
    Parts, header,
    stage::{identify::Identified, inline_config::InlineConfig, saved_only},
};

/// The models of the workspace's virtual keys, as `@slug/model`, to a call that asks for them; none to
/// others, nor when the caller asks for one provider's own list.
pub(crate) fn integrated(
    parts: &Parts,
    identified: &Identified,
) -> Result<Option<Response<Bytes>>, Fault> {
    let accepted = &identified.accepted;
    if accepted.endpoint != Endpoint::ListModels {
        return Ok(None);
    }
    let headers = &accepted.headers;
    saved_only::check(parts, identified)?;
    let config = InlineConfig::of(headers)?;
    let provider = config.provider.as_deref().or_else(|| header::provider(headers));
    let virtual_key =
        config.virtual_key.as_deref().or_else(|| header::text(headers, header::VIRTUAL_KEY));
    let forced = header::flag(headers, header::INTEGRATED_MODELS).or(config.integrated_models);
    if (provider.is_some() || virtual_key.is_some()) && forced != Some(true) {
        return Ok(None);
    }
    let query = Query::parse(accepted.query().unwrap_or_default())?;
    let only = provider
        .and_then(|provider| provider.strip_prefix('@'))
        .or(virtual_key)
        .map(|slug| slug.trim_start_matches('@'))
        .map(|slug| slug.split('/').next().unwrap_or(slug));
    let service = provider.filter(|provider| !provider.starts_with('@'));
    let mut models: Vec<(String, String, i64)> = Vec::new();
    for (key, integration) in accepted.snapshot.virtual_keys_of(identified.workspace.id) {
        let wanted = only.is_none_or(|only| key.slug.as_str() == only)
            && service.is_none_or(|service| service == integration.provider)
            && query
                .provider
                .as_deref()
                .is_none_or(|p| p.trim_start_matches('@') == key.slug.as_str())
            && query.ai_service.as_deref().is_none_or(|service| service == integration.provider);
        if !wanted || key.is_expired(accepted.at) {
            continue;
        }
        let listed = integration.models.listed.iter().map(|model| model.slug.as_str());
        let mut names: Vec<&str> = price::table()
            .models(&integration.provider)
            .map(|model| model.name())
            .chain(listed)
            .filter(|name| integration.models.allows(name))
            .collect();
        names.sort_unstable();
        names.dedup();
        let created = key.created_at.micros() / 1_000_000;
        models.extend(
            names.into_iter().map(|name| {
                (format!("@{}/{name}", key.slug), integration.provider.clone(), created)
            }),
        );
    }
    if query.by_provider {
        models.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
    } else {
        models.sort();
    }
    if query.descends {
        models.reverse();
    }
    let total = models.len();
    let data: Vec<Value> = models
        .into_iter()
        .skip(query.offset)
        .take(query.limit)
        .map(|(id, owner, created)| {
            json!({"id": id, "object": "model", "created": created, "owned_by": owner})
        })
        .collect();
    let body = json!({"object": "list", "total": total, "data": data}).to_string();
    let mut response = Response::new(Bytes::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::TRACE_ID, accepted.trace.echo.clone());
    Ok(Some(response))
}

#[derive(Default)]
struct Query {
    provider: Option<String>,
    ai_service: Option<String>,
    by_provider: bool,
    descends: bool,
    limit: usize,
    offset: usize,
}

impl Query {
    fn parse(text: &str) -> Result<Self, Fault> {
        let mut query = Self { limit: usize::MAX, ..Self::default() };
        let refused = |name: &str, wanted: &str| {
            let text = format!("the query's '{name}' must be {wanted}");
            Err(Fault::client(FaultKind::BadRequest, text))
        };
        for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            match name {
                "provider" => query.provider = Some(value.into_owned()),
                "ai_service" => query.ai_service = Some(value.into_owned()),
                "sort" => match &*value {
                    "" | "name" => query.by_provider = false,
                    "provider" | "ai_service" => query.by_provider = true,
                    _ => return refused("sort", "name, provider or ai_service"),
                },
                "order" => match &*value {
                    "" | "asc" => query.descends = false,
                    "desc" => query.descends = true,
                    _ => return refused("order", "asc or desc"),
                },
                "limit" | "offset" if !value.is_empty() => {
                    let Ok(number) = value.parse() else {
                        return refused(name, "a whole number that is not negative");
                    };
                    *if name == "limit" { &mut query.limit } else { &mut query.offset } = number;
                }
                _ => {}
            }
        }
        Ok(query)
    }
}
