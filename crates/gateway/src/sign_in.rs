//! Signing in to Azure as an application of Entra: an access token in place of a key (OAuth 2.0
//! client credentials, RFC 6749 §4.4).
//!
//! A token is got once for each application and used for two thirds of its life. Looking one up
//! takes no lock; only who has to get one waits, for the one that is under way.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::{ArcSwap, ArcSwapOption};
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Uri,
    header::{ACCEPT, CONTENT_TYPE},
};
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_domain::{Fault, FaultKind, Retry, Secret, Timestamp};
use portcullis_providers::{AzureSignIn, EntraApp, credential::Credential};
use portcullis_runtime::egress::{EgressErrorKind, OutboundBody};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{Parts, stage::plan::Target};

/// The most applications whose tokens are kept.
const MOST: usize = 1024;
/// How long a sign-in may take, waiting for others included.
const WITHIN: Duration = Duration::from_secs(15);
/// The longest answer that is read, bytes. Tokens have some thousands.
const MAX_ANSWER: usize = 64 << 10;
/// The longest token that a header is made of, bytes.
const MAX_TOKEN: usize = 16 << 10;
/// The longest life that is believed, in seconds.
const MAX_LIFE: u64 = 24 * 3600;
/// How long a refusal stands, in milliseconds: whoever is called with a wrong secret is not asked
/// again for each call.
const REFUSED_FOR: u64 = 5_000;
/// The same of a way that failed.
const FAILED_FOR: u64 = 500;
/// How long a token is used on when it could not be renewed, in milliseconds.
const RENEW_AGAIN_AFTER: u64 = 10_000;

/// The sign-ins of one process.
#[derive(Default)]
pub struct SignIns(ArcSwap<Slots>);

/// By the digest of the application, its secret included.
type Slots = HashMap<[u8; 32], Arc<Slot>>;

/// One application's.
#[derive(Default)]
struct Slot {
    kept: ArcSwapOption<Kept>,
    /// Held by the one who signs in.
    turn: Mutex<()>,
}

/// How the last sign-in went.
struct Kept {
    outcome: Result<Secret<String>, Fault>,
    /// Until when it stands.
    until: Timestamp,
    /// Until when a token may be used all the same, if no other is to be had.
    ends: Timestamp,
}

/// Whether the target's credential has to be signed in first. Fails for settings of Azure that
/// cannot be honoured.
pub(crate) fn is_needed(target: &Target) -> Result<bool, Fault> {
    Ok(app(target)?.is_some())
}

/// The target's credential, signed in where that is necessary.
pub(crate) async fn signed_in(parts: &Parts, target: &Target) -> Result<Arc<Credential>, Fault> {
    let Some(app) = app(target)? else { return Ok(Arc::clone(&target.credential)) };
    let token = parts.sign_ins.token(parts, &app);
    let token = tokio::time::timeout(WITHIN.min(target.timeout), token).await.map_err(|_| {
        let text = "Microsoft Entra did not answer the sign-in in time";
        Fault::upstream(FaultKind::UpstreamTimeout, Retry::NextTarget, text)
    })??;
    Ok(Arc::new(target.credential.signed_in(token)))
}

fn app(target: &Target) -> Result<Option<EntraApp<'_>>, Fault> {
    if !target.provider.signs_in_to_azure() {
        return Ok(None);
    }
    match target.credential.settings.azure_sign_in() {
        Ok(AzureSignIn::Entra(app)) => Ok(Some(app)),
        Ok(AzureSignIn::Key | AzureSignIn::Token(_)) => Ok(None),
        Err(wrong) => Err(refused(format!("the Azure setting {wrong}"))),
    }
}

impl SignIns {
    async fn token(&self, parts: &Parts, app: &EntraApp<'_>) -> Result<Secret<String>, Fault> {
        let slot = self.slot(&digest(app), parts.clock.now());
        let kept = slot.kept.load_full();
        if let Some(outcome) = standing(kept.as_deref(), parts.clock.now()) {
            return outcome;
        }
        let _turn = match (slot.turn.try_lock(), usable(kept.as_deref(), parts.clock.now())) {
            (Ok(turn), _) => turn,
            // Another renews it.
            (Err(_), Some(token)) => return Ok(token),
            (Err(_), None) => slot.turn.lock().await,
        };
        // Whoever had the turn before may have got one.
        let kept = slot.kept.load_full();
        if let Some(outcome) = standing(kept.as_deref(), parts.clock.now()) {
            return outcome;
        }
        let obtained = obtain(parts, app).await;
        let now = parts.clock.now();
        let after = |millis: u64| now.plus_millis(millis.cast_signed());
        let next = match obtained {
            // Renewed well before its end.
            Ok((token, seconds)) => {
                let millis = seconds.min(MAX_LIFE) * 1000;
                Kept {
                    outcome: Ok(token),
                    until: after(millis / 3 * 2),
                    ends: after(millis / 10 * 9),
                }
            }
            Err(fault) if fault.kind == FaultKind::BadRequest => {
                Kept { outcome: Err(fault), until: after(REFUSED_FOR), ends: now }
            }
            Err(fault) => match usable(kept.as_deref(), now) {
                Some(token) => {
                    let ends = kept.map_or(now, |kept| kept.ends);
                    Kept { outcome: Ok(token), until: after(RENEW_AGAIN_AFTER).min(ends), ends }
                }
                None => Kept { outcome: Err(fault), until: after(FAILED_FOR), ends: now },
            },
        };
        let outcome = next.outcome.clone();
        slot.kept.store(Some(Arc::new(next)));
        outcome
    }

