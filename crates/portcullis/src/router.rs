//! One listener, several surfaces: which path belongs to whom.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use axum::Router;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use portcullis_api::Peer;
use portcullis_gateway::Gateway;
use portcullis_runtime::{
    ShutdownSignal,
    server::{App, RequestBody, ResponseBody},
};
use tokio::runtime::Handle;

use crate::{cli::Role, client_address::TrustedProxies};

/// The surfaces of this node.
#[derive(Clone)]
pub(crate) struct Surfaces {
    pub(crate) role: Role,
    pub(crate) gateway: Gateway,
    pub(crate) api: Router,
    pub(crate) proxies: TrustedProxies,
    /// Where the control plane runs: its database connections belong to that runtime, and its
    /// work must not hold up the calls of a serving thread.
    pub(crate) control: Handle,
    /// Raised once the node stops.
    pub(crate) draining: ShutdownSignal,
}

enum Surface {
    Gateway,
    Api,
    Health,
    Ready,
    Greeting,
    None,
}

impl App for Surfaces {
    async fn call(
        &self,
        request: Request<RequestBody>,
        peer: SocketAddr,
    ) -> Response<ResponseBody> {
        let client = self.proxies.client(request.headers(), peer.ip());
        match surface(request.uri().path()) {
            Surface::Gateway if self.role != Role::Control => {
                self.gateway.call(request, client).await
            }
            Surface::Api if self.role != Role::Gateway => self.api(request, client).await,
            Surface::Health => json(StatusCode::OK, &health()),
            Surface::Ready if self.draining.is_raised() => {
                json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"stopping"}"#)
            }
            Surface::Ready => json(StatusCode::OK, r#"{"status":"ready"}"#),
            Surface::Greeting => {
                let text = "Portcullis: the gate stands. Point your client's base URL at /v1.\n";
                plain(StatusCode::OK, "text/plain; charset=utf-8", text)
            }
            _ => json(StatusCode::NOT_FOUND, r#"{"message":"Not Found","ok":false}"#),
        }
    }

    async fn attend(&self) {
        self.gateway.attend().await;
    }
}

impl Surfaces {
    async fn api(
        &self,
        mut request: Request<RequestBody>,
        client: IpAddr,
    ) -> Response<ResponseBody> {
        use tower::Service as _;
        request.extensions_mut().insert(Peer(client));
        let mut api = self.api.clone();
        // Dropping the future when the client hangs up does not abort the task: an admin write
        // that has begun ends, one way or the other.
        let task = self.control.spawn(async move {
            let answer: Result<_, Infallible> = api.call(request).await;
            answer
        });
        match task.await {
            Ok(Ok(response)) => {
                let (head, body) = response.into_parts();
                Response::from_parts(head, ResponseBody::stream(body.map_err(Into::into)))
            }
            Ok(Err(never)) => match never {},
            Err(error) => {
                tracing::error!(%error, "an admin request failed");
                let body = r#"{"status":"failure","message":"internal error"}"#;
                let mut response = json(StatusCode::INTERNAL_SERVER_ERROR, body);
                // Without it, SDKs repeat the call (clients reference).
                let exception = HeaderValue::from_static("true");
                response.headers_mut().insert("x-portkey-gateway-exception", exception);
                response
            }
        }
    }
}

fn surface(path: &str) -> Surface {
    match path {
        "/" => return Surface::Greeting,
        "/v1/health" | "/livez" => return Surface::Health,
        "/readyz" => return Surface::Ready,
        _ => {}
    }
    let Some(rest) = path.strip_prefix("/v1/") else {
        let is_ours = path.starts_with("/v2/") || path.starts_with("/auth/");
        return if is_ours { Surface::Api } else { Surface::None };
    };
    if portcullis_api::owns(rest) { Surface::Api } else { Surface::Gateway }
}

fn health() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(r#"{{"status":"success","message":"Server is healthy","version":"{version}"}}"#)
}

fn json(status: StatusCode, body: &str) -> Response<ResponseBody> {
    plain(status, "application/json", body)
}

fn plain(status: StatusCode, content_type: &'static str, body: &str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(bytes::Bytes::from(body.to_owned())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
