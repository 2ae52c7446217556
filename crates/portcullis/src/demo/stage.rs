//! What the demonstration plays on: an instance, a provider, and keys.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use http::Method;
use portcullis_domain::{Clock as _, Dice, Secret};
use portcullis_runtime::{SystemClock, SystemDice};
use serde_json::{Value, json};

use crate::{
    cli::Role,
    command::init::initialise,
    config::Config,
    demo::{
        client::{Answer, Call, Client},
        provider::SimulatedProvider,
    },
    failure::Failure,
    instance::Instance,
    node::Node,
    settings::Settings,
};

/// How long the temporary key lives.
const SHORT_LIFE: Duration = Duration::from_millis(400);

/// The stage, set.
pub(crate) struct Stage {
    pub(crate) node: Node,
    pub(crate) provider: SimulatedProvider,
    pub(crate) client: Client,
    pub(crate) data_dir: PathBuf,
    /// The address that was asked for, when it was taken.
    pub(crate) taken: Option<SocketAddr>,
    pub(crate) set_up_in: Duration,
    pub(crate) workspace: String,
    /// What the provider wants, and only the vault knows.
    pub(crate) credential: Secret<String>,
    /// Every permission.
    pub(crate) master: Secret<String>,
    /// `completions.write` in `production`, nothing else.
    pub(crate) application: Secret<String>,
    /// Reads logs, with their content; makes no calls.
    pub(crate) auditor: Secret<String>,
    /// Expires in the course of the story.
    pub(crate) short_lived: Secret<String>,
    expires_at: Instant,
}

/// A key made for the demonstration.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) token: Secret<String>,
}

impl Stage {
    /// Sets the stage in an empty data directory.
    pub(crate) async fn set(listen: &str, data_dir: &Path) -> Result<Self, Failure> {
        let start = Instant::now();
        let mut settings = Settings::default();
        settings.data.dir = data_dir.display().to_string();
        settings.server.listen = listen.to_owned();
        settings.server.workers = 2;
        settings.server.drain_s = 2;
        settings.metrics.listen = "127.0.0.1:0".to_owned();
        // The simulated provider is private, as nobody's provider would be.
        settings.egress.allow = "127.0.0.1".to_owned();
        let mut config = Config::resolve(&settings)?;
        let asked = config.listen;
        let taken = is_taken(asked);
        if taken {
            config.listen.set_port(0);
        }
        let credential = random_credential(&SystemDice);
        let provider = SimulatedProvider::start(credential.clone())?;
        let instance = Instance::open(&config).await?;
        let made = initialise(&instance, "Demo", "owner@demo.example").await?;
        let keys = instance.keys().await?;
        let node = Node::start(&config, Role::All, instance, keys).await?;
        let nobody = || Secret::new(String::new());
        let mut stage = Self {
            node,
            provider,
            client: Client::new(config.egress_policy),
            data_dir: data_dir.to_owned(),
            taken: taken.then_some(asked),
            set_up_in: Duration::ZERO,
            workspace: made.workspace.slug.to_string(),
            credential,
            master: Secret::new(made.api_key.danger_expose().to_owned()),
            application: nobody(),
            auditor: nobody(),
            short_lived: nobody(),
            expires_at: start,
        };
        stage.virtual_key("openai-demo", "openai").await?;
        stage.virtual_key("anthropic-demo", "anthropic").await?;
        let calls = json!(["completions.write"]);
        stage.application = stage.key("application", "production", &calls, None).await?.token;
        stage.auditor =
            stage.key("auditor", "production", &json!(["logs.view"]), None).await?.token;
        let short = stage.key("short-lived", "development", &calls, Some(SHORT_LIFE)).await?;
        stage.short_lived = short.token;
        stage.expires_at = Instant::now() + SHORT_LIFE;
        stage.set_up_in = start.elapsed();
        Ok(stage)
    }

    /// Strikes the stage: nothing uses the data directory any more.
    pub(crate) async fn strike(self) {
        self.node.stop().await;
    }

    /// Where the instance is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.node.address())
    }

    /// Asks the admin API with the master key; anything but success is a failure of ours.
    pub(crate) async fn admin(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, Failure> {
        let key = self.master.danger_expose();
        let url = self.url(path);
        let answer = self.client.send(Call { method, url, key, headers: &[], body }).await?;
        answer.expect_success(path)
    }

    /// Makes an API key in the default workspace.
    pub(crate) async fn key(
        &self,
        name: &str,
        environment: &str,
        scopes: &Value,
        life: Option<Duration>,
    ) -> Result<Key, Failure> {
        let expires_at = life.map(|life| {
            let life = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
            SystemClock.now().plus_millis(life).to_string()
        });
        let body = json!({
            "name": name, "environment": environment, "scopes": scopes, "expires_at": expires_at,
        });
        let answer = self.admin(Method::POST, "/v1/api-keys/workspace/service", Some(body)).await?;
        let text = |field: &str| answer.body[field].as_str().unwrap_or_default().to_owned();
        Ok(Key { id: text("id"), token: Secret::new(text("key")) })
    }

    /// Waits until the short-lived key has expired.
    pub(crate) async fn until_expired(&self) {
        tokio::time::sleep_until(self.expires_at.into()).await;
    }

    async fn virtual_key(&self, slug: &str, provider: &str) -> Result<(), Failure> {
        let body = json!({
            "name": slug, "slug": slug, "provider": provider,
            "key": self.credential.danger_expose(), "custom_host": self.provider.base_url(),
        });
        self.admin(Method::POST, "/v1/virtual-keys", Some(body)).await.map(|_| ())
    }
}

/// Whether somebody listens there already. Whoever comes in between makes the start fail, which
/// says so.
fn is_taken(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_err_and(|e| e.kind() == std::io::ErrorKind::AddrInUse)
}

fn random_credential(dice: &dyn Dice) -> Secret<String> {
    let mut random = [0; 20];
    dice.fill(&mut random);
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Secret::new(format!("sk-simulated-{hex}"))
}
