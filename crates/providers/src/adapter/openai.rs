//! OpenAI's dialect: OpenAI itself and every provider that speaks like it. Bodies and answers are
//! handed through; only what must change is changed.

pub mod batch;
pub(super) mod error;
mod members;
mod models;
pub mod realtime;
mod reply;
pub(super) mod usage;

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use portcullis_domain::{Fault, FaultKind, Retry};

use super::{
    Adapter, Ask, AskBody, Prepared, PreparedBody, anthropic::messages_over_chat, azure_openai, url,
};
use crate::{
    Endpoint,
    catalog::Auth,
    credential::Settings,
    request::{Edit, JsonRequest, quoted},
};
use reply::OpenAiReply;

const ORGANIZATION: HeaderName = HeaderName::from_static("openai-organization");
const PROJECT: HeaderName = HeaderName::from_static("openai-project");
const BETA: HeaderName = HeaderName::from_static("openai-beta");
const OUR_ORGANIZATION: HeaderName = HeaderName::from_static("x-portkey-openai-organization");
const OUR_PROJECT: HeaderName = HeaderName::from_static("x-portkey-openai-project");
const OUR_BETA: HeaderName = HeaderName::from_static("x-portkey-openai-beta");

/// Speaks OpenAI's dialect.
pub(crate) struct OpenAi;

impl Adapter for OpenAi {
    fn prepare(&self, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        match ask.endpoint {
            Endpoint::Messages => return messages_over_chat(ask, self),
            // The output of a batch is a file, which the gateway asks for in two steps.
            Endpoint::CountTokens | Endpoint::BatchOutput => return Err(no_endpoint(ask)),
            Endpoint::Realtime if ask.provider.name != "openai" => return Err(no_endpoint(ask)),
            _ => {}
        }
        let base = url::base(ask.provider, &ask.credential.settings)?;
        let path = ask.provider.path(ask.endpoint).unwrap_or(ask.path);
        let key = ask.credential.key.as_ref().map(|key| key.danger_expose().as_str());
        let request = Request {
            url: url::join(&base, path, ask.query)?,
            auth: match (key, ask.provider.auth) {
                _ if ask.provider.signs_in_to_azure() => azure_openai::auth(ask)?,
                (None, _) => None,
                (Some(_), Auth::Bearer) => {
                    let value = ask.credential.bearer().ok_or_else(unfit)?;
                    Some((AUTHORIZATION, value.clone()))
                }
                (Some(key), Auth::Header(name)) => {
                    Some((HeaderName::from_static(name), secret_value(key)?))
                }
            },
            model: ask.model,
            stream_usage: ask.provider.stream_usage,
        };
        request.prepare(ask)
    }
}

/// What differs between the providers of this dialect, decided.
pub(super) struct Request<'a> {
    pub(super) url: String,
    pub(super) auth: Option<(HeaderName, HeaderValue)>,
    /// What the body's `model` is to be.
    pub(super) model: Option<&'a str>,
    /// Whether usage may be asked for in a stream.
    pub(super) stream_usage: bool,
}

