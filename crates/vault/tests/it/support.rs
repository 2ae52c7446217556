//! A clock that tests move, and KMS and store that fail when told to.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
};

use portcullis_domain::{
    Clock, DataKeyId, Dice, KmsConnectionId, OrganisationId, SealedPlace, Secret, Timestamp,
};
use portcullis_vault::{
    Author, DataKeyState, DataKeyStore, DataKeyStoreError, EncryptionContext, GeneratedKey,
    Holdings, Kms, KmsDescription, KmsError, KmsFailure, KmsFuture, KmsOperation, Resealed,
    SealedCount, SealedStore, SealedValue, StatusDepth, StoreFuture, Vault, VaultEvent,
    VaultObserver, VaultParts, VaultSettings, Work, WorkKind, WorkState, WrappedDataKey, Wrapping,
    kms::{
        ConnectionSettings, KmsFactory, KmsGuide, KmsProvider, KmsSettingsError, local::LocalKms,
    },
    testing::MemoryDataKeys,
};
use uuid::Uuid;

pub(crate) const MINUTE: i64 = 60_000_000;
pub(crate) const DAY: i64 = 24 * 60 * MINUTE;

pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) struct Random;

impl Dice for Random {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).unwrap();
    }
}

/// A `local` KMS that can be told to fail, and that counts and remembers what it is asked.
pub(crate) struct TestKms {
    inner: LocalKms,
    pub(crate) failure: Mutex<Option<KmsFailure>>,
    /// What it moves by itself from another key, if it does.
    pub(crate) rewraps: Mutex<Option<Arc<TestKms>>>,
    pub(crate) unwraps: AtomicUsize,
    /// Whether it never answers.
    pub(crate) hangs: AtomicBool,
    /// Whether its key has versions that are disabled one by one.
    pub(crate) has_versions: AtomicBool,
    pub(crate) asked: Mutex<Vec<(KmsOperation, EncryptionContext)>>,
}

impl TestKms {
    pub(crate) fn new(key: u8) -> Arc<Self> {
        let origin = "a test".to_owned();
        let inner = LocalKms::try_new(&Secret::new(vec![key; 32]), origin, Arc::new(Random));
        Arc::new(Self {
            inner: inner.ok().unwrap(),
            failure: Mutex::default(),
            rewraps: Mutex::default(),
            unwraps: AtomicUsize::new(0),
            hangs: AtomicBool::default(),
            has_versions: AtomicBool::default(),
            asked: Mutex::default(),
        })
    }

    pub(crate) fn fail(&self, failure: Option<KmsFailure>) {
        *self.failure.lock().unwrap() = failure;
    }

    pub(crate) fn unwraps(&self) -> usize {
        self.unwraps.load(Ordering::Relaxed)
    }

    pub(crate) fn asks(&self, wanted: KmsOperation) -> usize {
        self.asked.lock().unwrap().iter().filter(|(operation, _)| *operation == wanted).count()
    }

    fn ask(&self, operation: KmsOperation, context: EncryptionContext) -> Result<(), KmsError> {
        self.asked.lock().unwrap().push((operation, context));
        match *self.failure.lock().unwrap() {
            Some(failure) => Err(KmsError::new(operation, failure, "told to fail")),
            None => Ok(()),
        }
    }
}

impl Kms for TestKms {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn key_id(&self) -> &str {
        self.inner.key_id()
    }

    fn proves(&self, _: &Wrapping, _: &Wrapping) -> bool {
        !self.has_versions.load(Ordering::Relaxed)
    }

