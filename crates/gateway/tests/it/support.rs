//! A gateway over an in-memory configuration, a scripted upstream and a recorder that remembers.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use portcullis_domain::{
    ApiKey, ApiKeyDefaults, ApiKeyKind, ApiKeyMadeBy, ApiKeyToken, Change, Clock, Dice,
    Environment, Id, Integration, IntegrationModel, IntegrationModels, Live, Log, LogState, Noun,
    Opened, Organisation, OrganisationId, OrganisationSettings, RecordUnavailable, Recorder, Scope,
    ScopeSet, Sealed, SealedPlace, Secret, Slug, Snapshot, Timestamp, VirtualKey, Workspace,
    WorkspaceDefaults, WorkspaceId,
};
use portcullis_gateway::{Gateway, GatewaySettings, Parts, SignIns};
use portcullis_providers::credential::{Credential, Settings};
use portcullis_record::content::{self, Content};
use portcullis_runtime::{
    egress::{Egress, EgressPolicy, EgressSettings},
    server::ResponseBody,
};
use portcullis_testkit::upstream::{End, Recorded, Upstream};
use portcullis_vault::{
    Author, EncryptionContext, GeneratedKey, Kms, KmsDescription, KmsError, KmsFailure, KmsFuture,
    KmsOperation, Pepper, Vault, VaultParts, VaultSettings, kms::local::LocalKms, testing,
};

pub(crate) use crate::ask::{Answer, Ask, Stalled, form};

/// The credentials in the vault. No client may ever see one, and no other host.
pub(crate) const OPENAI_SECRET: &str = "sk-vaulted-openai-7f3a9c";
pub(crate) const CLAUDE_SECRET: &str = "sk-vaulted-claude-55e1b0";

/// 2026-01-01T00:00:00Z.
pub(crate) const START: i64 = 1_767_225_600_000_000;

pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) recorder: Arc<Recording>,
    pub(crate) clock: Arc<TestClock>,
    /// A key that may do everything.
    pub(crate) key: String,
    pub(crate) vault: Arc<Vault>,
    pub(crate) kms: Arc<Switch>,
    data_keys: Arc<testing::MemoryDataKeys>,
    pepper: Arc<Pepper>,
    dice: Arc<SeededDice>,
    live: Arc<Live>,
    pub(crate) organisation: Arc<Organisation>,
    pub(crate) workspace: Arc<Workspace>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(GatewaySettings::default()).await
    }

    /// Virtual keys: `open` (OpenAI), `claude` (Anthropic), `azure` (Azure OpenAI) and `strict`
    /// (OpenAI, only `gpt-4o-mini`), all at the upstream.
    pub(crate) async fn with(settings: GatewaySettings) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        let dice = Arc::new(SeededDice(AtomicU64::new(0x9E37_79B9_7F4A_7C15)));
        let upstream = Arc::new(Upstream::start().await.unwrap());
        let data_keys = Arc::new(testing::MemoryDataKeys::default());
        let (vault, kms) = vault(&data_keys, &clock, &dice);
        let pepper = Arc::new(Pepper::mint(&*dice));
        let recorder = Arc::new(Recording::new(upstream.clone()));
        let live = Arc::new(Live::default());
        let gateway = Gateway::new(Parts {
            live: live.clone(),
            vault: vault.clone(),
            pepper: pepper.clone(),
            egress: Egress::new(
                EgressPolicy::parse("127.0.0.1").unwrap(),
                EgressSettings::default(),
            ),
            sign_ins: SignIns::default(),
            recorder: recorder.clone(),
            clock: clock.clone(),
            dice: dice.clone(),
            settings,
            node: id(1),
            version: "0.0.0-test",
        });
        let at = Timestamp::from_micros(START);
        let organisation = Arc::new(Organisation {
            id: id(2),
            slug: Slug::parse("acme").unwrap(),
            name: "Acme".to_owned(),
            default_workspace: id(3),
            settings: OrganisationSettings::default(),
            created_at: at,
            updated_at: at,
        });
        let environment = Environment {
            id: id(4),
            organisation_id: id(2),
            workspace_id: id(3),
            slug: Slug::parse("production").unwrap(),
            name: "Production".to_owned(),
            created_at: at,
            updated_at: at,
        };
        let workspace = Arc::new(Workspace {
            id: id(3),
            organisation_id: id(2),
            slug: Slug::parse("ws-main").unwrap(),
            name: "Main".to_owned(),
            description: None,
            defaults: WorkspaceDefaults::default(),
            default_environment: id(4),
            environments: vec![environment],
            created_at: at,
            updated_at: at,
        });
        let mut world = Self {
            gateway,
            upstream,
            recorder,
            clock,
            key: String::new(),
            vault,
            kms,
            data_keys,
            pepper,
            dice,
            live,
            organisation: organisation.clone(),
            workspace: workspace.clone(),
        };
        world.apply([Change::Organisation(organisation), Change::Workspace(workspace)]);
        world.key = world.api_key(|_| {});
        let v1 = world.upstream.base_url();
        let azure = format!("http://{}/openai", world.upstream.address());
        let any = IntegrationModels::default();
        let only = IntegrationModels {
            allow_all: false,
            listed: vec![IntegrationModel { slug: "gpt-4o-mini".to_owned(), enabled: true }],
        };
        world.virtual_key("open", "openai", OPENAI_SECRET, &v1, any.clone()).await;
        world.virtual_key("claude", "anthropic", CLAUDE_SECRET, &v1, any.clone()).await;
        world.virtual_key("azure", "azure-openai", "sk-vaulted-azure", &azure, any).await;
        world.virtual_key("strict", "openai", OPENAI_SECRET, &v1, only).await;
        world
    }

    pub(crate) fn apply(&self, changes: impl IntoIterator<Item = Change>) {
        let mut snapshot = Snapshot::clone(&self.live.current());
        snapshot.apply(snapshot.revision + 1, changes);
        self.live.publish(snapshot);
    }

    /// A second workspace of the organisation, without virtual keys.
    pub(crate) fn other_workspace(&self) -> WorkspaceId {
        let mut other = Workspace::clone(&self.workspace);
        other.id = id(9);
        other.slug = Slug::parse("ws-other").unwrap();
        self.apply([Change::Workspace(Arc::new(other))]);
        id(9)
    }

    /// The organisation.
    pub(crate) fn organisation(&self) -> OrganisationId {
        self.organisation.id
    }

    /// A second organisation behind the same gateway, with the virtual key `open`.
    pub(crate) async fn another_organisation(&self) -> Self {
        let mut organisation = Organisation::clone(&self.organisation);
        (organisation.id, organisation.default_workspace) = (id(12), id(13));
        organisation.slug = Slug::parse("other").unwrap();
        let mut workspace = Workspace::clone(&self.workspace);
        (workspace.id, workspace.organisation_id) = (id(13), id(12));
        let (organisation, workspace) = (Arc::new(organisation), Arc::new(workspace));
        self.apply([
            Change::Organisation(organisation.clone()),
            Change::Workspace(workspace.clone()),
        ]);
        let mut other = Self {
            gateway: self.gateway.clone(),
            upstream: self.upstream.clone(),
            recorder: self.recorder.clone(),
            clock: self.clock.clone(),
            key: String::new(),
            vault: self.vault.clone(),
            kms: self.kms.clone(),
            data_keys: self.data_keys.clone(),
            pepper: self.pepper.clone(),
            dice: self.dice.clone(),
            live: self.live.clone(),
            organisation,
            workspace,
        };
        other.key = other.api_key(|_| {});
        let (host, any) = (self.upstream.base_url(), IntegrationModels::default());
        other.virtual_key("open", "openai", OPENAI_SECRET, &host, any).await;
        other
    }

    /// A new API key, as `edit` leaves it.
    pub(crate) fn api_key(&self, edit: impl FnOnce(&mut ApiKey)) -> String {
        let token = ApiKeyToken::mint("test", &*self.dice);
        let at = Timestamp::from_micros(START);
        let mut key = ApiKey {
            id: Id::mint(&*self.clock, &*self.dice),
            organisation_id: self.organisation.id,
            workspace_id: self.workspace.id,
            environment_id: self.workspace.default_environment,
            user_id: None,
            kind: ApiKeyKind::WorkspaceService,
            name: "test".to_owned(),
            description: None,
            digest: self.pepper.digest(token.danger_expose()),
            hint: token.hint(),
            previous: None,
            scopes: ScopeSet::all(),
            defaults: ApiKeyDefaults::default(),
            allowed_addresses: Vec::new(),
            made_by: ApiKeyMadeBy::Api,
            is_token: false,
            expires_at: None,
            created_at: at,
            updated_at: at,
        };
        edit(&mut key);
        self.apply([Change::ApiKey(Arc::new(key))]);
        token.danger_expose().to_owned()
    }

    pub(crate) fn digest(&self, token: &str) -> portcullis_domain::ApiKeyDigest {
        self.pepper.digest(token)
    }

    pub(crate) async fn virtual_key(
        &self,
        slug: &str,
        provider: &str,
        secret: &str,
        host: &str,
        models: IntegrationModels,
    ) {
        let settings = Settings { custom_host: Some(host.to_owned()), ..Settings::default() };
        let credential = Credential::new(Some(Secret::new(secret.to_owned())), settings);
        self.saved(slug, provider, &credential, models).await;
    }

    /// A virtual key of this credential.
    pub(crate) async fn saved(
        &self,
        slug: &str,
        provider: &str,
        credential: &Credential,
        models: IntegrationModels,
    ) {
        let integration_id = Id::mint(&*self.clock, &*self.dice);
        let place = SealedPlace {
            organisation: Some(self.organisation.id),
            table: "integrations",
            row: integration_id.uuid(),
            field: "credential",
        };
        let sealed = self.vault.seal(&place, credential.to_json().danger_expose()).await.unwrap();
        let at = Timestamp::from_micros(START);
        let slug = Slug::parse(slug).unwrap();
        let integration = Integration {
            id: integration_id,
            organisation_id: self.organisation.id,
            workspace_id: None,
            slug: slug.clone(),
            name: slug.to_string(),
            description: None,
            provider: provider.to_owned(),
            credential: sealed,
            key_hint: String::new(),
            key_fingerprint: String::new(),
            models,
            created_at: at,
            updated_at: at,
        };
        let key = VirtualKey {
            id: Id::mint(&*self.clock, &*self.dice),
            organisation_id: self.organisation.id,
            workspace_id: self.workspace.id,
            slug,
            name: String::new(),
            note: None,
            integration_id,
            expires_at: (provider == "groq").then(|| at.plus_millis(1)),
            created_at: at,
            updated_at: at,
        };
        let changes =
            [Change::Integration(Arc::new(integration)), Change::VirtualKey(Arc::new(key))];
        self.apply(changes);
    }

    /// From now on, another node seals what this world seals, with a data key of its own.
    pub(crate) async fn rotate_on_another_node(&mut self) {
        self.vault = vault(&self.data_keys, &self.clock, &self.dice).0;
        self.clock.advance_millis(60_000);
        self.vault.rotate(Some(self.organisation.id), &Author::system()).await.unwrap();
    }

    /// Sends with another key than the one that may do everything.
    pub(crate) async fn send_with(&self, key: &str, ask: Ask) -> Answer {
        self.send(ask.without_key().header("x-portkey-api-key", key)).await
    }

    /// Sends a request and reads the answer to its end.
    pub(crate) async fn send(&self, ask: Ask) -> Answer {
        Answer::of(self.begin(ask).await).await
    }

    /// Sends a request and leaves the answer's body unread.
    pub(crate) async fn begin(&self, ask: Ask) -> Response<ResponseBody> {
        let (head, body) = ask.request(&self.key).into_parts();
        let request = Request::from_parts(head, Full::new(body));
        self.call(request).await
    }

    /// Sends a request with any body.
    pub(crate) async fn call<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
    {
        self.gateway.call(request, IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9))).await
    }

    /// The one request that the upstream got.
    pub(crate) fn only_request(&self) -> Recorded {
        let requests = self.upstream.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.into_iter().next().unwrap()
    }

    /// The record of the one call there was.
    pub(crate) fn only_log(&self) -> Log {
        let closed = self.recorder.closed();
        assert_eq!(closed.len(), 1, "{closed:?}");
        closed.into_iter().next().unwrap()
    }

    /// The bodies that were kept of the one call there was: what the client sent, and what it got.
    pub(crate) async fn content(&self) -> [Option<Vec<u8>>; 2] {
        let Content { request, response, .. } = self.whole_content().await;
        [request.body, response.body]
    }

    /// All that was kept of the one call there was.
    pub(crate) async fn whole_content(&self) -> Content {
        let log = self.only_log();
        let sealed = self.recorder.contents().pop().flatten();
        let Some(sealed) = sealed else { return Content::default() };
        let opened = self.vault.open(&log.content_place(), &sealed).await.unwrap();
        content::read(opened.danger_expose()).unwrap()
    }

    /// Waits until the upstream's one call ended so.
    pub(crate) async fn upstream_ended(&self, end: End) {
        let ended = async {
            while self.only_request().end != end {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(5), ended).await;
        assert!(waited.is_ok(), "ended otherwise: {:?}", self.only_request());
    }

    /// Waits until the upstream got a call.
    pub(crate) async fn upstream_called(&self) {
        let called = async {
            while self.upstream.count() == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), called).await.expect("no call arrived");
    }
}

