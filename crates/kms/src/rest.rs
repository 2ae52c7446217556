//! What clients over plain HTTP share.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_domain::{Secret, Timestamp};
use portcullis_runtime::egress::{
    Egress, EgressError, EgressErrorKind, EgressPolicy, OutboundBody,
};
use portcullis_vault::{KmsError, KmsFailure, KmsOperation, KmsSignIn, kms::KmsSettingsError};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::sign_in::SignIns;

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

/// An answer, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Null when it is no JSON.
    pub(crate) json: Value,
}

/// What is sent.
pub(crate) enum Payload<'a> {
    Nothing,
    Json(&'a Value),
    Form(&'a [(&'a str, &'a str)]),
}

/// Sends a request and reads the answer.
pub(crate) async fn send(
    egress: &Egress,
    operation: KmsOperation,
    method: Method,
    url: &str,
    headers: &[(&'static str, &str)],
    payload: Payload<'_>,
) -> Result<Answer, KmsError> {
    let malformed = |error: &dyn std::fmt::Display| {
        KmsError::new(operation, KmsFailure::EndpointRefused, error)
    };
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (kind, body) = match payload {
        Payload::Nothing => (None, Bytes::new()),
        Payload::Json(json) => (Some("application/json"), json.to_string().into()),
        Payload::Form(pairs) => (Some("application/x-www-form-urlencoded"), form(pairs).into()),
    };
    if let Some(kind) = kind {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    let request = request.body(OutboundBody::from(body)).map_err(|error| malformed(&error))?;
    let failed =
        |error: EgressError| KmsError::new(operation, failure_of(&error), error.to_string());
    let answer = egress.send(request, FIRST_BYTE).await.map_err(failed)?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|error| {
        match error.downcast::<EgressError>() {
            Ok(error) => failed(*error),
            Err(_) => KmsError::new(operation, KmsFailure::Unexpected, "the answer is too large"),
        }
    })?;
    let json = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
    Ok(Answer { status, json })
}

impl Answer {
    /// A text in the answer; a complaint when it is not there.
    pub(crate) fn text(&self, operation: KmsOperation, path: &str) -> Result<&str, KmsError> {
        self.json.pointer(path).and_then(Value::as_str).ok_or_else(|| {
            let detail = "the answer lacks what was asked for";
            KmsError::new(operation, KmsFailure::Unexpected, detail)
        })
    }

    /// Bytes in the answer, in base64.
    pub(crate) fn bytes(&self, operation: KmsOperation, path: &str) -> Result<Vec<u8>, KmsError> {
        STANDARD.decode(self.text(operation, path)?).map_err(|_| {
            KmsError::new(operation, KmsFailure::Unexpected, "the answer is not base64")
        })
    }
}

/// An access token for what a form says, as OAuth 2.0 hands it out (RFC 6749 §4.4, RFC 7523), with
/// the seconds that it lives.
pub(crate) async fn access_token(
    egress: &Egress,
    url: &str,
    form: &[(&str, &str)],
    failed: impl Fn(&Answer) -> KmsError,
) -> Result<(Secret<String>, u64), KmsError> {
    const OPERATION: KmsOperation = KmsOperation::Authenticate;
    let answer = send(egress, OPERATION, Method::POST, url, &[], Payload::Form(form)).await?;
    if answer.status != 200 {
        return Err(failed(&answer));
    }
    let token = answer.text(OPERATION, "/access_token")?.to_owned();
    let seconds = answer.json["expires_in"].as_u64().unwrap_or(300);
    Ok((Secret::new(token), seconds))
}

/// What a service says, in one bounded line.
pub(crate) fn shown(status: u16, text: &str) -> String {
    let text: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    format!("HTTP status {status}: {text}")
}

/// A token that is kept for a part of its life.
#[derive(Default)]
pub(crate) struct Token {
    kept: Mutex<Option<(Secret<String>, Timestamp)>>,
    sign_ins: SignIns,
}

impl Token {
    /// The token: the kept one, or what `obtain` gets, with the seconds that it lives.
    pub(crate) async fn get<F>(&self, now: Timestamp, obtain: F) -> Result<Secret<String>, KmsError>
    where
        F: Future<Output = Result<(Secret<String>, u64), KmsError>>,
    {
        let mut kept = self.kept.lock().await;
        if let Some((token, until)) = &*kept
            && now < *until
        {
            return Ok(token.clone());
        }
        let (token, seconds) = obtain.await?;
        // Renewed well before its end.
        let micros = i64::try_from(seconds.min(86_400) * 2 / 3 * 1_000_000).unwrap_or(0);
        *kept = Some((token.clone(), now.plus_micros(micros)));
        Ok(token)
    }

    /// Forgets it: the service does not know it any more.
    pub(crate) async fn forget(&self) {
        *self.kept.lock().await = None;
    }

    /// Signs in, which is told.
    pub(crate) async fn told<T>(
        &self,
        sign_in: impl Future<Output = Result<T, KmsError>>,
    ) -> Result<T, KmsError> {
        self.sign_ins.note(sign_in).await
    }

    /// The sign-ins since this was last asked.
    pub(crate) fn sign_ins(&self) -> Vec<KmsSignIn> {
        self.sign_ins.take()
    }
}

fn form(pairs: &[(&str, &str)]) -> String {
    // Unreserved characters stay (RFC 3986 §2.3).
    const ESCAPED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let pair =
        |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, ESCAPED));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}
