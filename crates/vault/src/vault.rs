//! Loading, caching, rotating and rewrapping organisations' data keys.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use portcullis_domain::{
    Clock, DataKeyId, Dice, OrganisationId, Sealed, SealedPlace, Secret, Shards, Timestamp,
};
use tokio::sync::Mutex;
use tracing::warn;

use crate::{
    DataKeyState, DataKeyStatus, DataKeyStore, EncryptionContext, KeyRing, KeyStatus, Kms,
    KmsError, KmsFailure, Purpose, VaultError, WrappedDataKey, Wrapping,
    key_ring::{DataKey, Uses},
    kms::DATA_KEY_LEN,
    readings::Readings,
};

/// Guards all sealed fields of the instance. Share it in an `Arc`.
pub struct Vault {
    kms: Arc<dyn Kms>,
    keys: Arc<dyn DataKeyStore>,
    clock: Arc<dyn Clock>,
    dice: Arc<dyn Dice>,
    settings: VaultSettings,
    /// One slot per organisation. The outer pointer changes only when an organisation is seen for
    /// the first time or forgotten.
    slots: ArcSwap<Shards<Option<OrganisationId>, Arc<Slot>>>,
}

/// How the vault keeps its keys.
#[derive(Clone)]
pub struct VaultSettings {
    /// How long data keys may be used after the KMS unwrapped them. A key that the KMS refuses is
    /// out of use after at most this long.
    pub lifetime: Duration,
    /// How much longer they may be used when the KMS cannot be reached or throttles us.
    pub grace: Duration,
    /// The age from which an active data key is replaced.
    pub rotate_after: Duration,
    /// The use count from which an active data key is replaced.
    pub rotate_after_uses: u64,
    /// KMS keys that wrapped data keys before the current one and still unwrap them. They can go
    /// once all organisations are rewrapped.
    pub former_kms: Vec<Arc<dyn Kms>>,
}

/// What the vault holds of one organisation.
#[derive(Default)]
struct Slot {
    live: ArcSwapOption<Live>,
    /// Held while keys are loaded, so that one load is in flight however many callers wait.
    loading: Mutex<Loading>,
}

/// A key ring and when it may be used without asking anyone.
struct Live {
    ring: Arc<KeyRing>,
    fresh: Range<Timestamp>,
}

#[derive(Default)]
struct Loading {
    /// The wrapped keys as last listed: a database outage must not close the vault.
    known: Vec<WrappedDataKey>,
    failure: Option<Failure>,
}

/// The last load failed; the next is not tried before the pause is over.
struct Failure {
    error: VaultError,
    attempts: u32,
    pause: Range<Timestamp>,
}

/// Between two loads for one organisation that look for a data key the ring lacks.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);
/// After the first failed load; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Default for VaultSettings {
    /// Five minutes of lifetime, fifteen of grace, rotation after 90 days or 2^30 uses.
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(5 * 60),
            grace: Duration::from_secs(15 * 60),
            rotate_after: Duration::from_secs(90 * 24 * 60 * 60),
            rotate_after_uses: 1 << 30,
            former_kms: Vec::new(),
        }
    }
}

impl Vault {
    /// A vault whose data keys are wrapped by `kms` and kept in `keys`.
    pub fn new(
        kms: Arc<dyn Kms>,
        keys: Arc<dyn DataKeyStore>,
        clock: Arc<dyn Clock>,
        dice: Arc<dyn Dice>,
        settings: VaultSettings,
    ) -> Self {
        Self { kms, keys, clock, dice, settings, slots: ArcSwap::default() }
    }

    /// The organisation's key ring if it may be used without asking anyone. Takes no lock and
    /// does no I/O.
    pub fn cached(&self, organisation: Option<OrganisationId>) -> Option<Arc<KeyRing>> {
        let slots = self.slots.load();
        let live = slots.get(&organisation)?.live.load();
        let live = live.as_ref()?;
        live.fresh.contains(&self.clock.now()).then(|| Arc::clone(&live.ring))
    }

