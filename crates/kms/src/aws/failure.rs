//! What AWS's errors come to.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use portcullis_runtime::egress::EgressError;
use portcullis_vault::{KmsError, KmsFailure, KmsOperation};

use crate::rest::failure_of;

/// Sorts an error of the SDK.
pub(super) fn failed<E>(operation: KmsOperation, error: &SdkError<E, HttpResponse>) -> KmsError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    if let Some(of_credentials) = cause::<CredentialsError>(error) {
        return credentials_failed(of_credentials);
    }
    let (failure, detail) = sort(error);
    KmsError::new(operation, failure, detail)
}

fn sort<E>(error: &SdkError<E, HttpResponse>) -> (KmsFailure, String)
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let said = |code: &str, message: &str| {
        if message.is_empty() { code.to_owned() } else { format!("{code}: {}", shown(message)) }
    };
    match error {
        SdkError::TimeoutError(_) => (KmsFailure::Unreachable, "no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) => match cause::<EgressError>(error) {
            Some(of_egress) => (failure_of(of_egress), of_egress.to_string()),
            None if failure.is_timeout() => {
                (KmsFailure::Unreachable, "no answer in time".to_owned())
            }
            None => (KmsFailure::Unreachable, causes(error)),
        },
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
            let raw = error.raw_response();
            let status = raw.map_or(0, |raw| raw.status().as_u16());
            let body = raw.and_then(|raw| raw.body().bytes()).unwrap_or_default();
            let body = String::from_utf8_lossy(body);
            // Some services that speak like AWS answer errors in XML whatever they are asked in.
            let code = error.code().or_else(|| element(&body, "Code"));
            let message = error.message().or_else(|| element(&body, "Message")).unwrap_or("");
            match code {
                Some(code) => (of_code(code, message, status), said(code, message)),
                None if status >= 500 => {
                    (KmsFailure::ServiceFault, format!("HTTP status {status}"))
                }
                None => {
                    let detail = format!("HTTP status {status} that cannot be understood");
                    (KmsFailure::Unexpected, detail)
                }
            }
        }
        _ => (KmsFailure::Unexpected, causes(error)),
    }
}

/// What an error code means. Codes of KMS, and those that all services share.
fn of_code(code: &str, message: &str, status: u16) -> KmsFailure {
    // Sometimes with a namespace before or a reason after it.
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    let mentions = |words: &[&str]| {
        let message = message.to_ascii_lowercase();
        words.iter().any(|word| message.contains(word))
    };
    match code {
        "AccessDeniedException"
        | "AccessDenied"
        | "UnauthorizedOperation"
        | "InvalidGrantTokenException" => KmsFailure::Denied,
        "DisabledException" => KmsFailure::Disabled,
        "KMSInvalidStateException" if mentions(&["pending deletion", "pendingdeletion"]) => {
            KmsFailure::PendingDeletion
        }
        "KMSInvalidStateException" if mentions(&["disabled"]) => KmsFailure::Disabled,
        "KMSInvalidStateException" => KmsFailure::UnusableState,
        "NotFoundException" if mentions(&["invalid arn", "region"]) => KmsFailure::WrongRegion,
        "NotFoundException" | "InvalidArnException" => KmsFailure::NotFound,
        "InvalidKeyUsageException" | "UnsupportedOperationException" => KmsFailure::WrongUsage,
        "IncorrectKeyException" => KmsFailure::WrongKey,
        "InvalidCiphertextException" => KmsFailure::Corrupt,
        // Bytes that cannot be a ciphertext: empty, or too many.
        "ValidationException" if mentions(&["ciphertextblob"]) => KmsFailure::Corrupt,
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "RequestThrottled"
        | "LimitExceededException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown" => KmsFailure::Throttled,
        "ExpiredTokenException" | "ExpiredToken" | "TokenRefreshRequired" => {
            KmsFailure::CredentialsExpired
        }
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => KmsFailure::ClockSkew,
        "InvalidSignatureException" | "SignatureDoesNotMatch"
            if mentions(&["expired", "not yet current", "skew"]) =>
        {
            KmsFailure::ClockSkew
        }
        "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired" => KmsFailure::CredentialsInvalid,
        "KMSInternalException"
        | "DependencyTimeoutException"
        | "KeyUnavailableException"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => KmsFailure::ServiceFault,
        _ if status >= 500 => KmsFailure::ServiceFault,
        _ => KmsFailure::Unexpected,
    }
}

/// Credentials could not be had: the KMS itself was not asked.
pub(super) fn credentials_failed(error: &CredentialsError) -> KmsError {
    let (failure, detail) = match cause::<SdkError<AssumeRoleError, HttpResponse>>(error) {
        Some(assuming) => {
            let (failure, detail) = sort(assuming);
            (failure, format!("assuming the role: {detail}"))
        }
        None => match error {
            CredentialsError::CredentialsNotLoaded(_) => {
                let detail = "none in the environment, a profile, a container or an instance";
                (KmsFailure::CredentialsMissing, detail.to_owned())
            }
            CredentialsError::ProviderTimedOut(_) => {
                (KmsFailure::Unreachable, "the source of credentials does not answer".to_owned())
            }
            other => (KmsFailure::CredentialsMissing, causes(other)),
        },
    };
    KmsError::new(KmsOperation::Authenticate, failure, detail)
}

/// The first of an error's causes, itself included, of that type.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// An error and its causes in one bounded line.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    shown(&text)
}

fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use portcullis_vault::KmsFailure;

    use super::{element, of_code};

    #[test]
    fn codes_come_to_reasons() {
        for (code, message, status, expected) in [
            ("AccessDeniedException", "not authorized", 400, KmsFailure::Denied),
            ("com.amazonaws.kms#DisabledException", "", 400, KmsFailure::Disabled),
            (
                "KMSInvalidStateException",
                "arn is pending deletion.",
                400,
                KmsFailure::PendingDeletion,
            ),
            ("KMSInvalidStateException", "arn is unavailable", 400, KmsFailure::UnusableState),
            ("NotFoundException", "Invalid arn eu-west-1", 400, KmsFailure::WrongRegion),
            ("NotFoundException", "Key 'x' does not exist", 400, KmsFailure::NotFound),
            ("InvalidKeyUsageException", "", 400, KmsFailure::WrongUsage),
            ("IncorrectKeyException", "", 400, KmsFailure::WrongKey),
            ("InvalidCiphertextException", "", 400, KmsFailure::Corrupt),
            ("ThrottlingException", "Rate exceeded", 400, KmsFailure::Throttled),
            ("ExpiredTokenException", "", 400, KmsFailure::CredentialsExpired),
            ("InvalidSignatureException", "Signature expired: 2026", 400, KmsFailure::ClockSkew),
            ("SignatureDoesNotMatch", "calculated", 403, KmsFailure::CredentialsInvalid),
            ("InvalidClientTokenId", "", 403, KmsFailure::CredentialsInvalid),
            ("KMSInternalException", "", 500, KmsFailure::ServiceFault),
            ("KeyUnavailableException", "", 500, KmsFailure::ServiceFault),
            ("SomethingNew", "", 503, KmsFailure::ServiceFault),
            ("SomethingNew", "", 400, KmsFailure::Unexpected),
        ] {
            assert_eq!(of_code(code, message, status), expected, "{code} {message}");
        }
        assert_eq!(element("<E><Code>X</Code></E>", "Code"), Some("X"));
        assert_eq!(element("<Code>X", "Code"), None);
    }
}
