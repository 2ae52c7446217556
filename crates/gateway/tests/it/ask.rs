//! Requests in the making, and answers read to their end.

use std::{convert::Infallible, pin::Pin};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use portcullis_runtime::server::ResponseBody;
use serde_json::{Value, json};

/// A request in the making. The world's own key is added unless a header authenticates.
#[derive(Clone)]
pub(crate) struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
    is_keyless: bool,
}

impl Ask {
    pub(crate) fn new(method: &'static str, path: &str) -> Self {
        let (path, headers) = (path.to_owned(), Vec::new());
        Self { method, path, headers, body: Bytes::new(), is_keyless: false }
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        let ask = Self::new("POST", path).header("content-type", "application/json");
        ask.body(body.to_string())
    }

    /// `hi` to a model.
    pub(crate) fn chat(model: &str) -> Self {
        Self::post(
            "/v1/chat/completions",
            &json!({"model": model, "messages": [{"role": "user", "content": "hi"}]}),
        )
    }

    /// `hi` to a model, streamed, with an extra member.
    pub(crate) fn stream(model: &str) -> Self {
        Self::post(
            "/v1/chat/completions",
            &json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "hi"}]}),
        )
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn without_key(mut self) -> Self {
        self.is_keyless = true;
        self
    }

    pub(crate) fn request(self, key: &str) -> Request<Bytes> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        if !self.is_keyless {
            request = request.header("x-portkey-api-key", key);
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(self.body).unwrap()
    }
}

/// A form with these plain fields and a file of all byte values.
pub(crate) fn form(fields: &[(&str, &str)]) -> (String, Bytes) {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--xyz\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    body.extend_from_slice(
        b"--xyz\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
          content-type: audio/wav\r\n\r\n",
    );
    body.extend(0..=u8::MAX);
    body.extend_from_slice(b"\r\n--xyz--\r\n");
    ("multipart/form-data; boundary=xyz".to_owned(), body.into())
}

/// An answer read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the body broke off.
    pub(crate) is_broken: bool,
}

impl Answer {
    pub(crate) async fn of(response: Response<ResponseBody>) -> Self {
        let (head, mut body) = response.into_parts();
        let mut read = Vec::new();
        let mut is_broken = false;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => read.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(_) => {
                    is_broken = true;
                    break;
                }
            }
        }
        Self { status: head.status, headers: head.headers, body: read.into(), is_broken }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts a refusal of ours in the contract's shape.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: Option<&str>) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert!(!self.header("x-portkey-trace-id").is_empty());
        assert_eq!(self.header("content-type"), "application/json");
        let body = self.json();
        assert_eq!(body["status"], "failure");
        assert_eq!(body["type"], "error");
        assert_eq!(body["error"]["code"].as_str(), code, "{body}");
        assert_eq!(body["error"]["param"], Value::Null);
        assert_eq!(body["message"], body["error"]["message"]);
        let message = body["message"].as_str().unwrap().to_owned();
        if let Some(code) = code {
            assert!(message.starts_with("Portkey Error:") && message.ends_with(code), "{message}");
        }
        message
    }
}

/// A body that sends its pieces and then never ends.
pub(crate) struct Stalled(pub(crate) Vec<Bytes>);

impl Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        match self.0.pop() {
            Some(piece) => std::task::Poll::Ready(Some(Ok(http_body::Frame::data(piece)))),
            None => std::task::Poll::Pending,
        }
    }
}