impl Request<'_> {
    pub(super) fn prepare(self, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        let mut headers = HeaderMap::with_capacity(8);
        let mut hides_usage = false;
        let body = match ask.body {
            AskBody::None => PreparedBody::Empty,
            AskBody::Opaque => PreparedBody::Forward,
            AskBody::Json(request) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                let usage_option = self.usage_option(ask.endpoint, request);
                hides_usage = usage_option.is_some();
                PreparedBody::Bytes(self.body(request, usage_option.as_deref()))
            }
        };
        openai_headers(&mut headers, ask);
        headers.extend(self.auth);
        custom_headers(&mut headers, &ask.credential.settings)?;
        let reply = OpenAiReply::new(ask, hides_usage);
        Ok(Prepared {
            method: ask.method.clone(),
            url: self.url,
            headers,
            body,
            reply: Box::new(reply),
            translates: false,
        })
    }

    fn body(&self, request: &JsonRequest, usage_option: Option<&str>) -> Bytes {
        let model = self.model.filter(|model| request.model().is_some_and(|asked| asked != *model));
        let model = model.map(quoted);
        let model = model.as_deref().map(|json| Edit::SetRaw { key: "model", json });
        let usage = usage_option.map(|json| Edit::SetRaw { key: "stream_options", json });
        match (model, usage) {
            (None, None) => request.bytes().clone(),
            (Some(edit), None) | (None, Some(edit)) => request.edited(&[edit]),
            (Some(model), Some(usage)) => request.edited(&[model, usage]),
        }
    }

    /// The `stream_options` to send so that a stream states its usage, when that is possible and
    /// the caller did not ask for it.
    fn usage_option(&self, endpoint: Endpoint, request: &JsonRequest) -> Option<String> {
        let streams = matches!(endpoint, Endpoint::ChatComplete | Endpoint::Complete)
            && request.stream()
            && !request.wants_usage();
        if !streams || !self.stream_usage {
            return None;
        }
        match request.member("stream_options") {
            None | Some("null") => Some(r#"{"include_usage":true}"#.to_owned()),
            Some(given) => {
                // Neither an object nor null: the provider is to say what is wrong with it.
                let options = JsonRequest::parse(Bytes::copy_from_slice(given.as_bytes())).ok()?;
                let edit = Edit::SetRaw { key: "include_usage", json: "true" };
                String::from_utf8(options.edited(&[edit]).to_vec()).ok()
            }
        }
    }
}

/// `Authorization: Bearer <key>`.
pub(super) fn bearer(key: &str) -> Result<(HeaderName, HeaderValue), Fault> {
    Ok((AUTHORIZATION, secret_value(&format!("Bearer {key}"))?))
}

/// A header value that no log shows.
pub(super) fn secret_value(text: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(text).map_err(|_| unfit())?;
    value.set_sensitive(true);
    Ok(value)
}

fn unfit() -> Fault {
    let text = "the provider's key holds characters that no header can: save it again";
    Fault::client(FaultKind::BadRequest, text)
}

/// The fault of an endpoint that a provider lacks.
pub(super) fn no_endpoint(ask: &Ask<'_>) -> Fault {
    let (title, name) = (ask.provider.title, ask.endpoint.name());
    let text = format!("{title} has no '{name}' endpoint: use another provider for it");
    Fault { retry: Retry::NextTarget, ..Fault::client(FaultKind::BadRequest, text) }
}

/// The headers that OpenAI itself knows; a setting of the credential outranks the caller's.
fn openai_headers(headers: &mut HeaderMap, ask: &Ask<'_>) {
    let settings = &ask.credential.settings;
    for (name, prefixed, setting) in [
        (ORGANIZATION, OUR_ORGANIZATION, &settings.openai_organization),
        (PROJECT, OUR_PROJECT, &settings.openai_project),
        (BETA, OUR_BETA, &None),
    ] {
        let set = setting.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
        let given = || ask.headers.get(prefixed).or(ask.headers.get(&name)).cloned();
        if let Some(value) = set.or_else(given) {
            headers.insert(name, value);
        }
    }
}

/// The credential's own headers, last so that they may replace any other.
pub(super) fn custom_headers(headers: &mut HeaderMap, settings: &Settings) -> Result<(), Fault> {
    for (name, value) in settings.custom_headers.iter().flatten() {
        let refused = |problem: &str| {
            let name: Cow<'_, str> = name.chars().take(80).collect();
            let text = format!("the custom header '{name}' of the credential {problem}");
            Fault::client(FaultKind::BadRequest, text)
        };
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| refused("has a name that no header can have"))?;
        if frames(&name) {
            return Err(refused("would break the framing of requests: remove it"));
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| refused("has a value that no header can have"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(())
}

/// Whether a header belongs to the connection, which is ours alone to speak about.
fn frames(name: &HeaderName) -> bool {
    const FRAMING: [&str; 8] = [
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    FRAMING.contains(&name.as_str())
}
