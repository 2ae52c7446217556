//! Errors of providers in the one form that callers know (data-plane reference §12).

use portcullis_domain::{Fault, mask};
use serde_json::{Value, json};

/// How much of a provider's message is kept for our log, characters.
const OBSERVED_CHARS: usize = 500;

/// A provider's error, understood.
pub(super) struct ProviderError {
    message: String,
    kind: Value,
    param: Value,
    code: Value,
}

impl ProviderError {
    /// Reads an error body of whatever form. A key found in it is masked: some providers repeat
    /// the key they refuse.
    pub(super) fn read(body: &[u8], key: Option<&str>) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = match key {
            Some(key) if !key.is_empty() => text.replace(key, &mask(key)),
            _ => text.into_owned(),
        };
        match serde_json::from_str(&text) {
            // Google wraps the object in a list.
            Ok(Value::Array(list)) => Self::of(list.first().unwrap_or(&Value::Null), &text),
            Ok(value) => Self::of(&value, &text),
            Err(_) => Self::of(&Value::Null, &text),
        }
    }

    fn of(value: &Value, text: &str) -> Self {
        let error = match value.get("error") {
            Some(inner @ Value::Object(_)) => inner,
            _ => value,
        };
        let message = [error.get("message"), value.get("error"), error.get("detail")]
            .into_iter()
            .flatten()
            .find_map(Value::as_str);
        let part = |name| error.get(name).cloned().unwrap_or_default();
        Self {
            message: message.map_or_else(|| text.trim().to_owned(), str::to_owned),
            kind: part("type"),
            param: part("param"),
            code: part("code"),
        }
    }

    /// The provider's message, for our log.
    pub(super) fn observed(&self) -> String {
        self.message.chars().take(OBSERVED_CHARS).collect()
    }

    /// The body for the caller.
    pub(super) fn body(&self, provider: &str) -> Vec<u8> {
        let message = format!("{provider} error: {}", self.message);
        let error = json!({
            "error": { "message": message, "type": self.kind, "param": self.param, "code": self.code },
            "provider": provider,
        });
        error.to_string().into_bytes()
    }
}

/// The event that ends a stream which broke off, in every answer of this dialect.
pub(in super::super) fn event(fault: &Fault, is_responses: bool) -> String {
    let (message, code) = (&fault.public, fault.kind.name());
    if is_responses {
        let data = json!({ "type": "error", "code": code, "message": message, "param": null });
        return format!("event: error\ndata: {data}\n\n");
    }
    let error =
        json!({ "message": message, "type": "upstream_error", "param": null, "code": code });
    format!("data: {}\n\n", json!({ "error": error }))
}

#[cfg(test)]
mod tests {
    use super::ProviderError;

    #[test]
    fn reads_the_forms_that_providers_use() {
        for (body, message) in [
            (r#"{"error":{"message":"no","type":"t","param":null,"code":"c"}}"#, "no"),
            (r#"{"error":"no"}"#, "no"),
            (r#"{"message":"no"}"#, "no"),
            (r#"{"detail":"no"}"#, "no"),
            (r#"[{"error":{"code":400,"message":"no"}}]"#, "no"),
            ("upstream connect error\n", "upstream connect error"),
            (r#"{"odd":1}"#, r#"{"odd":1}"#),
            ("", ""),
        ] {
            assert_eq!(ProviderError::read(body.as_bytes(), None).observed(), message, "{body}");
        }
    }

    #[test]
    fn a_repeated_key_is_masked() {
        let body = br#"{"error":{"message":"bad key sk-abcdefghijkl"}}"#;
        let error = ProviderError::read(body, Some("sk-abcdefghijkl"));
        assert_eq!(error.observed(), "bad key sk********jkl");
        assert!(!String::from_utf8(error.body("openai")).unwrap().contains("abcdefgh"));
    }
}
