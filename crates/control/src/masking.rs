//! Settings as they may be shown. What is not known to be harmless is masked: whatever a provider
//! calls its secrets.

use portcullis_domain::mask;
use portcullis_providers::credential::{Credential, Settings};
use serde_json::{Value, json};

use crate::{ControlError, Result};

/// What stands for what is not shown.
const MASK: &str = "********";

/// Settings without secrets in them.
const HARMLESS: [&str; 13] = [
    "openai_organization",
    "openai_project",
    "azure_auth_mode",
    "azure_resource_name",
    "azure_deployment_config",
    "azure_deployment_id",
    "azure_api_version",
    "azure_entra_tenant_id",
    "azure_entra_client_id",
    "azure_entra_scope",
    "azure_managed_client_id",
    "workers_ai_account_id",
    "snowflake_account",
];

/// Settings that are URLs: a login and a query may be secrets.
const ADDRESSES: [&str; 3] = ["custom_host", "huggingface_base_url", "azure_foundry_url"];

/// Settings as they may be shown.
pub(crate) fn masked(settings: &Settings) -> Value {
    let mut value = serde_json::to_value(settings).unwrap_or_default();
    for (name, value) in value.as_object_mut().into_iter().flatten() {
        match value {
            _ if HARMLESS.contains(&name.as_str()) => {}
            Value::String(url) if ADDRESSES.contains(&name.as_str()) => *url = masked_url(url),
            value => replace(value, &|masked, _| Value::from(masked)),
        }
    }
    value
}

/// From how many bytes on nobody finds a value by trying.
const LONG: usize = 12;

/// Settings as the audit trail tells of them: each value that is not shown has the keyed digest by
/// which whoever has it can find where it was put, and by which a change of it is seen. A short one,
/// which somebody could find by having guesses digested, is digested with the `key` beside it, and
/// where there is none not at all.
pub(crate) fn told(
    settings: &Settings,
    key: Option<&str>,
    fingerprint: impl Fn(&str) -> String,
) -> Value {
    let mut value = serde_json::to_value(settings).unwrap_or_default();
    let hidden = |masked: &str, text: &str| match (text.len() >= LONG, key) {
        (true, _) => json!({"masked": masked, "fingerprint": fingerprint(text)}),
        (false, Some(key)) => {
            json!({"masked": masked, "digest": fingerprint(&format!("{key}\n{text}"))})
        }
        (false, None) => json!({"masked": masked}),
    };
    for (name, value) in value.as_object_mut().into_iter().flatten() {
        match value {
            _ if HARMLESS.contains(&name.as_str()) => {}
            Value::String(url) if ADDRESSES.contains(&name.as_str()) => {
                let masked = masked_url(url);
                if masked != *url {
                    *value = hidden(&masked, url);
                }
            }
            value => replace(value, &hidden),
        }
    }
    value
}

/// Puts something in place of each value that is not shown: made from its mask and itself.
fn replace(value: &mut Value, hidden: &impl Fn(&str, &str) -> Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|value| replace(value, hidden)),
        Value::Array(items) => items.iter_mut().for_each(|value| replace(value, hidden)),
        Value::String(text) => *value = hidden(&mask(text), text),
        Value::Number(number) => *value = hidden(MASK, &number.to_string()),
        Value::Bool(_) | Value::Null => {}
    }
}

/// Refuses a credential in which a value was given back as it was shown.
pub(crate) fn refuse_masks(credential: &Credential) -> Result<()> {
    let message = "holds ******** in place of a secret: give the secret itself, or leave it out to \
                   keep it as it is";
    if credential.key.as_ref().is_some_and(|key| key.danger_expose().contains(MASK)) {
        return Err(ControlError::invalid("key", message));
    }
    let settings = serde_json::to_value(&credential.settings).unwrap_or_default();
    if has_mask(&settings) {
        return Err(ControlError::invalid("configurations", message));
    }
    Ok(())
}

/// The name of a setting in which something stands that is not shown, as it may be a secret.
/// `is_sealed` says of a value that it only names where the secret is.
pub(crate) fn open_secret(settings: &Value, is_sealed: fn(&Value) -> bool) -> Option<&str> {
    fn stands_open(value: &Value, is_sealed: fn(&Value) -> bool) -> bool {
        match value {
            _ if is_sealed(value) => false,
            Value::Object(members) => members.values().any(|value| stands_open(value, is_sealed)),
            Value::Array(items) => items.iter().any(|value| stands_open(value, is_sealed)),
            Value::String(_) | Value::Number(_) => true,
            Value::Bool(_) | Value::Null => false,
        }
    }
    let is_open = |name: &str, value: &Value| match value {
        _ if HARMLESS.contains(&name) => false,
        Value::String(url) if ADDRESSES.contains(&name) => masked_url(url) != *url,
        value => stands_open(value, is_sealed),
    };
    let mut members = settings.as_object().into_iter().flatten();
    members.find(|(name, value)| is_open(name, value)).map(|(name, _)| name.as_str())
}

