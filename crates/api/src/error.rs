//! Failures as answers. One body serves every client: `error.message` for those that look there,
//! `data.message` for the older resources, `message` for the rest (admin reference §1).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Uri, header::RETRY_AFTER};
use portcullis_control::ControlError;
use portcullis_domain::{AuditOutcome, Scope};
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::{Reply, json};

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
    /// A bug: a handler does not take whom its route lets in.
    WrongDoor,
}

/// What every failure is answered with.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Failure {
    status: &'static str,
    success: bool,
    /// What is wrong, and what would be right.
    message: String,
    error: FailureDetail,
    data: FailureData,
}

#[derive(Serialize, JsonSchema)]
struct FailureDetail {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

#[derive(Serialize, JsonSchema)]
struct FailureData {
    message: String,
}

/// A failure's parts.
struct Said {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
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

impl ApiError {
    /// The answer.
    pub(crate) fn into_reply(self) -> Reply {
        if let Self::Control(error) = &self
            && let Some(detail) = error.detail()
        {
            tracing::error!(%error, detail, "an admin request failed");
        }
        let Said { status, kind, code, message } = self.said();
        let body = Failure {
            status: "failure",
            success: false,
            message: message.clone(),
            error: FailureDetail { message: message.clone(), kind, param: None, code },
            data: FailureData { message },
        };
        let mut reply = json(status, &body);
        if let Self::Control(ControlError::TooManyAttempts { wait_millis }) = self {
            let seconds = wait_millis.div_ceil(1000);
            reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply
    }

    /// Whether it was not permitted, rather than not possible.
    pub(crate) const fn is_denial(&self) -> bool {
        matches!(self, Self::Control(error) if error.is_denial())
    }

    /// What the audit trail is told.
    pub(crate) fn outcome(&self) -> AuditOutcome {
        let Said { status, message, .. } = self.said();
        let status = Some(status.as_u16());
        if self.is_denial() {
            AuditOutcome::Denied { status, reason: message }
        } else {
            AuditOutcome::Failed { status, reason: message }
        }
    }

    /// The scope that was missing.
    pub(crate) const fn scope(&self) -> Option<Scope> {
        match self {
            Self::Control(ControlError::ScopeMissing(scope) | ControlError::Outranked(scope)) => {
                Some(*scope)
            }
            _ => None,
        }
    }

    fn said(&self) -> Said {
        let invalid = |status, message: String| Said {
            status,
            kind: "invalid_request_error",
            code: None,
            message,
        };
        match self {
            Self::Malformed(message) => invalid(StatusCode::BAD_REQUEST, message.clone()),
            Self::TooLarge(limit) => {
                let message = format!("the request body is larger than {} KiB", limit >> 10);
                invalid(StatusCode::PAYLOAD_TOO_LARGE, message)
            }
            Self::TooSlow(limit) => Said {
                status: StatusCode::REQUEST_TIMEOUT,
                kind: "timeout_error",
                code: None,
                message: format!("the request body did not come within {limit:?}"),
            },
            Self::RouteUnknown(message) => Said {
                status: StatusCode::NOT_FOUND,
                kind: "not_found_error",
                code: None,
                message: message.clone(),
            },
            Self::MethodUnknown => {
                let message = "this path is not served with this method".to_owned();
                invalid(StatusCode::METHOD_NOT_ALLOWED, message)
            }
            Self::WrongDoor => Said {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                kind: "internal_error",
                code: None,
                message: "internal error".to_owned(),
            },
            Self::Control(error) => control(error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.into_reply()
    }
}

fn control(error: &ControlError) -> Said {
    let message = error.to_string();
    let (status, kind, code) = match error {
        ControlError::KeyUnknown => (StatusCode::UNAUTHORIZED, "authentication_error", Some("03")),
        ControlError::KeyExpired => (StatusCode::UNAUTHORIZED, "authentication_error", Some("01")),
        ControlError::NotSignedIn | ControlError::SignInFailed => {
            (StatusCode::UNAUTHORIZED, "authentication_error", None)
        }
        ControlError::TooManyAttempts { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", None)
        }
        ControlError::ScopeMissing(_) | ControlError::Outranked(_) => {
            (StatusCode::FORBIDDEN, "permission_error", Some("033"))
        }
        ControlError::AddressRefused | ControlError::Forbidden(_) | ControlError::Forged => {
            (StatusCode::FORBIDDEN, "permission_error", None)
        }
        ControlError::NotFound(_) => (StatusCode::NOT_FOUND, "not_found_error", None),
        ControlError::Invalid { .. } | ControlError::InvalidParameter { .. } => {
            (StatusCode::BAD_REQUEST, "invalid_request_error", None)
        }
        ControlError::Kms(error) => {
            let (status, kind) = if error.failure.is_transient() {
                (StatusCode::SERVICE_UNAVAILABLE, "kms_unavailable")
            } else {
                (StatusCode::BAD_REQUEST, "kms_refused")
            };
            (status, kind, Some(error.failure.code()))
        }
        ControlError::Conflict(_) => (StatusCode::CONFLICT, "conflict_error", None),
        ControlError::DatabaseUnavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", None)
        }
        ControlError::VaultUnavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "vault_unavailable", None)
        }
        ControlError::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error", None),
    };
    // Keys that fail are answered as the contract says (data-plane reference §2).
    let message = match error {
        ControlError::KeyUnknown | ControlError::KeyExpired => {
            format!("Portkey Error: {message}. Error Code: {}", code.unwrap_or_default())
        }
        _ => message,
    };
    Said { status, kind, code, message }
}
