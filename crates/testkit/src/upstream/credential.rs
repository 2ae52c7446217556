//! Which provider a request means, and whether its credential would do there.

use http::{HeaderMap, request::Parts};
use serde_json::json;

use super::answer::Answer;

/// Whose wire form a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    OpenAi,
    Azure,
    Anthropic,
}

impl Surface {
    /// The surface of a request, and its path below the version: `chat/completions`.
    pub(crate) fn of(parts: &Parts) -> (Self, String) {
        let path = parts.uri.path();
        if let Some(rest) = path.strip_prefix("/openai/deployments/") {
            let below = rest.split_once('/').map_or("", |(_, below)| below);
            return (Self::Azure, below.to_owned());
        }
        if let Some(rest) = path.strip_prefix("/openai/") {
            return (Self::Azure, rest.strip_prefix("v1/").unwrap_or(rest).to_owned());
        }
        let below = path.strip_prefix("/v1").unwrap_or(path).trim_start_matches('/').to_owned();
        let messages = below == "messages" || below.starts_with("messages/");
        if messages || parts.headers.contains_key("anthropic-version") {
            return (Self::Anthropic, below);
        }
        (Self::OpenAi, below)
    }
}

/// The refusal that the real provider would send, if it would.
pub(crate) fn refusal(surface: Surface, parts: &Parts) -> Option<Answer> {
    match surface {
        Surface::OpenAi => match bearer(&parts.headers) {
            None => Some(openai_401("You didn't provide an API key.", None)),
            Some(key) if !is_provider_key(key) => {
                Some(openai_401("Incorrect API key provided.", Some("invalid_api_key")))
            }
            Some(_) => None,
        },
        Surface::Azure => {
            let key = text(&parts.headers, "api-key").or_else(|| bearer(&parts.headers));
            let deployment = parts.uri.path().starts_with("/openai/deployments/");
            let versioned = parts.uri.query().is_some_and(|query| query.contains("api-version="));
            if !key.is_some_and(is_provider_key) {
                let message =
                    "Access denied due to invalid subscription key or wrong API endpoint.";
                Some(Answer::status(401, &json!({"error": {"code": "401", "message": message}})))
            } else if deployment && !versioned {
                let message = "Resource not found";
                Some(Answer::status(404, &json!({"error": {"code": "404", "message": message}})))
            } else {
                None
            }
        }
        Surface::Anthropic => {
            let key = text(&parts.headers, "x-api-key").or_else(|| bearer(&parts.headers));
            if !key.is_some_and(is_provider_key) {
                Some(anthropic_error(401, "authentication_error", "invalid x-api-key"))
            } else if !parts.headers.contains_key("anthropic-version") {
                let message = "anthropic-version: header is required";
                Some(anthropic_error(400, "invalid_request_error", message))
            } else {
                None
            }
        }
    }
}

/// An error in Anthropic's form.
pub(crate) fn anthropic_error(status: u16, kind: &str, message: &str) -> Answer {
    let error = json!({ "type": kind, "message": message });
    Answer::status(status, &json!({ "type": "error", "error": error }))
}

fn openai_401(message: &str, code: Option<&str>) -> Answer {
    Answer::error(401, "invalid_request_error", code, message)
}

/// Placeholders and the gateway's own keys have other shapes, so none of them passes.
fn is_provider_key(key: &str) -> bool {
    key.len() > 3 && key.starts_with("sk-")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    text(headers, "authorization")?.strip_prefix("Bearer ")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