fn masked_url(url: &str) -> String {
    let (shown, hidden) = url.split_at(url.find(['?', '#']).unwrap_or(url.len()));
    let query = if hidden.is_empty() { String::new() } else { format!("?{MASK}") };
    let (scheme, rest) = shown.split_once("://").map_or(("", shown), |parts| parts);
    let join = if scheme.is_empty() { "" } else { "://" };
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}{join}{MASK}@{place}{query}"),
        // The mark may have been one of a password's own.
        None if hidden.contains('@') => MASK.to_owned(),
        None => format!("{shown}{query}"),
    }
}

fn has_mask(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.values().any(has_mask),
        Value::Array(items) => items.iter().any(has_mask),
        Value::String(text) => text.contains(MASK),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Secret;
    use portcullis_providers::credential::{Credential, Settings};
    use serde_json::{Value, json};

    use super::{masked, refuse_masks, told};

    fn settings(value: &Value) -> Settings {
        serde_json::from_value(value.clone()).unwrap()
    }

    #[test]
    fn what_is_not_known_to_be_harmless_is_masked() {
        let given = settings(&json!({
            "custom_host": "https://me:canary@host.example/v1?sig=canary",
            "custom_headers": {"x-any": "a-canary-of-some-length"},
            "azure_deployment_config": [
                {"alias": "a", "azure_api_version": "v1", "azure_deployment_name": "d"}
            ],
            "azure_ad_token": "canary",
            "databricks_pat": "dapi-canary-0123456789",
            "cloud_credential": {"alias": "canary", "pin": 123_456, "on": true},
            "passphrases": ["canary"],
        }));
        let shown = masked(&given);
        assert!(!shown.to_string().contains("canary"), "{shown}");
        assert_eq!(shown["custom_host"], "https://********@host.example/v1?********");
        assert_eq!(shown["azure_deployment_config"][0]["azure_deployment_name"], "d");
        let hidden = json!({"alias": "********", "pin": "********", "on": true});
        assert_eq!(shown["cloud_credential"], hidden);
        let plain = json!({"custom_host": "http://host.example:8080/v1"});
        assert_eq!(masked(&settings(&plain)), plain);
    }

    #[test]
    fn the_trail_tells_a_hidden_value_by_its_digest() {
        let given = json!({
            "custom_host": "https://host.example/v1",
            "azure_foundry_url": "https://me:canary@host.example",
            "azure_api_version": "v1",
            "custom_headers": {"x-any": "a-canary-of-some-length"},
            "pins": [12_345],
        });
        let told =
            told(&settings(&given), Some("sk"), |text| format!("digest of {} bytes", text.len()));
        assert!(!told.to_string().contains("canary") && !told.to_string().contains("12345"));
        assert_eq!(told["custom_host"], given["custom_host"]);
        assert_eq!(told["azure_api_version"], "v1");
        assert_eq!(told["azure_foundry_url"]["masked"], "https://********@host.example");
        assert_eq!(told["azure_foundry_url"]["fingerprint"], "digest of 30 bytes");
        assert_eq!(told["custom_headers"]["x-any"]["fingerprint"], "digest of 23 bytes");
        assert_eq!(told["pins"][0]["digest"], "digest of 8 bytes");
        assert!(told["pins"][0].get("fingerprint").is_none());
    }

    #[test]
    fn what_is_shown_is_not_taken_for_the_secret() {
        let refused = |key: &str, given: Value| {
            let settings = settings(&given);
            let key = Some(Secret::new(key.to_owned()));
            refuse_masks(&Credential::new(key, settings)).is_err()
        };
        assert!(refused("sk********abc", json!({})));
        assert!(refused("sk-1", json!({"custom_headers": {"x": "ab********xyz"}})));
        assert!(refused("sk-1", json!({"custom_host": "https://********@host.example"})));
        assert!(!refused("sk-1", json!({"custom_host": "https://host.example", "a_pat": "p"})));
    }
}
