//! Anthropic: its own dialect handed through, chat completions translated; and, for providers of
//! the other dialect, messages translated into chat completions ([`messages_over_chat`]).
//!
//! Everything opaque (schemas, arguments, unknown fields) is carried as its original text.

mod body;
mod chat;
mod error;
mod headers;
mod json;
mod messages_over_chat;
mod models;
mod native;
mod usage;

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use portcullis_domain::{Fault, FaultKind, Retry};

use super::{Adapter, Ask, AskBody, Prepared, PreparedBody, Reply, openai::no_endpoint, url};
use crate::{
    Endpoint,
    request::{Edit, JsonRequest, quoted},
};
use chat::{Asked, ChatReply};
pub(super) use messages_over_chat::messages_over_chat;
use models::ModelsReply;
use native::{NativeReply, PassReply};

/// Speaks Anthropic's messages dialect.
pub(crate) struct Anthropic;

impl Adapter for Anthropic {
    fn prepare(&self, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        let key = || ask.credential.key.clone();
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
                    key: key(),
                };
                let body = PreparedBody::Bytes(body.into());
                ("/messages", body, Box::new(ChatReply::new(asked)))
            }
            Endpoint::Messages => {
                let body = PreparedBody::Bytes(with_model(json(ask)?, ask.model));
                ("/messages", body, Box::new(NativeReply::new(key())))
            }
            Endpoint::CountTokens => {
                let body = PreparedBody::Bytes(with_model(json(ask)?, ask.model));
                ("/messages/count_tokens", body, Box::new(NativeReply::new(key())))
            }
            Endpoint::ListModels => {
                let reply = ModelsReply::new(ask.provider.name, key());
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
                    AskBody::Json(request) => {
                        let model = ask.model.filter(|_| request.model().is_some());
                        PreparedBody::Bytes(with_model(request, model))
                    }
                    AskBody::Opaque => PreparedBody::Forward,
                };
                (ask.path, body, Box::new(PassReply::new(key())))
            }
            _ => return Err(no_endpoint(ask)),
        };
        Ok(Prepared {
            method: match ask.endpoint {
                Endpoint::ChatComplete | Endpoint::Messages | Endpoint::CountTokens => Method::POST,
                _ => ask.method.clone(),
            },
            url: url(ask, path)?,
            headers: headers::headers(ask, &body)?,
            body,
            reply,
            translates: matches!(ask.endpoint, Endpoint::ChatComplete | Endpoint::ListModels),
        })
    }
}

fn url(ask: &Ask<'_>, path: &str) -> Result<String, Fault> {
    let base = url::base(ask.provider, &ask.credential.settings)?;
    let query = match ask.endpoint {
        // Unasked, Anthropic lists twenty models only.
        Endpoint::ListModels => ask.query.or(Some("limit=1000")),
        _ => ask.query,
    };
    url::join(&base, path, query)
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

/// The fault of an answer that is not of the expected form. The error's own text may quote the
/// answer, which no log may hold; where it went wrong tells enough.
fn misread(public: &'static str, error: &serde_json::Error) -> Fault {
    broken(public).with_detail(format_args!("line {}, column {}", error.line(), error.column()))
}