fn vault(
    data_keys: &Arc<testing::MemoryDataKeys>,
    clock: &Arc<TestClock>,
    dice: &Arc<SeededDice>,
) -> (Arc<Vault>, Arc<Switch>) {
    let key = Secret::new(vec![7; 32]);
    let kms = LocalKms::try_new(&key, "a test".to_owned(), dice.clone()).ok().unwrap();
    let kms = Arc::new(Switch { kms, off: Mutex::default() });
    let parts = VaultParts::new(kms.clone(), data_keys.clone(), clock.clone(), dice.clone());
    let settings = VaultSettings {
        lifetime: Duration::from_secs(120),
        grace: Duration::from_secs(240),
        ..VaultSettings::default()
    };
    (Arc::new(Vault::new(parts, settings)), kms)
}

/// A KMS that can be switched off for one organisation, as if that had one of its own.
pub(crate) struct Switch {
    kms: LocalKms,
    off: Mutex<Option<(OrganisationId, KmsFailure)>>,
}

impl Switch {
    pub(crate) fn set(&self, off: Option<(OrganisationId, KmsFailure)>) {
        *self.off.lock().unwrap_or_else(PoisonError::into_inner) = off;
    }

    fn ask(&self, operation: KmsOperation, context: EncryptionContext) -> Result<(), KmsError> {
        match *self.off.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((organisation, failure)) if context.organisation == Some(organisation) => {
                Err(KmsError::new(operation, failure, "switched off"))
            }
            _ => Ok(()),
        }
    }
}

