//! `/metrics`, `/livez` and `/readyz`, on a listener of their own.

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};

use super::Metrics;
use crate::server::{App, RequestBody, ResponseBody};

const METRICS_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const TEXT_TYPE: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Whether calls can be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// They can.
    Ready,
    /// They cannot, for this reason. It is shown to anybody who asks.
    NotReady(&'static str),
}

/// Answers platforms and Prometheus. Serve it with [`crate::server::Server`] and one worker.
#[derive(Clone)]
pub struct Ops {
    metrics: Metrics,
    readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
}

impl Ops {
    /// `readiness` is asked at each `/readyz`, on the listener's thread: it must not block.
    pub fn new(
        metrics: Metrics,
        readiness: impl Fn() -> Readiness + Send + Sync + 'static,
    ) -> Self {
        Self { metrics, readiness: Arc::new(readiness) }
    }

    /// The answer to one request; 404 for any other path.
    pub fn answer<B>(&self, request: &Request<B>) -> Response<ResponseBody> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
        }
        match request.uri().path() {
            "/livez" => text(StatusCode::OK, "ok\n"),
            "/readyz" => match (self.readiness)() {
                Readiness::Ready => text(StatusCode::OK, "ok\n"),
                Readiness::NotReady(reason) => text(StatusCode::SERVICE_UNAVAILABLE, reason),
            },
            "/metrics" => match self.metrics.render() {
                Ok(metrics) => {
                    let mut response = Response::new(ResponseBody::from(metrics));
                    response.headers_mut().insert(CONTENT_TYPE, METRICS_TYPE);
                    response
                }
                Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "a metric cannot be written\n"),
            },
            _ => text(StatusCode::NOT_FOUND, "this listener has /metrics, /livez and /readyz\n"),
        }
    }
}

impl App for Ops {
    async fn call(
        &self,
        request: Request<RequestBody>,
        _peer: SocketAddr,
    ) -> Response<ResponseBody> {
        self.answer(&request)
    }
}

fn text(status: StatusCode, body: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT_TYPE);
    response
}
