//! The demonstration's client: as small as a client can be, over the one way out.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Limited};
use portcullis_runtime::egress::{Egress, EgressPolicy, EgressSettings, InboundBody, OutboundBody};
use serde_json::Value;

use crate::failure::Failure;

/// Nothing here takes longer, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer.
const MAX_ANSWER: usize = 4 << 20;

/// Calls the instance, and the provider, by their base addresses.
pub(crate) struct Client(Egress);

/// A request.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: String,
    /// Sent as a bearer token.
    pub(crate) key: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<Value>,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Null when it is not JSON.
    pub(crate) body: Value,
    /// From sending to the last byte.
    pub(crate) took: Duration,
}

impl Client {
    /// One that may call what the policy allows.
    pub(crate) fn new(policy: EgressPolicy) -> Self {
        Self(Egress::new(policy, EgressSettings::default()))
    }

    /// Sends a call and reads its answer.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let start = Instant::now();
        let (head, body) = self.open(call).await?.into_parts();
        let bytes = Limited::new(body, MAX_ANSWER)
            .collect()
            .await
            .map_err(|error| Failure::new(format!("an answer broke off: {error}")))?
            .to_bytes();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            took: start.elapsed(),
        })
    }

    /// Sends a call; its answer is read as it comes.
    pub(crate) async fn open(&self, call: Call<'_>) -> Result<Response<InboundBody>, Failure> {
        let unsound = |what: &str| Failure::new(format!("the call has an unsound {what}"));
        let body = call
            .body
            .map_or(OutboundBody::Empty, |body| OutboundBody::Full(Bytes::from(body.to_string())));
        let mut request = Request::new(body);
        *request.method_mut() = call.method;
        *request.uri_mut() = call.url.parse().map_err(|_| unsound("address"))?;
        let headers = request.headers_mut();
        let bearer = format!("Bearer {}", call.key);
        let bearer = HeaderValue::try_from(bearer).map_err(|_| unsound("key"))?;
        headers.insert(header::AUTHORIZATION, bearer);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in call.headers {
            let name = HeaderName::try_from(*name).map_err(|_| unsound("header name"))?;
            let value = HeaderValue::try_from(*value).map_err(|_| unsound("header value"))?;
            headers.insert(name, value);
        }
        self.0.send(request, PATIENCE).await.map_err(|error| Failure::new(error.to_string()))
    }
}

impl Answer {
    /// A header's text; empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The message of a refusal.
    pub(crate) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }

    /// The answer, if it is a good one.
    pub(crate) fn expect_success(self, what: &str) -> Result<Self, Failure> {
        if (200..300).contains(&self.status) {
            Ok(self)
        } else {
            Err(Failure::new(format!("{what}: {} {}", self.status, self.message())))
        }
    }
}
