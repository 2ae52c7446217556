//! The admin API's router over a real control plane, without sockets. It lies here because only
//! this crate may know all that a control plane is made of.

mod access;
mod audit;
mod auth;
mod concurrency;
mod damage;
mod escalation;
mod form;
mod grant;
mod kms;
mod log;
mod maintenance;
mod matrix;
mod permission;
mod resource;
mod tenancy;
mod token;
mod trickle;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use portcullis_api::Peer;
use portcullis_control::{
    Compiler, Control, ControlSettings, Fetch, Fetching, InstanceKeys, KmsPace, Parts, Passwords,
    StoredDataKeys, bootstrap, instance_audit_key, instance_pepper,
};
use portcullis_domain::{
    Actor, ApiKey, ApiKeyDefaults, ApiKeyKind, ApiKeyMadeBy, ApiKeyToken, AuditActor,
    AuditActorKind, AuditOrigin, Clock as _, Dice, EmailAddress, Environment, Id, Live, Member,
    Organisation, OrganisationId, OrganisationRole, OrganisationSettings, Permit, Place, Revision,
    Scope, ScopeSet, Session, Slug, Timestamp, User, UserId, Workspace, WorkspaceDefaults,
    WorkspaceMember, WorkspaceRole,
};
use portcullis_identity::{SecretToken, SessionRules};
use portcullis_kms::{AwsIdentity, Factory, Surroundings};
use portcullis_runtime::{
    SystemClock, SystemDice,
    egress::{EgressPolicy, EgressSettings},
};
use portcullis_store::{Act, Db, Options, Scene};
use portcullis_vault::{AuditKey, Pepper, Vault, VaultParts, VaultSettings, kms::local::LocalKms};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet};
use tower::ServiceExt as _;

/// An instance with one organisation, and the API before it.
pub(crate) struct Admin {
    router: Router,
    pub(crate) control: Control,
    pub(crate) db: Db,
    pub(crate) url: String,
    pub(crate) audit: Arc<AuditKey>,
    /// The clock of the control plane.
    pub(crate) clock: Arc<MovableClock>,
    /// What there is outside.
    pub(crate) outside: Arc<Outside>,
    pepper: Arc<Pepper>,
    reached: watch::Receiver<Revision>,
    pub(crate) workspace: Workspace,
    pub(crate) master: String,
    pub(crate) owner_email: String,
    pub(crate) owner_password: String,
    _compiler: JoinSet<()>,
    _directory: TempDir,
}

/// The machine's clock, put forward; or one that stands still until it is.
#[derive(Debug, Default)]
pub(crate) struct MovableClock {
    forward: AtomicI64,
    /// In microseconds; zero while it runs.
    stopped_at: AtomicI64,
}

impl portcullis_domain::Clock for MovableClock {
    fn now(&self) -> Timestamp {
        let forward = self.forward.load(Ordering::Relaxed);
        match self.stopped_at.load(Ordering::Relaxed) {
            0 => SystemClock.now().plus_millis(forward),
            stopped_at => Timestamp::from_micros(stopped_at).plus_millis(forward),
        }
    }
}

impl MovableClock {
    pub(crate) fn put_forward(&self, millis: i64) {
        self.forward.fetch_add(millis, Ordering::Relaxed);
    }

    /// Stops it, so that no wait ends by itself on a slow machine.
    pub(crate) fn stop(&self) {
        self.stopped_at.store(SystemClock.now().micros(), Ordering::Relaxed);
    }
}

/// What there is outside: documents by URL.
#[derive(Default)]
pub(crate) struct Outside(Mutex<HashMap<String, String>>);

impl Outside {
    pub(crate) fn put(&self, url: &str, document: &str) {
        self.0.lock().unwrap().insert(url.to_owned(), document.to_owned());
    }

    pub(crate) fn remove(&self, url: &str) {
        self.0.lock().unwrap().remove(url);
    }
}

impl Fetch for Outside {
    fn check(&self, url: &str) -> Result<(), String> {
        if url.starts_with("https://") { Ok(()) } else { Err("it may not be asked".to_owned()) }
    }