    fn slot(&self, key: &[u8; 32], now: Timestamp) -> Arc<Slot> {
        if let Some(slot) = self.0.load().get(key) {
            return Arc::clone(slot);
        }
        let new = Arc::new(Slot::default());
        self.0.rcu(|slots| {
            if slots.contains_key(key) {
                return Arc::clone(slots);
            }
            let mut slots = Slots::clone(slots);
            if slots.len() >= MOST {
                make_room(&mut slots, now);
            }
            slots.insert(*key, Arc::clone(&new));
            Arc::new(slots)
        });
        // Another may have been first, or has made room already.
        self.0.load().get(key).cloned().unwrap_or(new)
    }
}

/// Forgets what does not stand any more, or else what ends first.
fn make_room(slots: &mut Slots, now: Timestamp) {
    let end = |slot: &Slot| slot.kept.load().as_ref().map_or(now, |kept| kept.until);
    slots.retain(|_, slot| end(slot) > now || slot.turn.try_lock().is_err());
    while slots.len() >= MOST {
        let first = slots.iter().min_by_key(|(_, slot)| end(slot)).map(|(key, _)| *key);
        let Some(first) = first else { return };
        slots.remove(&first);
    }
}

/// What was kept, while it stands.
fn standing(kept: Option<&Kept>, now: Timestamp) -> Option<Result<Secret<String>, Fault>> {
    kept.filter(|kept| now < kept.until).map(|kept| kept.outcome.clone())
}

/// A token that was kept, while it may be used.
fn usable(kept: Option<&Kept>, now: Timestamp) -> Option<Secret<String>> {
    kept.filter(|kept| now < kept.ends)?.outcome.as_ref().ok().cloned()
}

/// Tells applications apart, secrets included: who gives another secret has a sign-in of their own.
fn digest(app: &EntraApp<'_>) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    for part in [app.tenant, app.client_id, app.client_secret.danger_expose(), app.scope] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

/// Gets a token, and the seconds that it lives.
async fn obtain(parts: &Parts, app: &EntraApp<'_>) -> Result<(Secret<String>, u64), Fault> {
    let url = format!("{}/{}/oauth2/v2.0/token", parts.settings.entra_authority, app.tenant);
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

    let answer = parts.egress.send(request, WITHIN).await.map_err(|error| {
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
    if head.status.is_client_error() && head.status.as_u16() != 429 {
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
        escaped(app.client_id),
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

fn refused(text: String) -> Fault {
    let fault = Fault::client(FaultKind::BadRequest, text);
    Fault { retry: Retry::NextTarget, ..fault }
}

fn unreadable() -> Fault {
    let text = "Microsoft Entra, which signs in to Azure, gave no token that can be read";
    Fault::upstream(FaultKind::UpstreamBroken, Retry::NextTarget, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn key(n: usize) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        key
    }

    fn keep(slot: &Slot, millis: i64) {
        let (outcome, until) = (Ok(Secret::new("t".to_owned())), NOW.plus_millis(millis));
        slot.kept.store(Some(Arc::new(Kept { outcome, until, ends: until })));
    }

    #[test]
    fn no_more_than_so_many_are_kept_and_those_that_end_first_go_first() {
        let sign_ins = SignIns::default();
        for n in 0..MOST {
            keep(&sign_ins.slot(&key(n), NOW), 10_000 - n as i64);
        }
        let later = NOW.plus_millis(5_000);
        for n in MOST..MOST + 2 {
            keep(&sign_ins.slot(&key(n), later), 60_000);
        }
        let slots = sign_ins.0.load();
        assert_eq!(slots.len(), MOST);
        let gone: Vec<usize> = (0..MOST + 2).filter(|n| !slots.contains_key(&key(*n))).collect();
        assert_eq!(gone, [MOST - 2, MOST - 1]);
        drop(slots);
        // What does not stand any more goes first, but for one that signs in now.
        let busy = sign_ins.slot(&key(0), NOW);
        let turn = busy.turn.try_lock().unwrap();
        sign_ins.slot(&key(9_999), NOW.plus_millis(20_000));
        let left = sign_ins.0.load();
        assert_eq!(left.len(), 4);
        assert!(left.contains_key(&key(0)) && left.contains_key(&key(MOST)));
        drop(turn);
    }

    #[test]
    fn applications_are_told_apart_by_every_part() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let (one, other) = (secret("s"), secret("ds"));
        let app = |tenant, client_id, client_secret, scope| {
            digest(&EntraApp { tenant, client_id, client_secret, scope })
        };
        let first = app("t", "id", &one, "x");
        assert_eq!(first, app("t", "id", &one, "x"));
        for different in [
            app("u", "id", &one, "x"),
            app("ti", "d", &one, "x"),
            app("t", "i", &other, "x"),
            app("t", "id", &other, "x"),
            app("t", "id", &one, "y"),
        ] {
            assert_ne!(first, different);
        }
    }

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