    /// The organisation's key ring: the cached one, or its data keys unwrapped by the KMS, made
    /// on first use, and rotated when they are due. However many callers ask, one load per
    /// organisation is in flight. While the KMS cannot be reached, the last ring serves on within
    /// the grace.
    pub async fn key_ring(
        &self,
        organisation: Option<OrganisationId>,
    ) -> Result<Arc<KeyRing>, VaultError> {
        match self.cached(organisation) {
            Some(ring) => Ok(ring),
            None => self.load_unless(organisation, |live, now| live.fresh.contains(&now)).await,
        }
    }

    /// Seals a value for its place.
    pub async fn seal(&self, place: &SealedPlace, plaintext: &[u8]) -> Result<Sealed, VaultError> {
        Ok(self.key_ring(place.organisation).await?.seal(place, plaintext)?)
    }

    /// Opens a value. Unlike [`KeyRing::open`] on a cached ring, this finds a data key that another
    /// node made a moment ago.
    pub async fn open(
        &self,
        place: &SealedPlace,
        sealed: &Sealed,
    ) -> Result<Secret<Vec<u8>>, VaultError> {
        let mut ring = self.key_ring(place.organisation).await?;
        if !ring.holds_key_of(sealed) {
            // A damaged row asks for a key that exists nowhere: not at every call.
            let suffices = |live: &Live, now: Timestamp| {
                live.ring.holds_key_of(sealed) || now < live.ring.loaded_at.after(RELOAD_PAUSE)
            };
            ring = self.load_unless(place.organisation, suffices).await?;
        }
        Ok(ring.open(place, sealed)?)
    }

    /// The state of all organisations' keys, for `portcullis vault status`.
    pub async fn status(&self) -> Result<Vec<KeyStatus>, VaultError> {
        let kms_key = self.kms.describe().await;
        let now = self.clock.now();
        let mut by_organisation = BTreeMap::<_, Vec<_>>::new();
        for key in self.keys.list_all().await? {
            by_organisation.entry(key.organisation).or_default().push(key);
        }
        let statuses = by_organisation.into_iter().map(|(organisation, mut keys)| {
            keys.sort_by_key(|key| (key.created_at, key.id));
            let ring = self.cached(organisation);
            KeyStatus {
                organisation,
                kms: self.kms.name(),
                kms_key_id: self.kms.key_id().to_owned(),
                kms_key: kms_key.clone(),
                cached: ring.is_some(),
                data_keys: keys
                    .into_iter()
                    .map(|key| {
                        let unwraps = self.kms_of(&key.wrapping).is_some();
                        status_of(key, ring.as_deref(), now, unwraps)
                    })
                    .collect(),
            }
        });
        Ok(statuses.collect())
    }

    /// Gives the organisation a new active data key. What older ones sealed still opens. Answers
    /// the active key's id: another node's when that was faster.
    pub async fn rotate(
        &self,
        organisation: Option<OrganisationId>,
    ) -> Result<DataKeyId, VaultError> {
        let slot = self.slot(organisation);
        let mut loading = slot.loading.lock().await;
        let id = self.create(organisation, active_of(&self.keys.list(organisation).await?)).await?;
        // The key is in place; if it cannot be taken into use now, the next load does.
        if let Err(error) = self.load_into(&slot, organisation, &mut loading).await {
            warn!(?organisation, %error, "rotated, but the new data key is not in use yet");
        }
        Ok(id)
    }

