//! A running gate with a provider behind it.

use std::time::{Duration, Instant};

use portcullis_testkit::{
    client::{self, Answer, Call},
    postgres::Postgres,
    process::{Initialised, Portcullis, Setup},
    upstream::Upstream,
};
use serde_json::{Value, json};

/// Runs the same test on both engines.
macro_rules! on_both_engines {
    ($($(#[$attribute:meta])* async fn $name:ident($engine:ident) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every test uses everything")]
            use super::*;

            $(#[$attribute])*
            async fn test($engine: crate::world::Engine) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                test(crate::world::Engine::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                test(crate::world::Engine::Postgres).await;
            }
        }
    )*};
}
pub(crate) use on_both_engines;

/// What stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A running gate, the provider behind it, and the master key.
pub(crate) struct World {
    pub(crate) upstream: Upstream,
    pub(crate) gate: Portcullis,
    pub(crate) made: Initialised,
    /// PostgreSQL's, when that is the engine.
    pub(crate) database_url: Option<String>,
}

/// The credential that the virtual keys of [`World::openai`] hold; the upstream takes it.
pub(crate) const CREDENTIAL: &str = "sk-upstream-credential";

/// How long anything awaited may take; the machines of tests are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A setup on that engine, with the database's URL if it needs one.
pub(crate) async fn setup(engine: Engine) -> (Setup, Option<String>) {
    match engine {
        Engine::Sqlite => (Setup::new(), None),
        Engine::Postgres => {
            let fresh = tokio::task::spawn_blocking(|| Postgres::shared().fresh_database());
            let url = fresh.await.unwrap();
            (Setup::new().env("PORTCULLIS_DATABASE_URL", &url), Some(url))
        }
    }
}

impl World {
    pub(crate) async fn start(engine: Engine) -> Self {
        Self::start_with(engine, |setup| setup).await
    }

    /// Starts with settings of its own.
    pub(crate) async fn start_with(engine: Engine, adjust: impl FnOnce(Setup) -> Setup) -> Self {
        let (setup, database_url) = setup(engine).await;
        let setup = adjust(setup);
        let made = setup.init();
        let upstream = Upstream::start().await.unwrap();
        Self { upstream, gate: setup.serve().await, made, database_url }
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        client::get(self.gate.url(path)).bearer(&self.made.api_key)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Call {
        client::post(self.gate.url(path)).bearer(&self.made.api_key).json(body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Call {
        client::put(self.gate.url(path)).bearer(&self.made.api_key).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        client::delete(self.gate.url(path)).bearer(&self.made.api_key)
    }

    /// Creates a virtual key of that provider and slug for the upstream.
    pub(crate) async fn virtual_key(&self, provider: &str, slug: &str) {
        self.virtual_key_with(provider, slug, CREDENTIAL, &self.upstream.base_url()).await;
    }

    pub(crate) async fn virtual_key_with(
        &self,
        provider: &str,
        slug: &str,
        key: &str,
        custom_host: &str,
    ) {
        let body = json!({
            "name": slug, "slug": slug, "provider": provider, "key": key,
            "custom_host": custom_host,
        });
        let made = succeed(self.post("/v1/virtual-keys", &body)).await;
        assert_eq!(made["data"]["slug"], slug, "{made}");
    }

    /// Creates an API key of the organisation's workspace: its id and the key.
    pub(crate) async fn api_key(&self, body: &Value) -> (String, String) {
        let made = succeed(self.post("/v1/api-keys/workspace/service", body)).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("id"), text("key"))
    }

    /// A chat call through the virtual key `openai`.
    pub(crate) fn chat(&self, model: &str) -> Call {
        self.post("/v1/chat/completions", &chat_body(model)).via("openai")
    }

    /// Waits until that many logs are in the database and returns them, newest first.
    pub(crate) async fn logs_of(&self, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let logs = self.logs().await;
            if logs.len() >= count {
                assert_eq!(logs.len(), count, "more logs than calls");
                return logs;
            }
            assert!(
                Instant::now() < deadline,
                "{} logs of {count}:\n{}",
                logs.len(),
                self.gate.output()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every log, by paging through all of them.
    pub(crate) async fn logs(&self) -> Vec<Value> {
        let mut logs = Vec::new();
        let mut path = "/v1/logs?limit=500".to_owned();
        loop {
            let page = succeed(self.get(&path)).await;
            logs.extend(page["data"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { return logs };
            path = format!("/v1/logs?limit=500&after={next}");
        }
    }
}

/// A short chat.
pub(crate) fn chat_body(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "What is a portcullis?"}]})
}

pub(crate) trait Via {
    /// Names the virtual key.
    fn via(self, slug: &str) -> Self;
}

impl Via for Call {
    fn via(self, slug: &str) -> Self {
        self.header("x-portkey-virtual-key", slug)
    }
}

/// Sends a call that must succeed; its body.
pub(crate) async fn succeed(call: Call) -> Value {
    let answer = call.clone().send().await.unwrap_or_else(|error| panic!("{call:?}: {error}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("content-type").starts_with("application/json"), "{answer:?}");
    answer.json()
}

/// Sends a call that must be refused with that status; the answer has the shape that all clients
/// read.
pub(crate) async fn refused(call: Call, status: u16) -> Answer {
    let answer = call.clone().send().await.unwrap_or_else(|error| panic!("{call:?}: {error}"));
    assert_refusal(&answer, status);
    answer
}

pub(crate) fn assert_refusal(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["status"], "failure", "{body}");
    assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    assert_eq!(body["error"]["message"], body["message"], "{body}");
    assert!(body["error"]["type"].is_string(), "{body}");
    // Without a trace id SDKs repeat a failed call.
    assert_ne!(answer.header("x-portkey-trace-id"), "", "{answer:?}");
}

/// Sends the call again and again until it is answered with that status; how long that took.
pub(crate) async fn until_status(call: impl Fn() -> Call, status: u16) -> Duration {
    let start = Instant::now();
    loop {
        let answer = call().send().await.unwrap();
        if answer.status == status {
            return start.elapsed();
        }
        assert!(start.elapsed() < PATIENCE, "still {}: {}", answer.status, answer.text());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
