//! Where a request goes: base URL, path and query put together.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use portcullis_domain::{Fault, FaultKind, Retry};

use crate::{catalog::Provider, credential::Settings};

/// What is escaped in one segment of a path: all but the unreserved characters (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The base URL of a provider for these settings, without a slash at the end.
pub(super) fn base<'a>(provider: &Provider, settings: &'a Settings) -> Result<Cow<'a, str>, Fault> {
    if let Some(host) = &settings.custom_host {
        return Ok(Cow::Borrowed(host.trim_end_matches('/')));
    }
    if let ("huggingface", Some(url)) = (provider.name, &settings.huggingface_base_url) {
        // By custom this one setting is given without the version.
        let url = url.trim_end_matches('/');
        return Ok(Cow::Owned(format!("{}/v1", url.strip_suffix("/v1").unwrap_or(url))));
    }
    if let ("azure-ai", Some(url)) = (provider.name, &settings.azure_foundry_url) {
        // By custom it names the older inference API beside which ours lies, or neither.
        let url = url.trim_end_matches('/');
        let resource = url.strip_suffix("/openai/v1").or(url.strip_suffix("/models"));
        return Ok(Cow::Owned(format!("{}/openai/v1", resource.unwrap_or(url))));
    }
    if provider.base_url.is_empty() {
        return Err(missing(provider, "custom_host"));
    }
    filled(provider, settings).map(Cow::Owned)
}

/// Puts path and query behind a base URL. Refuses a path that would leave the base.
pub(super) fn join(base: &str, path: &str, query: Option<&str>) -> Result<String, Fault> {
    // Below the base may lie one account of many: `..`, however written, could reach another with
    // a credential of ours.
    let may_climb = path.contains(['%', '\\']) || path.contains("/.");
    let climbs = may_climb
        && path.split(['/', '\\']).any(|segment| {
            let decoded = percent_decode_str(segment).decode_utf8_lossy();
            decoded.split(['/', '\\']).any(|part| part == "." || part == "..")
        });
    if climbs {
        let text = "the path must not contain '.' or '..' segments";
        return Err(Fault::client(FaultKind::BadRequest, text));
    }
    Ok(match query {
        Some(query) if !query.is_empty() => [base, path, "?", query].concat(),
        _ => [base, path].concat(),
    })
}

/// Text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The fault of a setting that is not there.
pub(super) fn missing(provider: &Provider, setting: &str) -> Fault {
    let text =
        format!("{} needs the setting '{setting}': add it to the credential", provider.title);
    Fault { retry: Retry::NextTarget, ..Fault::client(FaultKind::BadRequest, text) }
}

/// The base URL with its `{setting}` filled in.
fn filled(provider: &Provider, settings: &Settings) -> Result<String, Fault> {
    let Some((before, rest)) = provider.base_url.split_once('{') else {
        return Ok(provider.base_url.to_owned());
    };
    let (setting, after) = rest.split_once('}').unwrap_or((rest, ""));
    let value = match setting {
        "azure_resource_name" => settings.azure_resource_name.as_deref(),
        "snowflake_account" => settings.snowflake_account.as_deref(),
        "workers_ai_account_id" => settings.workers_ai_account_id.as_deref(),
        other => settings.extra.get(other).and_then(serde_json::Value::as_str),
    };
    let value = value.ok_or_else(|| missing(provider, setting))?;
    // Anything else could turn the credential towards another host.
    let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !value.contains("..");
    if !plain {
        let text =
            format!("the setting '{setting}' may hold letters, digits, '-', '_' and '.' only");
        return Err(Fault::client(FaultKind::BadRequest, text));
    }
    Ok(format!("{before}{value}{after}"))
}
