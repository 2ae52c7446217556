//! `x-portkey-config` as far as it names one target. A routing or caching rule is refused by name
//! rather than dropped: one that is silently not followed would be worse. Keys that nobody knows are
//! passed over.

use portcullis_domain::{Fault, FaultKind};
use serde_json::Value;

use crate::{client_headers::ClientHeaders, header, metadata, stage::retry};

/// One target of an inline config.
#[derive(Default)]
pub(crate) struct InlineConfig {
    pub(crate) provider: Option<String>,
    pub(crate) virtual_key: Option<String>,
    pub(crate) api_key: Option<String>,
    pub(crate) custom_host: Option<String>,
    /// Milliseconds.
    pub(crate) request_timeout: Option<u64>,
    /// When the target is to be tried again.
    pub(crate) retry: Option<retry::Rule>,
    pub(crate) strict: Option<bool>,
    /// Whether the workspace's own models are to be listed rather than the provider's.
    pub(crate) integrated_models: Option<bool>,
    /// The client's headers to forward, as the header of that name lists them.
    pub(crate) forward_headers: Option<String>,
    pub(crate) metadata: Vec<(String, String)>,
}

/// Rules that this version does not follow.
const RULES: &[&str] = &[
    "cache",
    "conditions",
    "default_params",
    "drop_params",
    "override_params",
    "passthrough",
    "prompt_id",
    "strategy",
    "targets",
    "weight",
];
/// How the names of further rules end.
const RULE_ENDINGS: &[&str] = &["_guardrails", "_hooks", "_mutators"];
/// How the names of provider settings begin, which decide where a call goes and who pays for it.
const SETTINGS: &[&str] =
    &["aws_", "azure_", "huggingface_", "openai_", "snowflake_", "vertex_", "workers_ai_"];

impl InlineConfig {
    pub(crate) fn of(headers: &ClientHeaders) -> Result<Self, Fault> {
        let Some(text) = header::text(headers, header::CONFIG) else { return Ok(Self::default()) };
        if text.starts_with("pc-") {
            return Err(refused(
                "there is no saved config of that name: this version reads inline \
                                configs only",
            ));
        }
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            return Err(refused("x-portkey-config is neither a config's slug nor a JSON object"));
        };
        let mut config = Self::default();
        for (key, value) in object {
            // `null` asks for nothing.
            if !value.is_null() {
                config.take(&key, value)?;
            }
        }
        Ok(config)
    }

    fn take(&mut self, key: &str, value: Value) -> Result<(), Fault> {
        let wrong = || refused(format!("the config's '{}' has the wrong type", shown(key)));
        let string = |value: Value| match value {
            Value::String(text) => Ok(Some(text)),
            _ => Err(wrong()),
        };
        match &*snake_case(key) {
            "provider" => self.provider = string(value)?,
            "virtual_key" => self.virtual_key = string(value)?,
            "api_key" => self.api_key = string(value)?,
            "custom_host" => self.custom_host = string(value)?,
            "request_timeout" => self.request_timeout = Some(value.as_u64().ok_or_else(wrong)?),
            "retry" => {
                let rule = retry::Rule::read(&value);
                self.retry = Some(rule.map_err(|wrong| refused(format!("the config's {wrong}")))?);
            }
            "strict_open_ai_compliance" => self.strict = Some(value.as_bool().ok_or_else(wrong)?),
            "fetch_integrated_models" => {
                self.integrated_models = Some(value.as_bool().ok_or_else(wrong)?);
            }
            "forward_headers" => {
                let names = value.as_array().ok_or_else(wrong)?.iter().map(Value::as_str);
                let names: Option<Vec<&str>> = names.collect();
                self.forward_headers = Some(names.ok_or_else(wrong)?.join(","));
            }
            "metadata" => {
                let pairs = value.as_object().ok_or_else(wrong)?.iter();
                self.metadata = pairs
                    .filter_map(|(name, value)| {
                        Some((name.clone(), metadata::text(value)?.into_owned()))
                    })
                    .collect();
            }
            name if is_refused(name) => {
                let text = format!("the config's '{}' is not served by this version", shown(key));
                return Err(refused(text));
            }
            _ => {}
        }
        Ok(())
    }
}

fn is_refused(name: &str) -> bool {
    RULES.contains(&name)
        || RULE_ENDINGS.iter().any(|ending| name.ends_with(ending))
        || SETTINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// Keys come as `virtual_key` or as `virtualKey`.
pub(crate) fn snake_case(key: &str) -> String {
    let mut name = String::with_capacity(key.len() + 4);
    for character in key.chars() {
        if character.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

fn shown(key: &str) -> String {
    key.chars().filter(|c| !c.is_control()).take(40).collect()
}

fn refused(text: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::client(FaultKind::BadRequest, text)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::{ClientHeaders, InlineConfig};

    fn read(json: &str) -> Result<InlineConfig, String> {
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-portkey-config"),
            json.parse().unwrap(),
        )]);
        InlineConfig::of(&ClientHeaders::new(headers)).map_err(|fault| fault.public.into_owned())
    }

    #[test]
    fn rules_are_refused_by_name_and_what_nobody_knows_is_passed_over() {
        for key in [
            "strategy",
            "targets",
            "cache",
            "weight",
            "input_guardrails",
            "outputGuardrails",
            "beforeRequestHooks",
            "input_mutators",
            "overrideParams",
            "promptId",
            "azureResourceName",
        ] {
            let message = read(&format!(r#"{{"{key}":{{}}}}"#)).err().unwrap();
            assert!(message.contains(&format!("'{key}' is not served")), "{message}");
            assert!(read(&format!(r#"{{"{key}":null}}"#)).is_ok());
        }
        let config = read(r#"{"retry":null,"invented":1,"virtualKey":"a"}"#).unwrap();
        assert_eq!(config.virtual_key.as_deref(), Some("a"));
    }

    #[test]
    fn a_wrong_type_is_refused() {
        for json in [r#"{"provider":1}"#, r#"{"metadata":[]}"#, r#"{"forwardHeaders":[1]}"#] {
            assert!(read(json).err().unwrap().contains("wrong type"), "{json}");
        }
    }
}
