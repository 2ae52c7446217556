//! Every answer carries a trace id: without one, SDKs repeat a failed call (admin reference §0.7).

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue};
use portcullis_control::Control;

const TRACE_ID: HeaderName = HeaderName::from_static("x-portkey-trace-id");

/// A request's id: in its extensions, in the answer, in the audit trail.
#[derive(Clone, Debug)]
pub(crate) struct TraceId(pub(crate) HeaderValue);

pub(crate) async fn stamp(
    State(control): State<Control>,
    mut request: Request,
    next: Next,
) -> Response {
    let given = request.headers().get(&TRACE_ID).filter(|value| value.len() <= 256).cloned();
    let trace_id = given.or_else(|| HeaderValue::from_str(&control.mint_trace_id()).ok());
    if let Some(trace_id) = &trace_id {
        request.extensions_mut().insert(TraceId(trace_id.clone()));
    }
    let mut response = next.run(request).await;
    if let Some(trace_id) = trace_id {
        response.headers_mut().insert(TRACE_ID, trace_id);
    }
    response
}
