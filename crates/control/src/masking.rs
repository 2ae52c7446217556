//! Settings as they may be shown. What is not known to be harmless is masked: whatever a provider
//! calls its secrets.

use portcullis_domain::mask;
use portcullis_providers::credential::{Credential, Settings};
use serde_json::Value;

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
            value => hide(value),
        }
    }
    value
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

fn hide(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(hide),
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::String(text) => *text = mask(text),
        Value::Number(_) => *value = Value::from(MASK),
        Value::Bool(_) | Value::Null => {}
    }
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

    use super::{masked, refuse_masks};

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
