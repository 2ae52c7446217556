//! Faults as answers, in the contract's shapes (data-plane reference §2, §7, §12).

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use portcullis_domain::{Fault, FaultKind, Origin};
use portcullis_runtime::server::ResponseBody;
use serde_json::json;

use crate::{header, stage::saved_only};

/// The answer to a call that cannot be served. One body serves every client: `error` for the OpenAI
/// SDKs, `type` for Anthropic's, `status` and `message` for Portkey's. `retry_count` is what
/// `Closing` says.
pub(crate) fn respond(
    fault: &Fault,
    trace_id: &HeaderValue,
    retry_count: i32,
) -> Response<ResponseBody> {
    let code = code(fault.kind);
    let message = match code {
        Some(code) => format!("Portkey Error: {}. Error Code: {code}", fault.public),
        None => fault.public.to_string(),
    };
    let mut body = json!({
        "status": "failure",
        "type": "error",
        "message": message,
        "error": {
            "message": message,
            "type": error_type(fault.kind),
            "param": null,
            "code": code,
        },
    });
    if let FaultKind::InlineBlocked(inline) = fault.kind {
        body["error"]["code"] = inline.code().into();
        body["error"]["field"] = saved_only::field(inline).into();
    }
    let mut response = Response::new(ResponseBody::from(Bytes::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(fault.kind.status())
        .expect("every fault's status is between 400 and 599");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Without it, SDKs repeat a failed call (clients reference).
    headers.insert(header::TRACE_ID, trace_id.clone());
    header::set_retry_count(headers, retry_count);
    if fault.origin == Origin::Gateway {
        headers.insert(header::OUT_GATEWAY_EXCEPTION, HeaderValue::from_static("true"));
    }
    if matches!(fault.kind, FaultKind::ModelNotAllowed | FaultKind::KmsRefused) {
        headers.insert(header::OUT_SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    response
}

const fn code(kind: FaultKind) -> Option<&'static str> {
    match kind {
        FaultKind::KeyUnknown => Some("03"),
        FaultKind::KeyExpired | FaultKind::VirtualKeyExpired => Some("01"),
        FaultKind::ScopeMissing => Some("033"),
        _ => None,
    }
}

const fn error_type(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::BadRequest
        | FaultKind::InlineBlocked(_)
        | FaultKind::HostRefused
        | FaultKind::BodyTooLarge => "invalid_request_error",
        FaultKind::KeyUnknown | FaultKind::KeyExpired => "authentication_error",
        FaultKind::ScopeMissing | FaultKind::AddressRefused => "permission_error",
        FaultKind::RouteUnknown | FaultKind::OutputMissing => "not_found_error",
        FaultKind::VirtualKeyExpired => "virtual_key_expired_error",
        FaultKind::ModelNotAllowed => "model_not_allowed_error",
        FaultKind::ClientTooSlow | FaultKind::UpstreamTimeout => "timeout_error",
        FaultKind::ClientGone => "client_closed_request",
        FaultKind::UpstreamUnreachable | FaultKind::UpstreamBroken => "upstream_error",
        FaultKind::VaultUnavailable => "vault_unavailable",
        FaultKind::KmsUnavailable => "kms_unavailable",
        FaultKind::KmsRefused => "kms_refused",
        FaultKind::RecordUnavailable => "record_unavailable",
        FaultKind::Internal => "internal_error",
    }
}