    fn generate(&self, context: EncryptionContext) -> KmsFuture<'_, GeneratedKey> {
        Box::pin(async move {
            self.ask(KmsOperation::Generate, context)?;
            self.inner.generate(context).await
        })
    }

    fn wrap<'a>(
        &'a self,
        context: EncryptionContext,
        data_key: &'a Secret<Vec<u8>>,
    ) -> KmsFuture<'a, Vec<u8>> {
        Box::pin(async move {
            self.ask(KmsOperation::Wrap, context)?;
            self.inner.wrap(context, data_key).await
        })
    }

    fn unwrap<'a>(
        &'a self,
        context: EncryptionContext,
        wrapped: &'a [u8],
    ) -> KmsFuture<'a, Secret<Vec<u8>>> {
        Box::pin(async move {
            self.unwraps.fetch_add(1, Ordering::Relaxed);
            if self.hangs.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            // A real KMS is far away: let others run meanwhile.
            tokio::task::yield_now().await;
            self.ask(KmsOperation::Unwrap, context)?;
            self.inner.unwrap(context, wrapped).await
        })
    }

    fn rewrap<'a>(
        &'a self,
        context: EncryptionContext,
        from: &'a Wrapping,
    ) -> Option<KmsFuture<'a, Vec<u8>>> {
        let other = self.rewraps.lock().unwrap().clone().filter(|other| other.opens(from))?;
        Some(Box::pin(async move {
            self.ask(KmsOperation::Rewrap, context)?;
            let plaintext = other.inner.unwrap(context, &from.bytes).await?;
            self.inner.wrap(context, &plaintext).await
        }))
    }

    fn describe(&self) -> KmsFuture<'_, KmsDescription> {
        Box::pin(async move {
            if let Some(failure) = *self.failure.lock().unwrap() {
                return Err(KmsError::new(KmsOperation::Describe, failure, "told to fail"));
            }
            self.inner.describe().await
        })
    }
}

/// Hands out the KMS that a test has put there for a key.
#[derive(Default)]
pub(crate) struct TestFactory(pub(crate) Mutex<Vec<Arc<TestKms>>>);

impl KmsFactory for TestFactory {
    fn providers(&self) -> &[&'static KmsProvider] {
        &[]
    }

    fn connect(&self, settings: &ConnectionSettings) -> Result<Arc<dyn Kms>, KmsSettingsError> {
        let key = settings.require("key")?;
        let all = self.0.lock().unwrap();
        match all.iter().find(|kms| kms.key_id() == key) {
            Some(kms) => Ok(Arc::clone(kms) as Arc<dyn Kms>),
            None => Err(KmsSettingsError::new("key", "is not known")),
        }
    }

    fn guide<'a>(&'a self, _: &'a ConnectionSettings) -> KmsFuture<'a, KmsGuide> {
        Box::pin(std::future::ready(Ok(KmsGuide::default())))
    }
}

/// Remembers what happened.
#[derive(Default)]
pub(crate) struct Events(pub(crate) Mutex<Vec<VaultEvent>>);

impl VaultObserver for Events {
    fn happened(&self, event: &VaultEvent) {
        self.0.lock().unwrap().push(event.clone());
    }
}

/// When a [`TestStore`] fails, counted in calls.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fails {
    Never,
    Always,
    /// The call of that number has no effect, and the ones after it have none either.
    From(usize),
    /// As `From`, but that first call's effect comes about: the process died before hearing so.
    After(usize),
}

pub(crate) struct TestStore {
    pub(crate) inner: Arc<MemoryDataKeys>,
    fails: Mutex<Fails>,
    calls: AtomicUsize,
}

impl TestStore {
    pub(crate) fn new(inner: Arc<MemoryDataKeys>) -> Arc<Self> {
        Arc::new(Self { inner, fails: Mutex::new(Fails::Never), calls: AtomicUsize::new(0) })
    }

    pub(crate) fn fail(&self, fails: Fails) {
        *self.fails.lock().unwrap() = fails;
        self.calls.store(0, Ordering::Relaxed);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn answer<'a, T: Send + 'a>(&'a self, effect: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let call = self.calls.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let fails = *self.fails.lock().unwrap();
            let (has_effect, answers) = match fails {
                Fails::Never => (true, true),
                Fails::Always => (false, false),
                Fails::From(first) => (call < first, call < first),
                Fails::After(first) => (call <= first, call < first),
            };
            let failed = || DataKeyStoreError::Unavailable("told to fail".to_owned());
            let done = if has_effect { effect.await } else { return Err(failed()) };
            if answers { done } else { Err(failed()) }
        })
    }
}

