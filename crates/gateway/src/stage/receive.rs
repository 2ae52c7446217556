//! receive → [`Received`]: the body, bounded, parsed once, original bytes kept.

use std::{future::poll_fn, pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, UPGRADE};
use http_body::Body;
use portcullis_domain::{Fault, FaultKind};
use portcullis_providers::{
    Endpoint,
    request::{JsonRequest, MalformedJson},
};

use crate::{
    BoxError, Parts, header,
    idle::Idle,
    multipart::{self, MalformedForm},
    stage::{accept::Accepted, identify::Identified, realtime},
};

/// A call with its body.
pub(crate) struct Received<B> {
    pub(crate) identified: Identified,
    pub(crate) body: ReceivedBody<B>,
}

/// The caller's body.
pub(crate) enum ReceivedBody<B> {
    /// There is none.
    None,
    /// JSON, whole and parsed.
    Json(Box<JsonRequest>),
    /// Multipart or binary, whole, because the target is named inside.
    Whole(Bytes),
    /// Multipart or binary, not read yet: it streams by.
    Stream(B),
}

pub(crate) async fn receive<B>(
    parts: &Parts,
    identified: Identified,
    body: B,
) -> Result<Received<B>, Fault>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let settings = &parts.settings;
    let accepted = &identified.accepted;
    check_upgrade(accepted)?;
    let content_type = accepted.headers.get(&CONTENT_TYPE).map_or(Ok(""), |value| value.to_str());
    let Ok(content_type) = content_type else {
        return Err(Fault::client(FaultKind::BadRequest, "the content-type header is not text"));
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let idle = settings.body_idle_timeout;
    let body = if body.is_end_stream() {
        ReceivedBody::None
    } else if is_json(media_type) || (media_type.is_empty() && expects_json(accepted.endpoint)) {
        if header::is_encoded(&accepted.headers) {
            let text = "the content-encoding header is not served for JSON: send it uncompressed";
            return Err(Fault::client(FaultKind::BadRequest, text));
        }
        let bytes =
            read(body, declared_length(&identified)?, settings.max_json_bytes, idle).await?;
        parse(bytes, accepted.endpoint)?
    } else if accepted.endpoint == Endpoint::Proxy
        || (accepted.endpoint.takes_upload() && is_opaque(media_type))
    {
        let length = declared_length(&identified)?;
        if length.is_some_and(|length| length > settings.max_upload_bytes) {
            return Err(too_large(settings.max_upload_bytes));
        }
        if media_type.eq_ignore_ascii_case("multipart/form-data") && is_searched(&identified) {
            let bytes = read(body, length, settings.max_json_bytes, idle).await?;
            // A form that cannot be searched could hold any model.
            multipart::field(&bytes, content_type, "model").map_err(|error| unreadable(&error))?;
            ReceivedBody::Whole(bytes)
        } else {
            ReceivedBody::Stream(body)
        }
    } else {
        let others = match accepted.endpoint.takes_upload() {
            true => ", multipart/form-data, audio or application/octet-stream",
            false => "",
        };
        let text = format!(
            "the content type '{}' is not served here: send application/json{others}",
            media_type.chars().take(80).collect::<String>()
        );
        return Err(Fault::client(FaultKind::BadRequest, text));
    };
    Ok(Received { identified, body })
}

impl<B> Received<B> {
    /// The model the body names, as the caller wrote it.
    pub(crate) fn model(&self) -> Option<&str> {
        match &self.body {
            ReceivedBody::Json(json) => json.model(),
            ReceivedBody::Whole(bytes) => {
                let headers = &self.identified.accepted.headers;
                let content_type = headers.get(&CONTENT_TYPE)?.to_str().ok()?;
                let span = multipart::field(bytes, content_type, "model").ok()??;
                std::str::from_utf8(&bytes[span]).ok()
            }
            ReceivedBody::None | ReceivedBody::Stream(_) => None,
        }
    }

    /// The body as received, where it was read.
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match &self.body {
            ReceivedBody::Json(json) => Some(json.bytes()),
            ReceivedBody::Whole(bytes) => Some(bytes),
            ReceivedBody::None | ReceivedBody::Stream(_) => None,
        }
    }
}

