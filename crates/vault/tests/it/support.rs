//! A clock that tests move, and KMS and store that fail when told to.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

use portcullis_domain::{Clock, DataKeyId, Dice, OrganisationId, SealedPlace, Secret, Timestamp};
use portcullis_vault::{
    DataKeyStore, DataKeyStoreError, EncryptionContext, Kms, KmsDescription, KmsError, KmsFailure,
    KmsFuture, StoreFuture, Vault, VaultSettings, WrappedDataKey, Wrapping, kms::local::LocalKms,
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
    pub(crate) unwraps: AtomicUsize,
    pub(crate) contexts: Mutex<Vec<EncryptionContext>>,
}

impl TestKms {
    pub(crate) fn new(key: u8) -> Arc<Self> {
        let origin = "a test".to_owned();
        let inner = LocalKms::try_new(&Secret::new(vec![key; 32]), origin, Arc::new(Random));
        Arc::new(Self {
            inner: inner.ok().unwrap(),
            failure: Mutex::default(),
            unwraps: AtomicUsize::new(0),
            contexts: Mutex::default(),
        })
    }

    pub(crate) fn fail(&self, failure: Option<KmsFailure>) {
        *self.failure.lock().unwrap() = failure;
    }

    pub(crate) fn unwraps(&self) -> usize {
        self.unwraps.load(Ordering::Relaxed)
    }

    fn asked(&self, context: EncryptionContext) -> Result<(), KmsError> {
        self.contexts.lock().unwrap().push(context);
        match *self.failure.lock().unwrap() {
            Some(failure) => Err(KmsError { failure, detail: "told to fail".to_owned() }),
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

    fn wrap<'a>(
        &'a self,
        context: EncryptionContext,
        data_key: &'a Secret<Vec<u8>>,
    ) -> KmsFuture<'a, Vec<u8>> {
        Box::pin(async move {
            self.asked(context)?;
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
            // A real KMS is far away: let others run meanwhile.
            tokio::task::yield_now().await;
            self.asked(context)?;
            self.inner.unwrap(context, wrapped).await
        })
    }

    fn describe(&self) -> KmsFuture<'_, KmsDescription> {
        self.inner.describe()
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
            let failed = || DataKeyStoreError("told to fail".to_owned());
            let done = if has_effect { effect.await } else { return Err(failed()) };
            if answers { done } else { Err(failed()) }
        })
    }
}

impl DataKeyStore for TestStore {
    fn list(&self, organisation: Option<OrganisationId>) -> StoreFuture<'_, Vec<WrappedDataKey>> {
        self.answer(Box::pin(async move { self.inner.list(organisation).await }))
    }

    fn list_all(&self) -> StoreFuture<'_, Vec<WrappedDataKey>> {
        self.answer(Box::pin(async move { self.inner.list_all().await }))
    }

    fn insert(
        &self,
        key: WrappedDataKey,
        replaces: Option<DataKeyId>,
    ) -> StoreFuture<'_, DataKeyId> {
        self.answer(Box::pin(async move { self.inner.insert(key, replaces).await }))
    }

    fn update_wrapped(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        wrapping: Wrapping,
    ) -> StoreFuture<'_, ()> {
        self.answer(Box::pin(
            async move { self.inner.update_wrapped(organisation, id, wrapping).await },
        ))
    }

    fn add_uses(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        uses: u64,
    ) -> StoreFuture<'_, ()> {
        self.answer(Box::pin(async move { self.inner.add_uses(organisation, id, uses).await }))
    }
}

/// A vault with all its surroundings.
pub(crate) struct Stage {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) kms: Arc<TestKms>,
    pub(crate) store: Arc<TestStore>,
    pub(crate) vault: Arc<Vault>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(TestKms::new(1), Arc::default(), VaultSettings::default())
    }

    pub(crate) fn with(
        kms: Arc<TestKms>,
        keys: Arc<MemoryDataKeys>,
        settings: VaultSettings,
    ) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000_000_000)));
        let store = TestStore::new(keys);
        let vault = Arc::new(Vault::new(
            kms.clone(),
            store.clone(),
            clock.clone(),
            Arc::new(Random),
            settings,
        ));
        Self { clock, kms, store, vault }
    }

    /// Another node: own cache, same KMS key and store. Its clock shows the same start.
    pub(crate) fn another_node(&self) -> Self {
        Self::with(self.kms.clone(), self.store.inner.clone(), VaultSettings::default())
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