impl Kms for Switch {
    fn name(&self) -> &'static str {
        self.kms.name()
    }

    fn key_id(&self) -> &str {
        self.kms.key_id()
    }

    fn generate(&self, context: EncryptionContext) -> KmsFuture<'_, GeneratedKey> {
        match self.ask(KmsOperation::Generate, context) {
            Ok(()) => self.kms.generate(context),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn wrap<'a>(
        &'a self,
        context: EncryptionContext,
        data_key: &'a Secret<Vec<u8>>,
    ) -> KmsFuture<'a, Vec<u8>> {
        self.kms.wrap(context, data_key)
    }

    fn unwrap<'a>(
        &'a self,
        context: EncryptionContext,
        wrapped: &'a [u8],
    ) -> KmsFuture<'a, Secret<Vec<u8>>> {
        match self.ask(KmsOperation::Unwrap, context) {
            Ok(()) => self.kms.unwrap(context, wrapped),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn describe(&self) -> KmsFuture<'_, KmsDescription> {
        self.kms.describe()
    }
}

pub(crate) fn id<N: Noun>(n: u128) -> Id<N> {
    Id::from_uuid(uuid::Uuid::from_u128(n))
}

/// Scopes by name.
pub(crate) fn scopes(scopes: &[Scope]) -> ScopeSet {
    let mut set = ScopeSet::EMPTY;
    scopes.iter().for_each(|scope| set.insert(*scope));
    set
}

/// A recorder that remembers, and how many calls the upstream had seen at each opening.
pub(crate) struct Recording {
    upstream: Arc<Upstream>,
    pub(crate) fails: AtomicBool,
    opened: Mutex<Vec<(Log, usize)>>,
    closed: Mutex<Vec<(Log, Option<Sealed>)>>,
}

impl Recording {
    fn new(upstream: Arc<Upstream>) -> Self {
        let (opened, closed) = (Mutex::default(), Mutex::default());
        Self { upstream, fails: AtomicBool::new(false), opened, closed }
    }

    pub(crate) fn opened(&self) -> Vec<(Log, usize)> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn closed(&self) -> Vec<Log> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        closed.iter().map(|(log, _)| log.clone()).collect()
    }

    pub(crate) fn contents(&self) -> Vec<Option<Sealed>> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        closed.iter().map(|(_, content)| content.clone()).collect()
    }

    pub(crate) fn forget(&self) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.upstream.forget();
    }
}

impl Recorder for Recording {
    fn open(&self, log: &Log) -> Result<Opened, RecordUnavailable> {
        if self.fails.load(Relaxed) {
            return Err(RecordUnavailable("the disk is full".to_owned()));
        }
        assert_eq!(log.state, LogState::Open);
        let seen = self.upstream.count();
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push((log.clone(), seen));
        Ok(Opened(0))
    }

    fn poll_opened(&self, _: Opened, _: &mut Context<'_>) -> Poll<Result<(), RecordUnavailable>> {
        Poll::Ready(Ok(()))
    }

    fn flush(&self, _: &Waker) {}

    fn close(&self, log: &Log, content: Option<Sealed>) {
        assert_ne!(log.state, LogState::Open);
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).push((log.clone(), content));
    }
}

pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance_millis(&self, millis: i64) {
        self.0.fetch_add(millis * 1000, Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Relaxed))
    }
}

/// SplitMix64: the same throws in every run.
struct SeededDice(AtomicU64);

impl Dice for SeededDice {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut word = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}
