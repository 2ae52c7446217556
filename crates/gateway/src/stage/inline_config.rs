//! `x-portkey-config` as far as it names one target. What it asks beyond that is refused by name
//! rather than dropped: a routing or caching rule that is silently not followed would be worse.

use http::HeaderMap;
use portcullis_domain::{Fault, FaultKind};
use serde_json::Value;

use crate::header;

/// One target of an inline config.
#[derive(Default)]
pub(crate) struct InlineConfig {
    pub(crate) provider: Option<String>,
    pub(crate) virtual_key: Option<String>,
    pub(crate) api_key: Option<String>,
    pub(crate) custom_host: Option<String>,
    /// Milliseconds.
    pub(crate) request_timeout: Option<u64>,
    pub(crate) strict: Option<bool>,
}

impl InlineConfig {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Fault> {
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
            config.take(&key, value)?;
        }
        Ok(config)
    }

    fn take(&mut self, key: &str, value: Value) -> Result<(), Fault> {
        let wrong = || refused(format!("the config's '{key}' has the wrong type"));
        let string = |value: Value| match value {
            Value::String(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            _ => Err(wrong()),
        };
        match key {
            "provider" => self.provider = string(value)?,
            "virtual_key" | "virtualKey" => self.virtual_key = string(value)?,
            "api_key" | "apiKey" => self.api_key = string(value)?,
            "custom_host" | "customHost" => self.custom_host = string(value)?,
            "request_timeout" | "requestTimeout" => {
                self.request_timeout = Some(value.as_u64().ok_or_else(wrong)?);
            }
            "strict_open_ai_compliance" | "strictOpenAiCompliance" => {
                self.strict = Some(value.as_bool().ok_or_else(wrong)?);
            }
            _ => {
                let key: String = key.chars().filter(|c| !c.is_control()).take(40).collect();
                return Err(refused(format!("the config's '{key}' is not served by this version")));
            }
        }
        Ok(())
    }
}

fn refused(text: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::client(FaultKind::BadRequest, text)
}
