//! A stand-in for the transit engine of HashiCorp Vault and OpenBao, which have no package here: one
//! key, which wraps for real. What the engines themselves answer is in the fixtures of the crate
//! `kms`; this is for whole lives and for the benchmark.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::serving::{Port, Serving, speak};

/// The engine, mounted at `transit`, with a key of that name. Dropping it ends it.
pub struct Transit {
    url: String,
    state: Arc<State>,
    _serving: Serving,
}

struct State {
    key: RandomizedNonceKey,
    token: String,
    latency: Duration,
    seen: Mutex<Vec<String>>,
    plaintexts: Mutex<Vec<Vec<u8>>>,
}

/// The name of its key.
const KEY: &str = "portcullis";
const PREFIX: &str = "vault:v1:";

impl Transit {
    /// On a free port, for whoever has that token; each answer takes `latency`.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(token: &str, latency: Duration) -> Self {
        let port = Port::take().await;
        let mut key = [0; 32];
        rand::fill(&mut key).expect("random bytes");
        let state = Arc::new(State {
            key: RandomizedNonceKey::new(&AES_256_GCM, &key).expect("a key of 32 bytes"),
            token: token.to_owned(),
            latency,
            seen: Mutex::default(),
            plaintexts: Mutex::default(),
        });
        let (url, shared) = (port.url.clone(), Arc::clone(&state));
        let serving = port.serve(move |stream| {
            let state = Arc::clone(&shared);
            speak(stream, move |request| answer(request, Arc::clone(&state)))
        });
        Self { url, state, _serving: serving }
    }

    /// What a connection to it is told.
    pub fn settings(&self) -> Value {
        let token = &self.state.token;
        json!({"provider": "vault-transit", "address": self.url, "key": KEY, "token": token})
    }

    /// How often that was asked of it: `encrypt`, `decrypt`, `keys`, `renew-self`.
    pub fn count(&self, what: &str) -> usize {
        lock(&self.state.seen).iter().filter(|seen| *seen == what).count()
    }

    /// Every data key that it saw in the clear.
    pub fn plaintexts(&self) -> Vec<Vec<u8>> {
        lock(&self.state.plaintexts).clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body: Value = serde_json::from_slice(&body.collect().await?.to_bytes()).unwrap_or_default();
    let path: Vec<&str> = parts.uri.path().trim_start_matches("/v1/").split('/').collect();
    let token = parts.headers.get("x-vault-token").and_then(|token| token.to_str().ok());
    let (what, (status, answer)) = match path[..] {
        _ if token != Some(&*state.token) => ("refused", refused(403, "permission denied")),
        ["auth", "token", "renew-self"] => ("renew-self", (200, json!({"auth": {}}))),
        ["transit", "keys", KEY] => {
            let key = json!({"type": "aes256-gcm96", "derived": false, "latest_version": 1});
            ("keys", (200, json!({"data": key})))
        }
        ["transit", "encrypt", KEY] => ("encrypt", state.encrypt(&body)),
        ["transit", "decrypt", KEY] => ("decrypt", state.decrypt(&body)),
        _ => ("unknown", refused(404, "no handler for route")),
    };
    lock(&state.seen).push(what.to_owned());
    tokio::time::sleep(state.latency).await;
    let mut response = Response::new(Full::new(answer.to_string().into()));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    Ok(response)
}

impl State {
    fn encrypt(&self, body: &Value) -> (u16, Value) {
        let (Some(mut bytes), Some(aad)) =
            (bytes(&body["plaintext"]), bytes(&body["associated_data"]))
        else {
            return refused(400, "failed to base64-decode plaintext");
        };
        lock(&self.plaintexts).push(bytes.clone());
        let Ok(nonce) = self.key.seal_in_place_append_tag(Aad::from(aad), &mut bytes) else {
            return refused(500, "internal error");
        };
        let text = STANDARD.encode([&nonce.as_ref()[..], &bytes].concat());
        (200, json!({"data": {"ciphertext": format!("{PREFIX}{text}"), "key_version": 1}}))
    }

    fn decrypt(&self, body: &Value) -> (u16, Value) {
        let text = body["ciphertext"].as_str().and_then(|text| text.strip_prefix(PREFIX));
        let whole = text.and_then(|text| STANDARD.decode(text).ok());
        let parts = whole.as_deref().and_then(|whole| whole.split_first_chunk::<NONCE_LEN>());
        let (Some((nonce, sealed)), Some(aad)) = (parts, bytes(&body["associated_data"])) else {
            return refused(400, "invalid ciphertext: no prefix");
        };
        let (nonce, mut sealed) = (Nonce::assume_unique_for_key(*nonce), sealed.to_vec());
        match self.key.open_in_place(nonce, Aad::from(aad), &mut sealed) {
            Ok(plaintext) => {
                lock(&self.plaintexts).push(plaintext.to_vec());
                (200, json!({"data": {"plaintext": STANDARD.encode(plaintext)}}))
            }
            Err(_) => refused(400, "cipher: message authentication failed"),
        }
    }
}

fn refused(status: u16, why: &str) -> (u16, Value) {
    (status, json!({"errors": [why]}))
}

fn bytes(text: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(text.as_str()?).ok()
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
