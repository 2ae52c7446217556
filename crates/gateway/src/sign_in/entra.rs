//! What Microsoft Entra is asked for a token, and what it answers (OAuth 2.0 client credentials,
//! RFC 6749 §4.4).

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, StatusCode, Uri,
    header::{ACCEPT, CONTENT_TYPE},
};
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_domain::{Fault, FaultKind, Retry, Secret};
use portcullis_providers::EntraApp;
use portcullis_runtime::egress::{Egress, EgressErrorKind, OutboundBody};
use serde_json::Value;

use super::WITHIN;

/// The longest answer that is read, bytes. Tokens have some thousands.
const MAX_ANSWER: usize = 64 << 10;
/// The longest token that a header is made of, bytes.
const MAX_TOKEN: usize = 16 << 10;

/// What to ask for a token of the application.
pub(super) fn request(authority: &str, app: &EntraApp<'_>) -> Result<Request<OutboundBody>, Fault> {
    let url = format!("{authority}/{}/oauth2/v2.0/token", app.tenant);
    let uri = Uri::try_from(url).map_err(|error| {
        let text = "the address of Microsoft Entra cannot be built from the tenant";
        refused(text.to_owned()).with_detail(error)
    })?;
    let mut request = Request::new(OutboundBody::Full(form(app)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, kind);
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    Ok(request)
}

/// Asks for a token: that, and the seconds that it lives. Takes [`WITHIN`] at most.
pub(super) async fn obtain(
    egress: &Egress,
    request: Request<OutboundBody>,
) -> Result<(Secret<String>, u64), Fault> {
    match tokio::time::timeout(WITHIN, exchange(egress, request)).await {
        Ok(obtained) => obtained,
        Err(_) => Err(late()),
    }
}

/// Entra did not answer.
pub(super) fn late() -> Fault {
    let text = "Microsoft Entra did not answer the sign-in in time";
    Fault::upstream(FaultKind::UpstreamTimeout, Retry::NextTarget, text)
}

/// A setting of the application is wrong.
pub(super) fn refused(text: String) -> Fault {
    let fault = Fault::client(FaultKind::BadRequest, text);
    Fault { retry: Retry::NextTarget, ..fault }
}

async fn exchange(
    egress: &Egress,
    request: Request<OutboundBody>,
) -> Result<(Secret<String>, u64), Fault> {
    let answer = egress.send(request, WITHIN).await.map_err(|error| {
        let (kind, text) = match error.kind {
            EgressErrorKind::Refused(_) => (FaultKind::HostRefused, "is refused as an address"),
            EgressErrorKind::Unreachable => (FaultKind::UpstreamUnreachable, "cannot be reached"),
            EgressErrorKind::Timeout => (FaultKind::UpstreamTimeout, "did not answer in time"),
            EgressErrorKind::Broken => (FaultKind::UpstreamBroken, "broke off the connection"),
        };
        let text = format!("Microsoft Entra, which signs in to Azure, {text}");
        Fault::upstream(kind, Retry::NextTarget, text).with_detail(error)
    })?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|_| unreadable())?;
    let answer = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
    if head.status.is_success() {
        return token(&answer).ok_or_else(unreadable);
    }
    let passes = matches!(head.status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
        || answer["error"] == "temporarily_unavailable";
    if head.status.is_client_error() && !passes {
        return Err(refusal(&answer));
    }
    let text =
        format!("Microsoft Entra, which signs in to Azure, answered {}", head.status.as_u16());
    Err(Fault::upstream(FaultKind::UpstreamUnreachable, Retry::NextTarget, text))
}

/// `application/x-www-form-urlencoded` (WHATWG URL §5.2), but for spaces.
fn form(app: &EntraApp<'_>) -> Bytes {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
    let escaped = |text| utf8_percent_encode(text, ESCAPED);
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
        escaped(&app.client_id),
        escaped(app.client_secret.danger_expose()),
        escaped(app.scope),
    );
    form.into()
}

/// The token of an answer (RFC 6749 §5.1), and the seconds that it lives.
fn token(answer: &Value) -> Option<(Secret<String>, u64)> {
    let token = answer["access_token"].as_str()?;
    let is_one =
        (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    let life = &answer["expires_in"];
    let life = life.as_u64().or_else(|| life.as_str()?.parse().ok())?;
    is_one.then(|| (Secret::new(token.to_owned()), life))
}

/// Why Entra refuses, and which setting that is. Its own words are not repeated: they name the
/// application and more.
fn refusal(answer: &Value) -> Fault {
    let code = answer["error_codes"][0].as_u64();
    let named = match (code, answer["error"].as_str()) {
        (Some(7_000_215), _) => Some(("azure_entra_client_secret", "is wrong")),
        (Some(7_000_222), _) => Some(("azure_entra_client_secret", "has expired")),
        (Some(700_016 | 700_038 | 7_000_112 | 7_000_229), _) => {
            Some(("azure_entra_client_id", "is of no application in this directory"))
        }
        (Some(90_002 | 90_013 | 900_021 | 900_023), _) => {
            Some(("azure_entra_tenant_id", "is of no directory"))
        }
        (Some(70_011 | 500_011 | 1_002_012), _)
        | (_, Some("invalid_scope" | "invalid_resource")) => {
            Some(("azure_entra_scope", "is of no resource in this directory"))
        }
        (_, Some("unauthorized_client")) => {
            Some(("azure_entra_client_id", "is of an application that may not sign in"))
        }
        (_, Some("invalid_client")) => {
            Some(("azure_entra_client_secret", "is not accepted for this application"))
        }
        _ => None,
    };
    let mut text = match named {
        Some((setting, reason)) => {
            format!("Microsoft Entra refuses to sign in to Azure: '{setting}' {reason}")
        }
        None => "Microsoft Entra refuses to sign in to Azure".to_owned(),
    };
    if let Some(code) = code {
        text.push_str(&format!(" (AADSTS{code})"));
    }
    refused(text)
}

fn unreadable() -> Fault {
    let text = "Microsoft Entra, which signs in to Azure, gave no token that can be read";
    Fault::upstream(FaultKind::UpstreamBroken, Retry::NextTarget, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_that_a_header_can_hold_is_one() {
        let read = |answer: Value| {
            token(&answer).map(|(token, life)| (token.danger_expose().clone(), life))
        };
        let told = |token: &str, life: Value| {
            read(serde_json::json!({"access_token": token, "expires_in": life}))
        };
        assert_eq!(told("a.b-c", 3599.into()), Some(("a.b-c".to_owned(), 3599)));
        assert_eq!(told("a", "3599".into()), Some(("a".to_owned(), 3599)));
        for bad in ["", "a b", "a\r\nx: y", "\u{e9}"] {
            assert_eq!(told(bad, 1.into()), None, "{bad}");
        }
        assert_eq!(told(&"a".repeat(MAX_TOKEN + 1), 1.into()), None);
        for life in [Value::Null, (-1).into(), "soon".into()] {
            assert_eq!(told("a", life), None);
        }
        assert_eq!(read(Value::Null), None);
    }
}