    /// Wraps all data keys of the organisation anew under the current KMS key and says how many.
    /// No sealed value changes. A key that fails does not keep the others from it; the first
    /// failure is the answer then, and running this again is all it takes to go on.
    pub async fn rewrap(&self, organisation: Option<OrganisationId>) -> Result<usize, VaultError> {
        let slot = self.slot(organisation);
        let _loading = slot.loading.lock().await;
        let (mut count, mut failed) = (0, None);
        for key in &self.keys.list(organisation).await? {
            match self.rewrap_one(key).await {
                Ok(()) => count += 1,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(count), Err)
    }

    /// Persists use counts and drops data keys whose time, grace included, is over. To be called
    /// every minute or so, and at shutdown.
    pub async fn maintain(&self) {
        let slots = self.slots.load_full();
        for (organisation, slot) in slots.iter() {
            let Some(live) = slot.live.load_full() else { continue };
            self.persist_uses(&live.ring).await;
            // Who is loading now will replace the ring anyway.
            let Ok(_loading) = slot.loading.try_lock() else { continue };
            if !self.usable(&live.ring).contains(&self.clock.now()) {
                slot.live.store(None);
                tracing::debug!(?organisation, "dropped data keys that nobody asked for");
            }
        }
    }

    /// Drops what is held of an organisation that is being deleted.
    pub fn forget(&self, organisation: Option<OrganisationId>) {
        self.slots.rcu(|slots| {
            let mut slots = Shards::clone(slots);
            slots.remove(&organisation);
            slots
        });
    }

    fn slot(&self, organisation: Option<OrganisationId>) -> Arc<Slot> {
        if let Some(slot) = self.slots.load().get(&organisation) {
            return Arc::clone(slot);
        }
        let mut ours = Arc::new(Slot::default());
        self.slots.rcu(|slots| {
            let mut slots = Shards::clone(slots);
            match slots.get(&organisation) {
                Some(theirs) => ours = Arc::clone(theirs),
                None => drop(slots.insert(organisation, Arc::clone(&ours))),
            }
            slots
        });
        ours
    }

    /// Loads the organisation's keys unless, once it is our turn, what is there suffices.
    async fn load_unless(
        &self,
        organisation: Option<OrganisationId>,
        suffices: impl Fn(&Live, Timestamp) -> bool,
    ) -> Result<Arc<KeyRing>, VaultError> {
        let slot = self.slot(organisation);
        let mut loading = slot.loading.lock().await;
        let now = self.clock.now();
        if let Some(live) = &*slot.live.load()
            && suffices(live, now)
        {
            return Ok(Arc::clone(&live.ring));
        }
        if let Some(failure) = &loading.failure
            && failure.pause.contains(&now)
        {
            return Err(failure.error.clone());
        }
        match self.load_into(&slot, organisation, &mut loading).await {
            Ok(ring) => Ok(ring),
            Err(error) => self.after_failure(&slot, organisation, &mut loading, error),
        }
    }

    /// Loads the organisation's keys and makes them the live ones.
    async fn load_into(
        &self,
        slot: &Slot,
        organisation: Option<OrganisationId>,
        loading: &mut Loading,
    ) -> Result<Arc<KeyRing>, VaultError> {
        let old = slot.live.load_full().map(|live| Arc::clone(&live.ring));
        if let Some(old) = &old {
            self.persist_uses(old).await;
        }
        let ring = Arc::new(self.load(organisation, old.as_deref(), loading).await?);
        let fresh = ring.loaded_at..ring.loaded_at.after(self.settings.lifetime);
        slot.live.store(Some(Arc::new(Live { ring: Arc::clone(&ring), fresh })));
        loading.failure = None;
        Ok(ring)
    }

    /// Decides what a failed load means: refusals drop the keys at once, outages let them serve
    /// within the grace. Either way nobody is asked again before a pause.
    fn after_failure(
        &self,
        slot: &Slot,
        organisation: Option<OrganisationId>,
        loading: &mut Loading,
        error: VaultError,
    ) -> Result<Arc<KeyRing>, VaultError> {
        let now = self.clock.now();
        let attempts = loading.failure.as_ref().map_or(0, |failure| failure.attempts) + 1;
        let again = now.after(self.pause(attempts));
        warn!(?organisation, %error, attempts, "data keys could not be loaded");
        loading.failure = Some(Failure { error: error.clone(), attempts, pause: now..again });
        let old = slot.live.load_full().map(|live| Arc::clone(&live.ring));
        match old.map(|ring| (self.usable(&ring), ring)) {
            Some((usable, ring)) if error.is_transient() && usable.contains(&now) => {
                let fresh = now..again.min(usable.end);
                slot.live.store(Some(Arc::new(Live { ring: Arc::clone(&ring), fresh })));
                Ok(ring)
            }
            _ => {
                slot.live.store(None);
                Err(error)
            }
        }
    }

    /// When a ring may be used at most.
    fn usable(&self, ring: &KeyRing) -> Range<Timestamp> {
        let end = ring.loaded_at.after(self.settings.lifetime).after(self.settings.grace);
        ring.loaded_at..end
    }

    /// Doubles with each attempt, give or take a quarter so that nodes do not ask in step.
    fn pause(&self, attempts: u32) -> Duration {
        let mut die = [0];
        self.dice.fill(&mut die);
        let base = FIRST_PAUSE.saturating_mul(1 << (attempts - 1).min(5)).min(LONGEST_PAUSE);
        base * (384 + u32::from(die[0])) / 512
    }

    async fn load(
        &self,
        organisation: Option<OrganisationId>,
        old: Option<&KeyRing>,
        loading: &mut Loading,
    ) -> Result<KeyRing, VaultError> {
        match self.keys.list(organisation).await {
            Ok(listed) => loading.known = listed,
            Err(error) if loading.known.is_empty() => return Err(error.into()),
            Err(error) => warn!(?organisation, %error, "using the data keys as last listed"),
        }
        match loading.known.iter().find(|key| key.state == DataKeyState::Active) {
            None => {
                self.create(organisation, None).await?;
                loading.known = self.keys.list(organisation).await?;
            }
            Some(active) if self.is_due(active) => {
                match self.replace(organisation, active.id).await {
                    Ok(listed) => loading.known = listed,
                    Err(error) => warn!(?organisation, %error, "a due data key is not rotated yet"),
                }
            }
            Some(_) => {}
        }
        // Before unwrapping: the lifetime must not grow by the time that takes.
        let loaded_at = self.clock.now();
        let mut active = None;
        let mut retired = Vec::new();
        for wrapped in &loading.known {
            match self.unwrap(wrapped).await.and_then(|key| data_key(wrapped, &key, old)) {
                Ok(key) if wrapped.state == DataKeyState::Active => active = Some(key),
                Ok(key) => retired.push(key),
                Err(error) if wrapped.state == DataKeyState::Active || error.is_transient() => {
                    return Err(error);
                }
                // One lost old key must not close everything that newer ones sealed.
                Err(error) => {
                    warn!(?organisation, id = %wrapped.id, %error, "a retired data key is lost");
                }
            }
        }
        let active = active.ok_or(VaultError::NoActiveKey)?;
        let (dice, readings) = (Arc::clone(&self.dice), Readings::default());
        Ok(KeyRing { organisation, loaded_at, active, retired, dice, readings })
    }

    fn is_due(&self, key: &WrappedDataKey) -> bool {
        let age = Duration::from_micros(self.clock.now().micros_since(key.created_at));
        age > self.settings.rotate_after || key.uses > self.settings.rotate_after_uses
    }

    async fn replace(
        &self,
        organisation: Option<OrganisationId>,
        active: DataKeyId,
    ) -> Result<Vec<WrappedDataKey>, VaultError> {
        self.create(organisation, Some(active)).await?;
        Ok(self.keys.list(organisation).await?)
    }

    /// Makes a data key and adds it as the active one, unless another node was faster. Answers
    /// the id of the active one.
    async fn create(
        &self,
        organisation: Option<OrganisationId>,
        replaces: Option<DataKeyId>,
    ) -> Result<DataKeyId, VaultError> {
        let mut plaintext = vec![0; DATA_KEY_LEN];
        self.dice.fill(&mut plaintext);
        let key = WrappedDataKey {
            id: DataKeyId::mint(&*self.clock, &*self.dice),
            organisation,
            wrapping: self.wrap(organisation, &Secret::new(plaintext)).await?,
            state: DataKeyState::Active,
            uses: 0,
            created_at: self.clock.now(),
        };
        Ok(self.keys.insert(key, replaces).await?)
    }

    async fn wrap(
        &self,
        organisation: Option<OrganisationId>,
        plaintext: &Secret<Vec<u8>>,
    ) -> Result<Wrapping, VaultError> {
        let bytes = self.kms.wrap(context(organisation), plaintext).await?;
        let kms_key_id = self.kms.key_id().to_owned();
        Ok(Wrapping { kms: self.kms.name().to_owned(), kms_key_id, bytes })
    }

    async fn unwrap(&self, key: &WrappedDataKey) -> Result<Secret<Vec<u8>>, VaultError> {
        let wrapping = &key.wrapping;
        let kms = self.kms_of(wrapping).ok_or_else(|| VaultError::ForeignKms {
            kms: wrapping.kms.clone(),
            kms_key_id: wrapping.kms_key_id.clone(),
        })?;
        Ok(kms.unwrap(context(key.organisation), &wrapping.bytes).await?)
    }

    /// The KMS, current or former, under whose key something is wrapped.
    fn kms_of(&self, wrapping: &Wrapping) -> Option<&Arc<dyn Kms>> {
        std::iter::once(&self.kms)
            .chain(&self.settings.former_kms)
            .find(|kms| kms.name() == wrapping.kms && kms.key_id() == wrapping.kms_key_id)
    }

    async fn rewrap_one(&self, key: &WrappedDataKey) -> Result<(), VaultError> {
        let wrapping = self.wrap(key.organisation, &self.unwrap(key).await?).await?;
        Ok(self.keys.update_wrapped(key.organisation, key.id, wrapping).await?)
    }

    async fn persist_uses(&self, ring: &KeyRing) {
        for key in ring.keys() {
            let pending = key.uses.pending.swap(0, Ordering::Relaxed);
            if pending == 0 {
                continue;
            }
            match self.keys.add_uses(ring.organisation, key.id, pending).await {
                Ok(()) => key.uses.stored.fetch_add(pending, Ordering::Relaxed),
                Err(error) => {
                    warn!(id = %key.id, %error, "use counts of a data key are not persisted yet");
                    key.uses.pending.fetch_add(pending, Ordering::Relaxed)
                }
            };
        }
    }
}

trait After {
    fn after(self, span: Duration) -> Self;
}

impl After for Timestamp {
    fn after(self, span: Duration) -> Self {
        self.plus_micros(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
    }
}

fn context(organisation: Option<OrganisationId>) -> EncryptionContext {
    EncryptionContext { organisation, purpose: Purpose::SealedFields }
}

fn active_of(keys: &[WrappedDataKey]) -> Option<DataKeyId> {
    keys.iter().find(|key| key.state == DataKeyState::Active).map(|key| key.id)
}

/// Makes an unwrapped key usable, carrying on the use count of the ring before.
fn data_key(
    wrapped: &WrappedDataKey,
    plaintext: &Secret<Vec<u8>>,
    old: Option<&KeyRing>,
) -> Result<DataKey, VaultError> {
    let before = old.and_then(|ring| ring.keys().find(|key| key.id == wrapped.id));
    let uses = before.map_or_else(Arc::<Uses>::default, |key| Arc::clone(&key.uses));
    uses.stored.fetch_max(wrapped.uses, Ordering::Relaxed);
    DataKey::try_new(wrapped.id, plaintext, uses).ok_or_else(|| {
        let detail = format!("data key {} does not have {DATA_KEY_LEN} bytes", wrapped.id);
        VaultError::Kms(KmsError { failure: KmsFailure::Corrupt, detail })
    })
}

fn status_of(
    key: WrappedDataKey,
    ring: Option<&KeyRing>,
    now: Timestamp,
    unwraps: bool,
) -> DataKeyStatus {
    let live = ring.and_then(|ring| ring.keys().find(|live| live.id == key.id));
    DataKeyStatus {
        id: key.id,
        state: key.state,
        kms: key.wrapping.kms,
        kms_key_id: key.wrapping.kms_key_id,
        unwraps,
        created_at: key.created_at,
        age: Duration::from_micros(now.micros_since(key.created_at)),
        uses: live.map_or(key.uses, |live| live.uses.total()),
    }
}