macro_rules! forward {
    ($($port:ident { $($method:ident($($argument:ident: $type:ty),*) -> $answer:ty;)* })*) => {$(
        impl $port for TestStore {$(
            fn $method(&self, $($argument: $type),*) -> StoreFuture<'_, $answer> {
                self.answer(Box::pin(async move { self.inner.$method($($argument),*).await }))
            }
        )*}
    )*};
}

forward! {
    DataKeyStore {
        list(organisation: Option<OrganisationId>) -> Holdings;
        list_all() -> Holdings;
        insert(key: WrappedDataKey, replaces: Option<DataKeyId>, reseal: bool, by: Author) -> DataKeyId;
        rewrapped(
            o: Option<OrganisationId>, id: DataKeyId, from: Wrapping, to: Wrapping, by: Author
        ) -> bool;
        add_uses(o: Option<OrganisationId>, id: DataKeyId, uses: u64) -> ();
        change_state(
            o: Option<OrganisationId>, id: DataKeyId, from: DataKeyState, to: DataKeyState,
            at: Timestamp
        ) -> bool;
        destroy(o: Option<OrganisationId>, id: DataKeyId) -> bool;
        forget_former(organisation: OrganisationId) -> ();
        verified(o: OrganisationId, connection: KmsConnectionId, at: Timestamp) -> ();
        work() -> Vec<Work>;
        note_work(o: Option<OrganisationId>, kind: WorkKind, at: Timestamp) -> ();
        claim(
            o: Option<OrganisationId>, kind: WorkKind, holder: Uuid, now: Timestamp,
            until: Timestamp
        ) -> bool;
        progress(work: Work, holder: Uuid, until: Timestamp) -> bool;
        finish(o: Option<OrganisationId>, kind: WorkKind, holder: Uuid) -> bool;
    }
    SealedStore {
        under(
            o: Option<OrganisationId>, key: DataKeyId, after: Option<SealedPlace>, limit: u32
        ) -> Vec<SealedValue>;
        replace(o: Option<OrganisationId>, values: Vec<Resealed>) -> u64;
        count(o: Option<OrganisationId>) -> Vec<SealedCount>;
    }
}

/// A vault with all its surroundings.
pub(crate) struct Stage {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) kms: Arc<TestKms>,
    pub(crate) factory: Arc<TestFactory>,
    pub(crate) store: Arc<TestStore>,
    pub(crate) events: Arc<Events>,
    pub(crate) vault: Arc<Vault>,
}

/// What a stage differs in.
pub(crate) struct Setting {
    pub(crate) kms: Arc<TestKms>,
    pub(crate) former_kms: Vec<Arc<dyn Kms>>,
    pub(crate) factory: Arc<TestFactory>,
    pub(crate) keys: Arc<MemoryDataKeys>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) settings: VaultSettings,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            kms: TestKms::new(1),
            former_kms: Vec::new(),
            factory: Arc::default(),
            keys: Arc::default(),
            clock: Arc::new(TestClock(AtomicI64::new(1_800_000_000_000_000))),
            settings: settings(),
        }
    }
}