    fn check_base(&self, url: &str) -> Result<(), String> {
        let policy = EgressPolicy::parse("127.0.0.1/32").unwrap();
        policy.check_base(url).map(|_| ()).map_err(|refused| refused.to_string())
    }

    fn get(&self, url: String, _most: usize) -> Fetching {
        let found = self.0.lock().unwrap().get(&url).map(|text| text.clone().into_bytes());
        Box::pin(async move { found.ok_or_else(|| "nobody answers".to_owned()) })
    }
}

/// What came back.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// What somebody shows to be let in.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    /// Nothing.
    Nobody,
    /// An API key.
    Key(String),
    /// A session's token and its CSRF token.
    Session(String, String),
}

/// A person with a session.
pub(crate) struct Somebody {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) session: Credential,
}

/// The address that requests seem to come from.
pub(crate) const CLIENT: &str = "192.0.2.7";

impl Admin {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("portcullis.db").display());
        Self::open(directory, url).await
    }

    /// The same over another database; the directory is for the vault's key.
    pub(crate) async fn open(directory: TempDir, url: String) -> Self {
        let clock = Arc::new(MovableClock::default());
        let db = Db::connect(&url, Options::new(clock.clone())).await.unwrap();
        db.migrate().await.unwrap();
        let dice: Arc<dyn Dice> = Arc::new(SystemDice);
        let key = directory.path().join("vault.key");
        let kms = LocalKms::from_file_or_create(&key, Arc::clone(&dice)).unwrap();
        let keys = Arc::new(StoredDataKeys::new(db.clone()));
        let factory = Arc::new(Factory::new(Surroundings::new(
            EgressPolicy::default(),
            EgressSettings::default(),
            AwsIdentity::default(),
            clock.clone(),
            Arc::clone(&dice),
        )));
        let parts = VaultParts {
            factory,
            ..VaultParts::new(Arc::new(kms), keys.clone(), clock.clone(), Arc::clone(&dice))
        };
        let vault = Arc::new(Vault::new(parts, VaultSettings::default()));
        let audit = Arc::new(instance_audit_key(&db, &vault, &*dice).await.unwrap());
        keys.tell(audit.clone()).await.unwrap();
        let pepper = Arc::new(instance_pepper(&db, &vault, &*dice).await.unwrap());
        let keys = InstanceKeys { pepper, audit };
        let made = bootstrap(&db, &keys, &SystemClock, &*dice, "Acme", "a@acme.test").await;
        let made = made.unwrap();
        let live = Arc::new(Live::default());
        let (compiler, reached) = Compiler::start(db.clone(), Arc::clone(&live)).await.unwrap();
        let mut following = JoinSet::new();
        following.spawn(compiler.follow());
        let InstanceKeys { pepper, audit } = keys;
        let outside = Arc::new(Outside::default());
        let control = Control::new(Parts {
            db: db.clone(),
            logs: db.apart(1, None),
            vault,
            pepper: Arc::clone(&pepper),
            audit: Arc::clone(&audit),
            live,
            reached: reached.clone(),
            clock: clock.clone(),
            dice,
            kms_pace: KmsPace::default(),
            passwords: Passwords::default(),
            fetch: outside.clone(),
            settings: ControlSettings {
                public_url: "https://gate.test".to_owned(),
                sessions: SessionRules::default(),
            },
        });
        Self {
            router: portcullis_api::router(control.clone()),
            control,
            db,
            url,
            audit,
            clock,
            outside,
            pepper,
            reached,
            workspace: made.workspace,
            master: made.api_key.danger_expose().to_owned(),
            owner_email: made.owner_email,
            owner_password: made.owner_password.danger_expose().clone(),
            _compiler: following,
            _directory: directory,
        }
    }

    /// Sends a request with the body as it is.
    pub(crate) async fn send(&self, key: &str, method: Method, path: &str, body: String) -> Reply {
        let credential = Credential::Key(key.to_owned());
        self.ask(&credential, method, path, body, &[]).await.0
    }

    /// Sends a request with some headers more. Answers with the reply and its headers.
    pub(crate) async fn ask(
        &self,
        credential: &Credential,
        method: Method,
        path: &str,
        body: String,
        headers: &[(&str, &str)],
    ) -> (Reply, HeaderMap) {
        self.ask_with(credential, method, path, Body::from(body), headers).await
    }

    /// The same with a body of any kind.
    pub(crate) async fn ask_with(
        &self,
        credential: &Credential,
        method: Method,
        path: &str,
        body: Body,
        headers: &[(&str, &str)],
    ) -> (Reply, HeaderMap) {
        let mut request = Request::builder().method(method).uri(path);
        request = match credential {
            Credential::Nobody => request,
            Credential::Key(key) => request.header("x-portkey-api-key", key),
            Credential::Session(token, csrf) => request
                .header("cookie", format!("__Host-portcullis={token}"))
                .header("x-csrf-token", csrf),
        };
        request = request.header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request.headers_mut().unwrap().insert(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Peer(CLIENT.parse().unwrap()));
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let status = head.status.as_u16();
        assert!(head.headers.contains_key("x-portkey-trace-id"));
        let bytes = body.collect().await.unwrap().to_bytes();
        let is_json = head.headers[CONTENT_TYPE] == "application/json";
        if !is_json {
            // An export is lines; everything else is an object (admin reference §0.1).
            assert!(path.contains("/export"), "{path}: {:?}", head.headers);
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            return (Reply { status, body: Value::String(text) }, head.headers);
        }
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(body.is_object(), "{body}");
        if status >= 400 {
            assert_failure(&body);
        }
        (Reply { status, body }, head.headers)
    }

    pub(crate) async fn call(&self, key: &str, call: &str, body: &Value) -> Reply {
        self.call_as(&Credential::Key(key.to_owned()), call, body).await
    }

    pub(crate) async fn call_as(&self, who: &Credential, call: &str, body: &Value) -> Reply {
        let (method, path) = call.split_once(' ').unwrap();
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.ask(who, method.parse().unwrap(), path, text, &[]).await.0
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
        self.key_of(workspace, kind, scopes, None).await
    }

    /// The same for a person.
    pub(crate) async fn key_of(
        &self,
        workspace: &Workspace,
        kind: ApiKeyKind,
        scopes: ScopeSet,
        user_id: Option<UserId>,
    ) -> (String, String) {
        let token = ApiKeyToken::mint("test", &SystemDice);
        let now = SystemClock.now();
        let key = ApiKey {
            id: Id::mint(&SystemClock, &SystemDice),
            organisation_id: workspace.organisation_id,
            workspace_id: workspace.id,
            environment_id: workspace.default_environment,
            user_id,
            kind,
            name: "a key".to_owned(),
            description: None,
            digest: self.pepper.digest(token.danger_expose()),
            hint: token.hint(),
            previous: None,
            scopes,
            defaults: ApiKeyDefaults::default(),
            allowed_addresses: Vec::new(),
            made_by: ApiKeyMadeBy::Api,
            is_token: false,
            expires_at: None,
            created_at: now,
            updated_at: now,
        };
        let permit = permit(workspace.organisation_id);
        self.act(async |act| act.insert(&permit, &key).await).await;
        (key.id.to_string(), token.danger_expose().to_owned())
    }

    /// A second workspace of the first organisation.
    pub(crate) async fn second_workspace(&self) -> Workspace {
        let workspace = workspace(self.workspace.organisation_id);
        let permit = permit(workspace.organisation_id);
        self.act(async |act| insert_workspace(act, &permit, &workspace).await).await;
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
            settings: OrganisationSettings::default(),
            created_at: SystemClock.now(),
            updated_at: SystemClock.now(),
        };
        let permit = permit(organisation.id);
        self.act(async |act| {
            act.insert(&permit, &organisation).await?;
            insert_workspace(act, &permit, &workspace).await
        })
        .await;
        workspace
    }

    /// Somebody of that name who belongs to an organisation and some of its workspaces, and is
    /// signed in.
    pub(crate) async fn somebody(
        &self,
        name: &str,
        organisation: OrganisationId,
        role: OrganisationRole,
        places: &[(&Workspace, WorkspaceRole)],
    ) -> Somebody {
        let now = SystemClock.now();
        let email = format!("{name}@people.test");
        let user = User {
            id: Id::mint(&SystemClock, &SystemDice),
            email: EmailAddress::parse(&email).unwrap(),
            first_name: name.to_owned(),
            last_name: "Person".to_owned(),
            created_at: now,
            updated_at: now,
        };
        let permit = permit(organisation);
        let member = Member {
            organisation_id: organisation,
            user_id: user.id,
            role,
            email: email.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            workspaces: Vec::new(),
            created_at: now,
            updated_at: now,
        };
        let places: Vec<WorkspaceMember> = places
            .iter()
            .map(|(workspace, role)| WorkspaceMember {
                organisation_id: organisation,
                workspace_id: workspace.id,
                user_id: user.id,
                role: *role,
                created_at: now,
                updated_at: now,
            })
            .collect();
        let token = SecretToken::mint(&SystemDice);
        let session = Session {
            id: Id::mint(&SystemClock, &SystemDice),
            user_id: user.id,
            organisation_id: Some(organisation),
            digest: token.digest(),
            previous: None,
            created_at: now,
            seen_at: now,
            rotated_at: now,
            client: None,
            user_agent: None,
        };
        self.act(async |act| {
            act.insert_user(&permit, &user, None).await?;
            act.insert(&permit, &member).await?;
            for place in &places {
                act.insert(&permit, place).await?;
            }
            act.tx().sessions().insert(&session).await
        })
        .await;
        let csrf = self.control.csrf_token(session.id);
        let session = Credential::Session(token.danger_expose().to_owned(), csrf);
        Somebody { id: user.id, email, session }
    }

    /// Runs an act of the operator and waits until the API knows what was written.
    pub(crate) async fn act<F>(&self, work: F)
    where
        F: AsyncFnOnce(&mut Act) -> portcullis_store::Result<()> + Clone,
    {
        let scene = Scene {
            actor: AuditActor::nameless(AuditActorKind::Operator),
            origin: AuditOrigin::default(),
            signer: Arc::clone(&self.audit) as Arc<_>,
        };
        self.db.act(&scene, work).await.unwrap();
        self.caught_up().await;
    }

    /// The secrets of the instance.
    pub(crate) fn instance_keys(&self) -> InstanceKeys {
        InstanceKeys { pepper: Arc::clone(&self.pepper), audit: Arc::clone(&self.audit) }
    }

    /// Waits until the API knows what was written.
    pub(crate) async fn caught_up(&self) {
        let written = self.db.read().await.unwrap().outbox().max_revision().await.unwrap();
        let mut reached = self.reached.clone();
        reached.wait_for(|revision| *revision >= written).await.unwrap();
    }
}

pub(crate) fn permit(organisation: OrganisationId) -> Permit {
    let place = Place::Organisation(organisation);
    Actor::operator(organisation).permit(Scope::WorkspacesUpdate, place).unwrap()
}

async fn insert_workspace(
    act: &mut Act,
    permit: &Permit,
    workspace: &Workspace,
) -> portcullis_store::Result<()> {
    act.insert(permit, workspace).await?;
    for environment in &workspace.environments {
        act.insert(permit, environment).await?;
    }
    Ok(())
}

fn workspace(organisation: OrganisationId) -> Workspace {
    let (id, now) = (Id::mint(&SystemClock, &SystemDice), SystemClock.now());
    let environment = Environment {
        id: Id::mint(&SystemClock, &SystemDice),
        organisation_id: organisation,
        workspace_id: id,
        slug: Slug::parse("production").unwrap(),
        name: "Production".to_owned(),
        created_at: now,
        updated_at: now,
    };
    Workspace {
        id,
        organisation_id: organisation,
        slug: Slug::parse("ws-second").unwrap(),
        name: "Second".to_owned(),
        description: None,
        defaults: WorkspaceDefaults::default(),
        default_environment: environment.id,
        environments: vec![environment],
        created_at: now,
        updated_at: now,
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
