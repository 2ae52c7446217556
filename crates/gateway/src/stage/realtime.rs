//! attempt, for a realtime session: the handshake with the provider. What follows it is in
//! `session/`.

use std::sync::Arc;

use http::{
    HeaderMap, HeaderValue, Request, StatusCode, Uri,
    header::{
        AUTHORIZATION, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use portcullis_domain::{Fault, FaultKind, Retry};
use portcullis_providers::adapter::{AskBody, Prepared};
use portcullis_runtime::{
    egress::OutboundBody,
    websocket::{self, MalformedHandshake},
};

use crate::{
    Parts,
    closing::Closing,
    header,
    session::{Guard, Session},
    stage::{
        accept::Accepted,
        attempt::{Answered, Step, fault, prepare},
        identify::Identified,
        plan::Target,
    },
};

/// How a browser, which can set no header, brings its key (data-plane reference §1.4).
const KEY_PROTOCOL: &str = "openai-insecure-api-key.";

/// Takes the key out of the subprotocols, where a browser puts it, into the header where others do.
/// It never goes on as a subprotocol; where there is an `authorization` header, that one counts.
pub(crate) fn lift_key(headers: &mut HeaderMap) {
    let is_key = |name: &&str| name.starts_with(KEY_PROTOCOL);
    let Some(key) = websocket::protocols(headers).find(is_key) else { return };
    let bearer = format!("Bearer {}", &key[KEY_PROTOCOL.len()..]);
    let rest: Vec<&str> = websocket::protocols(headers).filter(|name| !is_key(name)).collect();
    let rest = (!rest.is_empty()).then(|| HeaderValue::from_str(&rest.join(", ")));
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let Some(Ok(rest)) = rest {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, rest);
    }
    if !headers.contains_key(AUTHORIZATION)
        && let Ok(mut bearer) = HeaderValue::from_str(&bearer)
    {
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
}

/// Checks the client's handshake.
pub(crate) fn check(accepted: &Accepted) -> Result<(), Fault> {
    client_key(accepted).map(|_| ())
}

fn client_key(accepted: &Accepted) -> Result<&[u8], Fault> {
    let key = websocket::key_of(&accepted.method, accepted.version, &accepted.headers);
    key.map_err(|malformed| {
        let text = match malformed {
            MalformedHandshake::NoUpgrade => {
                "realtime is served over WebSockets only: open one here, over HTTP/1.1, with an \
                 OpenAI client's realtime connection or any WebSocket client"
                    .to_owned()
            }
            other => format!("the WebSocket handshake is not valid: {other}"),
        };
        Fault::client(FaultKind::BadRequest, text)
    })
}

/// Opens a session with the provider. Where the provider refuses, its answer is the call's.
pub(crate) async fn attempt(
    parts: &Parts,
    identified: &Identified,
    target: &Target,
    closing: &mut Closing,
) -> Result<Answered, Fault> {
    let accepted = &*identified.accepted;
    let accept = websocket::accept_of(client_key(accepted)?);
    let step = Step { endpoint: accepted.endpoint, path: accepted.path() };
    let Prepared { method, url, headers, reply, .. } =
        prepare(accepted, target, step, AskBody::None)?;
    let key = mint_key(parts);
    let offered: Vec<&str> =
        websocket::protocols(&accepted.headers).filter(|name| may_go_on(name)).collect();

    let mut request = Request::new(OutboundBody::Empty);
    *request.method_mut() = method;
    *request.uri_mut() = Uri::try_from(url).map_err(|error| {
        let text = "the provider's address cannot be built from this request";
        Fault::client(FaultKind::BadRequest, text).with_detail(error)
    })?;
    let out = request.headers_mut();
    *out = header::for_understood(&accepted.headers);
    out.extend(headers);
    for name in [SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE] {
        out.remove(name);
    }
    out.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    out.insert(SEC_WEBSOCKET_KEY, key.clone());
    if let Ok(offered) = HeaderValue::from_str(&offered.join(", "))
        && !offered.is_empty()
    {
        out.insert(SEC_WEBSOCKET_PROTOCOL, offered);
    }

    closing.open(request.uri(), None).await?;
    let mark = closing.sent_mark();
    let sent = parts.egress.upgrade(request, "websocket", target.timeout, mark).await;
    let (response, switched) = sent.map_err(|error| fault(&error, target.provider))?;
    closing.answered(response.status());
    let broken = |reason: &str| {
        let text = format!("{} did not open a WebSocket: {reason}", target.provider.title);
        Fault::upstream(FaultKind::UpstreamBroken, Retry::NextTarget, text)
    };
    let session = match switched {
        None if response.status().is_success() => {
            return Err(broken("it answered as if it had been asked for something else"));
        }
        None => None,
        Some(provider) => {
            let key = key.to_str().unwrap_or_default();
            let chosen = websocket::check_answer(response.headers(), key, &offered)
                .map_err(|malformed| broken(&malformed.to_string()))?;
            Some(Box::new(Session {
                provider,
                title: target.provider.title,
                accept,
                // A browser takes it for a refusal when none of its subprotocols is chosen.
                protocol: chosen.or_else(|| {
                    let usual = offered.contains(&"realtime");
                    usual.then(|| HeaderValue::from_static("realtime"))
                }),
                guard: Guard::new(parts, identified, target),
                integration: target.virtual_key.as_ref().map(|(_, saved)| Arc::clone(saved)),
                dice: Arc::clone(&parts.dice),
                idle_timeout: parts.settings.session_idle_timeout,
            }))
        }
    };
    debug_assert!(session.is_none() || response.status() == StatusCode::SWITCHING_PROTOCOLS);
    Ok(Answered {
        endpoint: step.endpoint,
        provider: target.provider,
        trace_id: accepted.trace.echo.clone(),
        credential: Arc::clone(&target.credential),
        response,
        reply,
        session,
    })
}

/// Whether a subprotocol goes to the provider. Others name an organisation or a project, which is
/// the credential's affair, or nobody knows what.
fn may_go_on(name: &str) -> bool {
    name == "realtime" || name.starts_with("openai-beta.")
}

/// Our own key towards the provider: the client's would show that we hand it on.
fn mint_key(parts: &Parts) -> HeaderValue {
    let mut random = [0; 16];
    parts.dice.fill(&mut random);
    HeaderValue::try_from(websocket::mint_key(random)).expect("base64 is plain text")
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::lift_key;

    fn lifted(pairs: &[(&'static str, &'static str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()));
        let mut headers = HeaderMap::from_iter(pairs);
        lift_key(&mut headers);
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        let mut found: Vec<_> =
            headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        found.sort();
        found
    }

    #[test]
    fn a_browsers_key_becomes_a_header_and_leaves_the_subprotocols() {
        let own = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        let name = "sec-websocket-protocol";
        assert_eq!(
            lifted(&[(name, "realtime, openai-insecure-api-key.pck_a, openai-beta.realtime-v1")]),
            [own("authorization", "Bearer pck_a"), own(name, "realtime, openai-beta.realtime-v1")]
        );
        assert_eq!(
            lifted(&[(name, "openai-insecure-api-key.sk-x"), ("authorization", "Bearer pck_a")]),
            [own("authorization", "Bearer pck_a")]
        );
        assert_eq!(lifted(&[(name, "realtime")]), [own(name, "realtime")]);
        assert_eq!(lifted(&[]), []);
    }
}