/// The defaults, without waiting between batches.
pub(crate) fn settings() -> VaultSettings {
    VaultSettings { reseal_per_second: u32::MAX, ..VaultSettings::default() }
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Setting::default())
    }

    pub(crate) fn with(setting: Setting) -> Self {
        let Setting { kms, former_kms, factory, keys, clock, settings } = setting;
        let store = TestStore::new(keys);
        let events = Arc::new(Events::default());
        let parts = VaultParts {
            kms: kms.clone(),
            former_kms,
            factory: factory.clone(),
            keys: store.clone(),
            sealed: store.clone(),
            observer: events.clone(),
            clock: clock.clone(),
            dice: Arc::new(Random),
        };
        let vault = Arc::new(Vault::new(parts, settings));
        Self { clock, kms, factory, store, events, vault }
    }

    /// Another node, or this one started again: own cache, the same KMS, store and clock.
    pub(crate) fn another_node(&self) -> Self {
        Self::with(Setting {
            kms: self.kms.clone(),
            factory: self.factory.clone(),
            keys: self.store.inner.clone(),
            clock: self.clock.clone(),
            ..Setting::default()
        })
    }

    /// Another node whose clock is its own.
    pub(crate) fn with_a_clock_of_its_own(&self) -> Self {
        Self::with(Setting {
            kms: self.kms.clone(),
            factory: self.factory.clone(),
            keys: self.store.inner.clone(),
            ..Setting::default()
        })
    }

    /// Connects the organisation to a key of its own, as the control plane does.
    pub(crate) async fn connect(&self, n: u128, kms: &Arc<TestKms>) {
        self.factory.0.lock().unwrap().push(kms.clone());
        let organisation = organisation(n).unwrap();
        let id = KmsConnectionId::mint(&*self.clock, &Random);
        let parameters = [("key".to_owned(), Secret::new(kms.key_id().to_owned()))];
        let settings = ConnectionSettings {
            provider: "local".to_owned(),
            organisation: Some(organisation),
            parameters: parameters.into(),
            pinned_key: None,
        };
        let place = Vault::connection_place(id);
        let sealed = self.vault.seal(&place, settings.to_json().danger_expose()).await.unwrap();
        let connection = portcullis_vault::KmsConnection {
            id,
            organisation,
            provider: "local".to_owned(),
            key_id: kms.key_id().to_owned(),
            settings: sealed,
            state: portcullis_vault::ConnectionState::Active,
            verified_at: self.clock.now(),
            created_at: self.clock.now(),
        };
        self.store.inner.connect(organisation, Some(connection), self.clock.now());
    }

    /// Does all the work there is; how each piece stands.
    /// Has the organisation leave a KMS key that then fails so, before its data key is wrapped anew.
    /// The key that it left, and a value that only that one opens.
    pub(crate) async fn leave_behind(
        &self,
        failure: KmsFailure,
    ) -> (Arc<TestKms>, portcullis_domain::Sealed) {
        let (former, new) = (TestKms::new(2), TestKms::new(3));
        self.connect(1, &former).await;
        let old = self.vault.seal(&place(1), b"canary").await.unwrap();
        self.work().await;
        former.fail(Some(failure));
        self.connect(1, &new).await;
        (former, old)
    }

    pub(crate) async fn work(&self) -> Vec<WorkState> {
        let mut states = Vec::new();
        for work in self.vault.work().await.unwrap() {
            states.push(self.vault.perform(work, Arc::new(|| true)).await.unwrap());
        }
        states
    }

    pub(crate) async fn status(&self) -> Vec<portcullis_vault::KeyStatus> {
        self.vault.status(StatusDepth { asks_kms: true, counts: true }).await.unwrap()
    }

    pub(crate) async fn reads(&self, place: &SealedPlace, sealed: &portcullis_domain::Sealed) {
        let opened = self.vault.open(place, sealed).await;
        assert_eq!(opened.unwrap_or_else(|e| panic!("{e}")).danger_expose(), b"canary");
    }
}

pub(crate) fn organisation(n: u128) -> Option<OrganisationId> {
    Some(OrganisationId::from_uuid(Uuid::from_u128(n)))
}

pub(crate) fn place(n: u128) -> SealedPlace {
    SealedPlace {
        organisation: organisation(n),
        table: "integrations",
        row: Uuid::from_u128(77),
        field: "credential",
    }
}
