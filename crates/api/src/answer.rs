//! What handlers answer with, and how that is documented.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::cookie::Cookie;

/// An answer on its way out.
pub(crate) type Reply = Response<Body>;

/// What a handler answers with.
pub(crate) trait Answer: Send + 'static {
    /// The media types, each with the schema of its content.
    fn documented(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)>;

    fn into_reply(self) -> Reply;
}

/// A JSON object. Clients need one, with its content type, always (admin reference §0.1).
pub(crate) struct Json<T>(pub(crate) T);

/// `{}`: what was asked for is done, and there is nothing to say.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Done {}

/// A JSON object that comes with a session's cookie, new or taken away.
pub(crate) struct WithCookie<T>(pub(crate) T, pub(crate) Option<Cookie>);

/// A part of a list, and how many there are in all.
#[derive(Serialize, JsonSchema)]
pub(crate) struct List<T> {
    object: ListTag,
    /// How many there are in all.
    total: u64,
    data: Vec<T>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListTag {
    List,
}

/// Lines that go out as they are read: JSON Lines, or CSV.
pub(crate) struct Lines {
    pub(crate) content_type: &'static str,
    pub(crate) file_name: &'static str,
    pub(crate) body: Body,
}

pub(crate) const JSON_LINES: &str = "application/x-ndjson";
pub(crate) const CSV: &str = "text/csv; charset=utf-8";

/// Done.
pub(crate) const fn done() -> Json<Done> {
    Json(Done {})
}

/// A list of what is shown of each item.
pub(crate) fn list<T, U>(
    list: portcullis_control::List<T>,
    show: impl FnMut(T) -> U,
) -> Json<List<U>> {
    let (total, data) = (list.total, list.items.into_iter().map(show).collect());
    Json(List { object: ListTag::List, total, data })
}

impl<T: Serialize + JsonSchema + Send + 'static> Answer for Json<T> {
    fn documented(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        vec![("application/json", generator.subschema_for::<T>())]
    }

    fn into_reply(self) -> Reply {
        json(StatusCode::OK, &self.0)
    }
}

impl<T: Serialize + JsonSchema + Send + 'static> Answer for WithCookie<T> {
    fn documented(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        Json::<T>::documented(generator)
    }

    fn into_reply(self) -> Reply {
        let mut reply = json(StatusCode::OK, &self.0);
        if let Some(cookie) = self.1 {
            cookie.put(reply.headers_mut());
        }
        reply
    }
}

impl Answer for Lines {
    fn documented(_: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        let text = || json_schema!({"type": "string"});
        vec![(JSON_LINES, text()), ("text/csv", text())]
    }

    fn into_reply(self) -> Reply {
        let mut reply = Response::new(self.body);
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        let disposition = format!("attachment; filename=\"{}\"", self.file_name);
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            headers.insert(http::header::CONTENT_DISPOSITION, disposition);
        }
        reply
    }
}

/// A JSON answer of any status.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    // Our own types have only string keys and finite numbers.
    let text = serde_json::to_string(body).unwrap_or_else(|_| "{}".to_owned());
    let mut reply = Response::new(Body::from(text));
    *reply.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    reply.headers_mut().insert(CONTENT_TYPE, json);
    // Answers hold names, settings and, when one is made, keys: nobody between keeps them.
    let no_store = HeaderValue::from_static("no-store");
    reply.headers_mut().insert(http::header::CACHE_CONTROL, no_store);
    reply
}
