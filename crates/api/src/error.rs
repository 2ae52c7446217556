//! Failures as answers. One body serves every client: `error.message` for those that look there,
//! `data.message` for the older resources, `message` for the rest (admin reference §1).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Uri, header::CONTENT_TYPE};
use portcullis_control::ControlError;
use serde_json::{Value, json};

/// A failure of a request.
pub(crate) enum ApiError {
    /// The use case failed.
    Control(ControlError),
    /// The request cannot be read.
    Malformed(String),
    /// The body is too large.
    TooLarge(usize),
    /// The body did not come in time.
    TooSlow(Duration),
    /// Nothing is here.
    RouteUnknown(String),
    /// It is here, but not with this method.
    MethodUnknown,
}

/// The outcome of a handler.
pub(crate) type ApiResult = Result<Response, ApiError>;

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

/// A 2xx answer. Clients need a JSON object with its content type, always (admin reference §0.1).
pub(crate) fn ok(body: Value) -> Response {
    respond(StatusCode::OK, &body)
}

pub(crate) async fn route_unknown(uri: Uri) -> ApiError {
    let first = uri.path().trim_start_matches('/').split('/').nth(1).unwrap_or_default();
    ApiError::RouteUnknown(if crate::NOT_SERVED.contains(&first) {
        format!("'{first}' is not served by this version")
    } else {
        "there is no such path in the admin API".to_owned()
    })
}

pub(crate) async fn method_unknown() -> ApiError {
    ApiError::MethodUnknown
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, kind, code, message) = match self {
            Self::Malformed(message) => {
                (StatusCode::BAD_REQUEST, "invalid_request_error", None, message)
            }
            Self::TooLarge(limit) => {
                let message = format!("the request body is larger than {} KiB", limit >> 10);
                (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", None, message)
            }
            Self::TooSlow(limit) => {
                let message = format!("the request body did not come within {limit:?}");
                (StatusCode::REQUEST_TIMEOUT, "timeout_error", None, message)
            }
            Self::RouteUnknown(message) => {
                (StatusCode::NOT_FOUND, "not_found_error", None, message)
            }
            Self::MethodUnknown => {
                let message = "this path is not served with this method".to_owned();
                (StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", None, message)
            }
            Self::Control(error) => control(&error),
        };
        let body = json!({
            "status": "failure",
            "success": false,
            "message": message,
            "error": {"message": message, "type": kind, "param": null, "code": code},
            "data": {"message": message},
        });
        respond(status, &body)
    }
}

fn control(error: &ControlError) -> (StatusCode, &'static str, Option<&'static str>, String) {
    if let Some(detail) = error.detail() {
        tracing::error!(%error, detail, "an admin request failed");
    }
    let message = error.to_string();
    match error {
        ControlError::KeyUnknown => {
            let message = format!("Portkey Error: {message}. Error Code: 03");
            (StatusCode::UNAUTHORIZED, "authentication_error", Some("03"), message)
        }
        ControlError::KeyExpired => {
            let message = format!("Portkey Error: {message}. Error Code: 01");
            (StatusCode::UNAUTHORIZED, "authentication_error", Some("01"), message)
        }
        ControlError::ScopeMissing(_) | ControlError::Outranked(_) => {
            (StatusCode::FORBIDDEN, "permission_error", Some("033"), message)
        }
        ControlError::NotFound(_) => (StatusCode::NOT_FOUND, "not_found_error", None, message),
        ControlError::Invalid { .. } => {
            (StatusCode::BAD_REQUEST, "invalid_request_error", None, message)
        }
        ControlError::InvalidParameter { .. } => {
            (StatusCode::BAD_REQUEST, "invalid_request_error", None, message)
        }
        ControlError::Kms(error) => {
            let (status, kind) = if error.failure.is_transient() {
                (StatusCode::SERVICE_UNAVAILABLE, "kms_unavailable")
            } else {
                (StatusCode::BAD_REQUEST, "kms_refused")
            };
            (status, kind, Some(error.failure.code()), message)
        }
        ControlError::Conflict(_) => (StatusCode::CONFLICT, "conflict_error", None, message),
        ControlError::DatabaseUnavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", None, message)
        }
        ControlError::VaultUnavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "vault_unavailable", None, message)
        }
        ControlError::Internal(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "internal_error", None, message)
        }
    }
}

fn respond(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(body.to_string().into());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
