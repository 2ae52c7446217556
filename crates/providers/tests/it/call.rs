//! A call to a provider as tests make it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use portcullis_domain::Fault;
use portcullis_providers::{
    Endpoint,
    adapter::{Ask, AskBody, Observed, Prepared, PreparedBody},
    catalog,
    credential::Credential,
    request::JsonRequest,
};

/// What is asked, with what most calls have.
pub(crate) struct Call {
    pub(crate) provider: &'static str,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) query: Option<&'static str>,
    pub(crate) headers: HeaderMap,
    /// JSON; without it the body is opaque for POST, and none otherwise.
    pub(crate) body: Option<String>,
    pub(crate) model: Option<&'static str>,
    /// The credential's JSON.
    pub(crate) credential: &'static str,
}

impl Call {
    pub(crate) fn post(provider: &'static str, path: &'static str, body: &str) -> Self {
        Self {
            provider,
            method: Method::POST,
            path,
            query: None,
            headers: HeaderMap::new(),
            body: Some(body.to_owned()),
            model: None,
            credential: r#"{"key":"sk-provider-secret"}"#,
        }
    }

    pub(crate) fn prepare(&self) -> Result<Prepared, Fault> {
        let request =
            self.body.as_ref().map(|body| JsonRequest::parse(body.clone().into()).unwrap());
        let credential = Credential::parse(self.credential.as_bytes()).unwrap();
        let provider = catalog::find(self.provider).unwrap();
        provider.adapter().prepare(&Ask {
            endpoint: Endpoint::of(&self.method, self.path),
            method: &self.method,
            path: self.path,
            query: self.query,
            headers: &self.headers,
            body: match &request {
                Some(request) => AskBody::Json(request),
                None if self.method == Method::POST => AskBody::Opaque,
                None => AskBody::None,
            },
            model: self.model.or(request.as_ref().and_then(JsonRequest::model)),
            provider,
            credential: &credential,
            strict: true,
            now_millis: 1_762_000_000_000,
        })
    }

    /// What the client gets of an answer that comes in these pieces, and what was observed.
    pub(crate) fn answered(&self, kind: &str, pieces: &[&[u8]]) -> (Vec<u8>, Observed) {
        self.answered_with(StatusCode::OK, kind, pieces)
    }

    pub(crate) fn answered_with(
        &self,
        status: StatusCode,
        kind: &str,
        pieces: &[&[u8]],
    ) -> (Vec<u8>, Observed) {
        let mut reply = self.prepare().unwrap().reply;
        let mut out = Vec::new();
        reply.head(status, &head(kind));
        for piece in pieces {
            reply.push(Bytes::copy_from_slice(piece), &mut out).unwrap();
        }
        reply.finish(&mut out).unwrap();
        (out.concat(), reply.observed().clone())
    }
}

/// The head of an answer of this content type.
pub(crate) fn head(kind: &str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap())])
}

/// The bytes a prepared request sends.
pub(crate) fn sent(prepared: &Prepared) -> &[u8] {
    match &prepared.body {
        PreparedBody::Bytes(bytes) => bytes,
        PreparedBody::Empty | PreparedBody::Forward => b"",
    }
}
