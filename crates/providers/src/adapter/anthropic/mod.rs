//! Anthropic: its own dialect handed through, chat completions translated; and, for providers of
//! the other dialect, messages translated into chat completions ([`messages_over_chat`]).
//!
//! Everything opaque (schemas, arguments, unknown fields) is carried as its original text.

mod body;
mod chat;
mod error;
mod headers;
mod json;
pub(crate) mod messages_over_chat;
mod models;
mod native;
mod usage;

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use portcullis_domain::{Fault, FaultKind, Retry};

use super::{Adapter, Ask, AskBody, Prepared, PreparedBody, Reply};
use crate::{
    Endpoint,
    request::{Edit, JsonRequest, quoted},
};
use chat::{Asked, ChatReply};
use models::ModelsReply;
use native::{NativeReply, PassReply};

/// Speaks Anthropic's messages dialect.
pub struct Anthropic;

impl Adapter for Anthropic {
    fn prepare(&self, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        let (path, body, reply): (&str, PreparedBody, Box<dyn Reply>) = match ask.endpoint {
            Endpoint::ChatComplete => {
                let (request, model) = (json(ask)?, model(ask)?);
                let body = chat::to_messages(request.bytes(), model)?;
                let asked = Asked {
                    provider: ask.provider.name,
                    model: model.to_owned(),
                    strict: ask.strict,
                    wants_usage: request.wants_usage(),
                    now_millis: ask.now_millis,
                };
                let body = PreparedBody::Bytes(body.into());
                ("/messages", body, Box::new(ChatReply::new(asked)))
            }
            Endpoint::Messages => {
                let body = PreparedBody::Bytes(with_model(json(ask)?, ask.model));
                ("/messages", body, Box::<NativeReply>::default())
            }
            Endpoint::CountTokens => {
                let body = PreparedBody::Bytes(with_model(json(ask)?, ask.model));
                ("/messages/count_tokens", body, Box::<NativeReply>::default())
            }
            Endpoint::ListModels => {
                let reply = ModelsReply::new(ask.provider.name);
                ("/models", PreparedBody::Empty, Box::new(reply))
            }
            Endpoint::UploadFile
            | Endpoint::ListFiles
            | Endpoint::RetrieveFile
            | Endpoint::DeleteFile
            | Endpoint::RetrieveFileContent
            | Endpoint::Proxy => {
                let body = match ask.body {
                    AskBody::None => PreparedBody::Empty,
                    AskBody::Json(request) => PreparedBody::Bytes(request.bytes().clone()),
                    AskBody::Opaque => PreparedBody::Forward,
                };
                (ask.path, body, Box::<PassReply>::default())
            }
            other => {
                return Err(unsupported(format!(
                    "Anthropic has no `{}` endpoint: use chat completions or messages, or another \
                     provider.",
                    other.name(),
                )));
            }
        };
        Ok(Prepared {
            method: match ask.endpoint {
                Endpoint::ChatComplete | Endpoint::Messages | Endpoint::CountTokens => Method::POST,
                _ => ask.method.clone(),
            },
            url: url(ask, path),
            headers: headers::headers(ask, &body)?,
            body,
            reply,
        })
    }
}

/// Where to send. A custom host takes the place of the base URL, version path included.
fn url(ask: &Ask<'_>, path: &str) -> String {
    let base = ask.credential.settings.custom_host.as_deref().unwrap_or(ask.provider.base_url);
    let base = base.trim_end_matches('/');
    let query = match (ask.query, ask.endpoint) {
        (Some(query), _) => Some(query),
        // Unasked, Anthropic lists twenty models only.
        (None, Endpoint::ListModels) => Some("limit=1000"),
        (None, _) => None,
    };
    match query {
        Some(query) => format!("{base}{path}?{query}"),
        None => format!("{base}{path}"),
    }
}

fn json<'a>(ask: &Ask<'a>) -> Result<&'a JsonRequest, Fault> {
    match ask.body {
        AskBody::Json(request) => Ok(request),
        AskBody::None | AskBody::Opaque => Err(malformed("This endpoint takes a JSON body.")),
    }
}

fn model<'a>(ask: &Ask<'a>) -> Result<&'a str, Fault> {
    ask.model.ok_or_else(|| malformed("The body must name a `model`."))
}

/// The body, with another model named when another is to be asked.
fn with_model(request: &JsonRequest, model: Option<&str>) -> Bytes {
    match model {
        Some(model) if request.model() != Some(model) => {
            request.edited(&[Edit::SetRaw { key: "model", json: &quoted(model) }])
        }
        _ => request.bytes().clone(),
    }
}

/// The request makes no sense, at this provider or any other.
fn malformed(public: impl Into<Cow<'static, str>>) -> Fault {
    Fault::client(FaultKind::BadRequest, public)
}

/// The request makes sense, but not at this provider.
fn unsupported(public: impl Into<Cow<'static, str>>) -> Fault {
    Fault { retry: Retry::NextTarget, ..Fault::client(FaultKind::BadRequest, public) }
}

/// The provider's answer makes no sense.
fn broken(public: impl Into<Cow<'static, str>>) -> Fault {
    Fault::upstream(FaultKind::UpstreamBroken, Retry::SameTarget, public)
}
