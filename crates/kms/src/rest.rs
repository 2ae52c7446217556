//! What clients over plain HTTP share.

use std::time::Duration;

use portcullis_runtime::egress::{EgressError, EgressErrorKind, EgressPolicy};
use portcullis_vault::{KmsFailure, kms::KmsSettingsError};

/// How long an answer may take to begin.
pub(crate) const FIRST_BYTE: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
pub(crate) const MAX_ANSWER: usize = 1 << 20;

/// Why a call that failed on its way did so.
pub(crate) fn failure_of(error: &EgressError) -> KmsFailure {
    match error.kind {
        EgressErrorKind::Refused(_) => KmsFailure::EndpointRefused,
        EgressErrorKind::Unreachable | EgressErrorKind::Timeout | EgressErrorKind::Broken => {
            KmsFailure::Unreachable
        }
    }
}

/// Checks the address of a service: what the policy says, no path, and TLS except on this machine,
/// because data keys travel in the answers.
pub(crate) fn check_endpoint(
    policy: &EgressPolicy,
    parameter: &'static str,
    url: &str,
) -> Result<String, KmsSettingsError> {
    let wrong = |message: String| KmsSettingsError::new(parameter, message);
    let uri = policy.check_url(url).map_err(|refused| wrong(format!("is refused: {refused}")))?;
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(wrong("must be scheme, host and port only".to_owned()));
    }
    let host = uri.host().unwrap_or_default();
    let is_here = matches!(host, "localhost" | "[::1]") || host.starts_with("127.");
    if uri.scheme_str() != Some("https") && !is_here {
        return Err(wrong("must begin with https://: data keys travel over it".to_owned()));
    }
    Ok(url.trim_end_matches('/').to_owned())
}
