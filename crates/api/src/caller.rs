//! Who calls.

use axum::extract::FromRequestParts;
use http::request::Parts;
use portcullis_control::{Control, ControlError};
use portcullis_domain::Actor;

use crate::error::ApiError;

/// An authenticated caller and what it may do things with.
pub(crate) struct Caller {
    pub(crate) control: Control,
    pub(crate) actor: Actor,
}

impl FromRequestParts<Control> for Caller {
    type Rejection = ApiError;

    /// `x-portkey-api-key`, or a bearer token when that is absent (admin reference §1).
    async fn from_request_parts(parts: &mut Parts, control: &Control) -> Result<Self, ApiError> {
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let token = text("x-portkey-api-key").map(str::trim).filter(|text| !text.is_empty());
        let bearer = || {
            let text = text("authorization")?.trim();
            match text.split_at_checked(7) {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer ") => {
                    Some(token.trim())
                }
                _ => Some(text),
            }
        };
        let token = token.or_else(bearer).ok_or(ControlError::KeyUnknown)?;
        let actor = control.authenticate(token)?;
        Ok(Self { control: control.clone(), actor })
    }
}
