//! The admin API's router over a real control plane, without sockets. It lies here because only
//! this crate may know all that a control plane is made of.

mod concurrency;
mod damage;
mod form;
mod grant;
mod log;
mod maintenance;
mod permission;
mod resource;
mod tenancy;

use std::sync::Arc;

use axum::{Router, body::Body};
use http::{Method, Request, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use portcullis_control::{
    Compiler, Control, Parts, StoredDataKeys, bootstrap, instance_audit_key, instance_pepper,
};
use portcullis_domain::{
    Actor, ApiKey, ApiKeyDefaults, ApiKeyKind, ApiKeyToken, Clock as _, Dice, Environment, Id,
    Live, Organisation, OrganisationId, Permit, Place, Revision, Scope, ScopeSet, Slug, Workspace,
};
use portcullis_runtime::{SystemClock, SystemDice};
use portcullis_store::{Db, Options, Tx};
use portcullis_vault::{Pepper, Vault, VaultParts, VaultSettings, kms::local::LocalKms};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet};
use tower::ServiceExt as _;

/// An instance with one organisation, and the API before it.
pub(crate) struct Admin {
    router: Router,
    db: Db,
    pepper: Arc<Pepper>,
    reached: watch::Receiver<Revision>,
    pub(crate) workspace: Workspace,
    pub(crate) master: String,
    _compiler: JoinSet<()>,
    _directory: TempDir,
}

