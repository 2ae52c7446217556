//! Errors of providers, in the dialect of whoever asked (data-plane reference §12).

use http::StatusCode;
use portcullis_domain::{Fault, Secret, mask};
use serde::Deserialize;

use super::json::{Json, Object, Text};

/// What a provider says went wrong. Both dialects put a message and a type below `error`; some
/// compatible servers put the message at the top, or say nothing that can be read.
pub(super) struct Complaint {
    pub(super) message: String,
    pub(super) kind: Option<String>,
    pub(super) param: Option<String>,
    pub(super) code: Option<String>,
}

/// Characters of a complaint that are kept for the log.
const KEPT_CHARS: usize = 500;

impl Complaint {
    /// Reads an error body. The `key` is masked in it: some servers repeat the key they refuse.
    pub(super) fn read(status: StatusCode, body: &[u8], key: Option<&Secret<String>>) -> Self {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            error: Option<Below<'a>>,
            #[serde(borrow)]
            message: Option<Text<'a>>,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Below<'a> {
            Object {
                message: Option<String>,
                r#type: Option<String>,
                param: Option<serde_json::Value>,
                code: Option<serde_json::Value>,
            },
            #[serde(borrow)]
            Text(Text<'a>),
        }
        let mut complaint = Self { message: String::new(), kind: None, param: None, code: None };
        if let Ok(body) = serde_json::from_slice::<Body<'_>>(body) {
            match body.error {
                Some(Below::Object { message, r#type, param, code }) => {
                    complaint.message = message.unwrap_or_default();
                    complaint.kind = r#type;
                    complaint.param = param.and_then(plain);
                    complaint.code = code.and_then(plain);
                }
                Some(Below::Text(text)) => complaint.message = text.0.into_owned(),
                None => {}
            }
            if let (true, Some(Text(message))) = (complaint.message.is_empty(), body.message) {
                complaint.message = message.into_owned();
            }
        }
        if complaint.message.is_empty() {
            complaint.message = match status.canonical_reason() {
                Some(reason) => format!("{} {reason}", status.as_u16()),
                None => status.as_u16().to_string(),
            };
        }
        if let Some(key) = key.map(Secret::danger_expose).filter(|key| !key.is_empty()) {
            let told = [&mut complaint.kind, &mut complaint.param, &mut complaint.code];
            for text in told.into_iter().flatten().chain([&mut complaint.message]) {
                if text.contains(key.as_str()) {
                    *text = text.replace(key, &mask(key));
                }
            }
        }
        complaint
    }

    /// What the log is told.
    pub(super) fn for_log(&self) -> String {
        self.message.chars().take(KEPT_CHARS).collect()
    }

    /// The error as OpenAI clients read it.
    pub(super) fn for_chat(&self, provider: &str) -> Vec<u8> {
        let or_null = |text: &Option<String>| match text {
            Some(text) => Json::from(text.clone()),
            None => Json::Null,
        };
        let error = Object::default()
            .with("message", format!("{provider} error: {}", self.message))
            .with("type", or_null(&self.kind))
            .with("param", or_null(&self.param))
            .with("code", or_null(&self.code));
        Object::default().with("error", error).with("provider", provider.to_owned()).to_bytes()
    }

    /// The error as Anthropic's clients read it.
    pub(super) fn for_messages(&self, provider: &str, status: StatusCode) -> Vec<u8> {
        messages_error(kind_of(status), format!("{provider} error: {}", self.message))
    }
}

/// A failure of ours as an event for Anthropic's clients.
pub(super) fn messages_event(fault: &Fault) -> Vec<u8> {
    let body = messages_error("api_error", fault.public.to_string());
    [b"event: error\ndata: ", body.as_slice(), b"\n\n"].concat()
}

fn messages_error(kind: &'static str, message: String) -> Vec<u8> {
    let error = Object::default().with("type", kind).with("message", message);
    Object::default().with("type", "error").with("error", error).to_bytes()
}

/// Anthropic's name for a status.
fn kind_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 | 422 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        503 | 529 => "overloaded_error",
        _ => "api_error",
    }
}

fn plain(value: serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