fn parse<B>(bytes: Bytes, endpoint: Endpoint) -> Result<ReceivedBody<B>, Fault> {
    match JsonRequest::parse(bytes.clone()) {
        Ok(json) => Ok(ReceivedBody::Json(Box::new(json))),
        // A proxied path may take any JSON, or none, but never one that readers disagree on.
        Err(MalformedJson::Syntax { .. })
            if bytes.is_empty() || (endpoint == Endpoint::Proxy && is_other_json(&bytes)) =>
        {
            Ok(ReceivedBody::Whole(bytes))
        }
        Err(malformed) => {
            let text = format!("the request body is not a valid JSON object: {malformed}");
            Err(Fault::client(FaultKind::BadRequest, text))
        }
    }
}

/// A WebSocket is opened by what looks like a plain GET, its upgrade belonging to the connection.
fn check_upgrade(accepted: &Accepted) -> Result<(), Fault> {
    if accepted.endpoint == Endpoint::Realtime {
        return realtime::check(accepted);
    }
    let upgrade = header::text(&accepted.headers, UPGRADE);
    if upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket")) {
        let text = "there is no WebSocket at this path: realtime is at '/v1/realtime'";
        return Err(Fault::client(FaultKind::BadRequest, text));
    }
    Ok(())
}

fn unreadable(error: &MalformedForm) -> Fault {
    Fault::client(FaultKind::BadRequest, format!("the form cannot be read: {}", error.0))
}

/// Whether a text is JSON and no object. What begins like an object and is not read as one could
/// still be one to a more lenient reader.
fn is_other_json(bytes: &[u8]) -> bool {
    !bytes.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<&serde_json::value::RawValue>(bytes).is_ok()
}

fn is_json(media_type: &str) -> bool {
    media_type.eq_ignore_ascii_case("application/json")
        || media_type.get(media_type.len().saturating_sub(5)..).is_some_and(|s| s == "+json")
}

fn expects_json(endpoint: Endpoint) -> bool {
    endpoint != Endpoint::Proxy
}

fn is_opaque(media_type: &str) -> bool {
    let starts = |prefix: &str| {
        media_type.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    starts("multipart/form-data") || starts("audio/") || starts("application/octet-stream")
}

/// Whether a form must be searched: for the model, which decides on permission and price, or for
/// the target, where neither a header nor the query names it.
fn is_searched(identified: &Identified) -> bool {
    let accepted = &identified.accepted;
    let names_target = header::provider(&accepted.headers).is_some()
        || accepted.headers.contains_key(&header::VIRTUAL_KEY)
        || accepted.headers.contains_key(&header::CONFIG)
        || accepted.query().is_some_and(|query| query.contains("model="));
    !names_target || (accepted.endpoint.uses_model() && accepted.endpoint != Endpoint::Proxy)
}

fn declared_length(identified: &Identified) -> Result<Option<u64>, Fault> {
    let Some(value) = identified.accepted.headers.get(&CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length.map(Some).ok_or_else(|| {
        Fault::client(FaultKind::BadRequest, "the content-length header is not a number")
    })
}

/// The fault of a body larger than `limit` bytes.
pub(crate) fn too_large(limit: u64) -> Fault {
    let text = format!("the request body is larger than the {limit} bytes that are accepted");
    Fault::client(FaultKind::BodyTooLarge, text)
}

/// The fault of a client that paused for longer than `idle`.
pub(crate) fn paused(idle: Duration) -> Fault {
    let text = format!("no more of the request body came within {idle:?}");
    Fault::client(FaultKind::ClientTooSlow, text)
}

/// Reads a body to its end. What arrives in one piece is not copied.
async fn read<B>(
    mut body: B,
    declared: Option<u64>,
    limit: usize,
    idle: Duration,
) -> Result<Bytes, Fault>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit as u64));
    }
    let mut waits = Idle::new(idle);
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    loop {
        let frame = poll_fn(|cx| {
            let polled = Pin::new(&mut body).poll_frame(cx);
            waits.bound(polled, cx)
        });
        let Some(frame) = frame.await else { return Err(paused(idle)) };
        let chunk = match frame {
            None => break,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(chunk) => chunk,
                Err(_trailers) => continue,
            },
            Some(Err(error)) => {
                let fault = Fault::client(FaultKind::BadRequest, "the request body broke off");
                return Err(fault.with_detail(error.into()));
            }
        };
        if first.len() + all.len() + chunk.len() > limit {
            return Err(too_large(limit as u64));
        }
        if all.is_empty() && first.is_empty() {
            first = chunk;
        } else {
            if all.is_empty() {
                // The declared length is only a hint from outside; the limit bounds it.
                all.reserve(declared.map_or(0, |length| (length as usize).min(limit)));
                all.extend_from_slice(&first);
                first = Bytes::new();
            }
            all.extend_from_slice(&chunk);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}