/// What came back.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Admin {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("portcullis.db").display());
        let db = Db::connect(&url, Options::new(Arc::new(SystemClock))).await.unwrap();
        db.migrate().await.unwrap();
        let dice: Arc<dyn Dice> = Arc::new(SystemDice);
        let key = directory.path().join("vault.key");
        let kms = LocalKms::from_file_or_create(&key, Arc::clone(&dice)).unwrap();
        let keys = Arc::new(StoredDataKeys::new(db.clone()));
        let clock = Arc::new(SystemClock);
        let parts = VaultParts::new(Arc::new(kms), keys, clock.clone(), Arc::clone(&dice));
        let vault = Arc::new(Vault::new(parts, VaultSettings::default()));
        let pepper = instance_pepper(&db, &vault, &*dice).await.unwrap();
        let audit = Arc::new(instance_audit_key(&db, &vault, &*dice).await.unwrap());
        let made = bootstrap(&db, &pepper, &SystemClock, &*dice, "Acme", "a@acme.test").await;
        let made = made.unwrap();
        let live = Arc::new(Live::default());
        let (compiler, reached) = Compiler::start(db.clone(), Arc::clone(&live)).await.unwrap();
        let mut following = JoinSet::new();
        following.spawn(compiler.follow());
        let pepper = Arc::new(pepper);
        let control = Control::new(Parts {
            db: db.clone(),
            logs: db.apart(1, None),
            vault,
            pepper: Arc::clone(&pepper),
            audit,
            live,
            reached: reached.clone(),
            clock,
            dice,
        });
        Self {
            router: portcullis_api::router(control),
            db,
            pepper,
            reached,
            workspace: made.workspace,
            master: made.api_key.danger_expose().to_owned(),
            _compiler: following,
            _directory: directory,
        }
    }

    /// Sends a request with the body as it is.
    pub(crate) async fn send(&self, key: &str, method: Method, path: &str, body: String) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("x-portkey-api-key", key)
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        // Clients fail on anything but an object with its content type (admin reference §0.1).
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
        assert!(answer.headers().contains_key("x-portkey-trace-id"));
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(body.is_object(), "{body}");
        if status >= 400 {
            assert_failure(&body);
        }
        Reply { status, body }
    }

    pub(crate) async fn call(&self, key: &str, call: &str, body: &Value) -> Reply {
        let (method, path) = call.split_once(' ').unwrap();
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.send(key, method.parse().unwrap(), path, text).await
    }

    /// A call with the master key that must succeed.
    pub(crate) async fn ok(&self, call: &str, body: Value) -> Value {
        let reply = self.call(&self.master, call, &body).await;
        assert_eq!(reply.status, 200, "{call}: {}", reply.body);
        reply.body
    }

    /// A call with the master key that must fail with that status; its message.
    pub(crate) async fn fails(&self, call: &str, body: Value, status: u16) -> String {
        let reply = self.call(&self.master, call, &body).await;
        assert_eq!(reply.status, status, "{call} {body}: {}", reply.body);
        reply.body["message"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn virtual_key(&self, slug: &str) {
        let body = json!({"name": slug, "slug": slug, "provider": "openai", "key": "sk-abcdefgh"});
        self.ok("POST /v1/virtual-keys", body).await;
    }

    /// A key of that workspace, put into the database directly: its id and text.
    pub(crate) async fn key(
        &self,
        workspace: &Workspace,
        kind: ApiKeyKind,
        scopes: ScopeSet,
    ) -> (String, String) {
        let token = ApiKeyToken::mint("test", &SystemDice);
        let now = SystemClock.now();
        let key = ApiKey {
            id: Id::mint(&SystemClock, &SystemDice),
            organisation_id: workspace.organisation_id,
            workspace_id: workspace.id,
            environment_id: workspace.default_environment,
            user_id: None,
            kind,
            name: "a key".to_owned(),
            description: None,
            digest: self.pepper.digest(token.danger_expose()),
            hint: token.hint(),
            previous: None,
            scopes,
            defaults: ApiKeyDefaults::default(),
            expires_at: None,
            created_at: now,
            updated_at: now,
        };
        let permit = permit(workspace.organisation_id);
        let written = self.db.write(async |tx: &mut Tx| tx.api_keys().insert(&permit, &key).await);
        self.known(written.await).await;
        (key.id.to_string(), token.danger_expose().to_owned())
    }

    /// A second workspace of the first organisation.
    pub(crate) async fn second_workspace(&self) -> Workspace {
        let workspace = workspace(self.workspace.organisation_id);
        let permit = permit(workspace.organisation_id);
        let written =
            self.db.write(async |tx: &mut Tx| tx.workspaces().insert(&permit, &workspace).await);
        self.known(written.await).await;
        workspace
    }

    /// The workspace of a second organisation.
    pub(crate) async fn second_organisation(&self) -> Workspace {
        let workspace = workspace(Id::mint(&SystemClock, &SystemDice));
        let organisation = Organisation {
            id: workspace.organisation_id,
            slug: Slug::parse("other").unwrap(),
            name: "Other".to_owned(),
            default_workspace: workspace.id,
            created_at: SystemClock.now(),
        };
        let permit = permit(organisation.id);
        let written = self.db.write(async |tx: &mut Tx| {
            tx.organisations().insert(&permit, &organisation).await?;
            tx.workspaces().insert(&permit, &workspace).await
        });
        self.known(written.await).await;
        workspace
    }

    /// Waits until the API knows what was written.
    async fn known(&self, written: portcullis_store::Result<()>) {
        written.unwrap();
        let written = self.db.read().await.unwrap().outbox().max_revision().await.unwrap();
        let mut reached = self.reached.clone();
        reached.wait_for(|revision| *revision >= written).await.unwrap();
    }
}

fn permit(organisation: OrganisationId) -> Permit {
    let place = Place::Organisation(organisation);
    Actor::operator(organisation).permit(Scope::WorkspacesUpdate, place).unwrap()
}

fn workspace(organisation: OrganisationId) -> Workspace {
    let environment = Environment {
        id: Id::mint(&SystemClock, &SystemDice),
        slug: Slug::parse("production").unwrap(),
        name: "Production".to_owned(),
    };
    Workspace {
        id: Id::mint(&SystemClock, &SystemDice),
        organisation_id: organisation,
        slug: Slug::parse("ws-second").unwrap(),
        name: "Second".to_owned(),
        description: None,
        default_environment: environment.id,
        environments: vec![environment],
        created_at: SystemClock.now(),
        updated_at: SystemClock.now(),
    }
}

/// One body that every client understands (admin reference §1).
fn assert_failure(body: &Value) {
    let message = &body["message"];
    assert!(message.as_str().is_some_and(|text| !text.is_empty()), "{body}");
    assert_eq!((&body["status"], &body["success"]), (&json!("failure"), &json!(false)), "{body}");
    assert_eq!((&body["error"]["message"], &body["data"]["message"]), (message, message), "{body}");
    assert!(body["error"]["type"].is_string() && body["error"]["param"].is_null(), "{body}");
}
