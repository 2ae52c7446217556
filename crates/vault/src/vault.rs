//! The vault itself: what it is made of, and its uses that need no more than a key ring.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use portcullis_domain::{
    Clock, DataKeyId, Dice, KmsConnectionId, OrganisationId, Sealed, SealedPlace, Secret, Shards,
    Timestamp,
};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    DataKeyStore, Holdings, KeyRing, Kms, SealedStore, VaultError, VaultEvent, VaultObserver,
    VaultStats, envelope,
    keepers::Client,
    kms::{KmsFactory, NoKmsFactory},
    observe::{Counters, Unobserved},
};

/// Guards all sealed fields of the instance. Share it in an `Arc`.
pub struct Vault {
    pub(crate) kms: Arc<dyn Kms>,
    pub(crate) former_kms: Vec<Arc<dyn Kms>>,
    pub(crate) factory: Arc<dyn KmsFactory>,
    pub(crate) keys: Arc<dyn DataKeyStore>,
    pub(crate) sealed: Arc<dyn SealedStore>,
    pub(crate) observer: Arc<dyn VaultObserver>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dice: Arc<dyn Dice>,
    pub(crate) settings: VaultSettings,
    /// By which this process holds work.
    pub(crate) id: Uuid,
    /// Held while a batch is sealed anew.
    pub(crate) resealing: Mutex<()>,
    /// Rung when there is new work.
    pub(crate) bell: tokio::sync::Notify,
    pub(crate) counters: Counters,
    /// Clients of organisations' connections.
    pub(crate) clients: std::sync::Mutex<HashMap<KmsConnectionId, Client>>,
    /// One slot per organisation. The outer pointer changes only when an organisation is seen for
    /// the first time or forgotten.
    pub(crate) slots: ArcSwap<Shards<Option<OrganisationId>, Arc<Slot>>>,
}

/// What a vault is made of.
pub struct VaultParts {
    /// Wraps the data keys of the instance, and of organisations without a key of their own.
    pub kms: Arc<dyn Kms>,
    /// What did so before, and still unwraps. They can go once everything is rewrapped.
    pub former_kms: Vec<Arc<dyn Kms>>,
    /// Makes clients for organisations' own keys.
    pub factory: Arc<dyn KmsFactory>,
    /// Keeps the data keys.
    pub keys: Arc<dyn DataKeyStore>,
    /// Reaches the sealed values.
    pub sealed: Arc<dyn SealedStore>,
    /// Is told what happens.
    pub observer: Arc<dyn VaultObserver>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub dice: Arc<dyn Dice>,
}

/// How the vault keeps its keys.
#[derive(Clone, Debug)]
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
    /// How long one call of a KMS may take.
    pub kms_timeout: Duration,
    /// How many values are sealed anew per second at most.
    pub reseal_per_second: u32,
    /// How long a data key is kept after the last value under it was seen.
    pub keep_empty: Duration,
}

/// What the vault holds of one organisation.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) live: ArcSwapOption<Live>,
    /// Whether somebody asked since the last load: who is not asked for is not refreshed.
    pub(crate) used: AtomicBool,
    pub(crate) failure: ArcSwapOption<Failure>,
    /// Held while keys are loaded, so that one load is in flight however many callers wait.
    pub(crate) loading: Mutex<Loading>,
}

/// A key ring and when it may be used without asking anyone.
pub(crate) struct Live {
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) fresh: Range<Timestamp>,
    /// When the background asks the KMS again.
    pub(crate) refresh_at: Timestamp,
}

#[derive(Default)]
pub(crate) struct Loading {
    /// What was last listed: a database outage must not close the vault.
    pub(crate) known: Holdings,
    /// Data keys thought empty under which something turned up.
    pub(crate) wanted: HashSet<DataKeyId>,
    /// Data keys that were looked for in vain.
    pub(crate) missed: Vec<Missed>,
}

/// A data key that was not found, or cannot be had.
pub(crate) struct Missed {
    pub(crate) id: DataKeyId,
    pub(crate) attempts: u32,
    /// Why it cannot be had, where it exists.
    pub(crate) error: Option<VaultError>,
    /// It is not looked for before this is over.
    pub(crate) pause: Range<Timestamp>,
}

/// The last load failed; the next is not tried before the pause is over.
pub(crate) struct Failure {
    pub(crate) error: VaultError,
    pub(crate) attempts: u32,
    pub(crate) pause: Range<Timestamp>,
}

impl Default for VaultSettings {
    /// Five minutes of lifetime, fifteen of grace, rotation after 90 days or 2^30 uses.
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self {
            lifetime: Duration::from_secs(5 * 60),
            grace: Duration::from_secs(15 * 60),
            rotate_after: 90 * day,
            rotate_after_uses: 1 << 30,
            kms_timeout: Duration::from_secs(10),
            reseal_per_second: 500,
            keep_empty: 30 * day,
        }
    }
}

impl VaultParts {
    /// A vault whose organisations all use one KMS, and to whose events nobody listens.
    pub fn new<S: DataKeyStore + SealedStore + 'static>(
        kms: Arc<dyn Kms>,
        store: Arc<S>,
        clock: Arc<dyn Clock>,
        dice: Arc<dyn Dice>,
    ) -> Self {
        Self {
            kms,
            former_kms: Vec::new(),
            factory: Arc::new(NoKmsFactory),
            keys: Arc::clone(&store) as Arc<dyn DataKeyStore>,
            sealed: store,
            observer: Arc::new(Unobserved),
            clock,
            dice,
        }
    }
}

impl Vault {
    /// Puts a vault together.
    pub fn new(parts: VaultParts, settings: VaultSettings) -> Self {
        let VaultParts { kms, former_kms, factory, keys, sealed, observer, clock, dice } = parts;
        let mut id = [0; 16];
        dice.fill(&mut id);
        Self {
            kms,
            former_kms,
            factory,
            keys,
            sealed,
            observer,
            clock,
            dice,
            settings,
            id: Uuid::from_bytes(id),
            resealing: Mutex::default(),
            bell: tokio::sync::Notify::new(),
            counters: Counters::default(),
            clients: std::sync::Mutex::default(),
            slots: ArcSwap::default(),
        }
    }

    /// The organisation's key ring if it may be used without asking anyone. Takes no lock and
    /// does no I/O.
    pub fn cached(&self, organisation: Option<OrganisationId>) -> Option<Arc<KeyRing>> {
        let slots = self.slots.load();
        let slot = slots.get(&organisation)?;
        let live = slot.live.load();
        let live = live.as_ref()?;
        if !live.fresh.contains(&self.clock.now()) {
            return None;
        }
        // Read first: a line that is written at every call would travel between the cores.
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
        self.counters.hit();
        Some(Arc::clone(&live.ring))
    }

    /// The organisation's key ring: the cached one, or its data keys unwrapped by the KMS, made
    /// on first use, and rotated when they are due. However many callers ask, one load per
    /// organisation is in flight. While the KMS cannot be reached, the last ring serves on within
    /// the grace.
    pub async fn key_ring(
        &self,
        organisation: Option<OrganisationId>,
    ) -> Result<Arc<KeyRing>, VaultError> {
        if let Some(ring) = self.cached(organisation) {
            return Ok(ring);
        }
        self.counters.miss();
        self.load_unless_held(organisation, None).await
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
            let wanted = envelope::data_key_id(sealed);
            ring = self.load_unless_held(place.organisation, wanted).await?;
            if !ring.holds_key_of(sealed)
                && let Some(error) = wanted.and_then(|id| ring.absence(id))
            {
                return Err(error.clone());
            }
        }
        ring.open(place, sealed).map_err(|error| {
            self.counters.refused();
            self.observer.happened(&VaultEvent::OpenRefused { place: *place });
            error.into()
        })
    }

    /// Drops what is held of an organisation that is being deleted.
    pub fn forget(&self, organisation: Option<OrganisationId>) {
        if let Some(organisation) = organisation {
            self.forget_clients(organisation);
        }
        self.slots.rcu(|slots| {
            let mut slots = Shards::clone(slots);
            slots.remove(&organisation);
            slots
        });
    }

    /// What was counted so far.
    pub fn stats(&self) -> VaultStats {
        let mut stats = self.counters.read();
        for (_, slot) in self.slots.load().iter() {
            let Some(live) = &*slot.live.load() else { continue };
            stats.rings += 1;
            for key in live.ring.keys() {
                stats.data_keys += 1;
                stats.data_keys_unlocked += u64::from(!key.is_locked());
            }
        }
        stats
    }

    /// The clients that can be made for organisations' own keys.
    pub fn factory(&self) -> &dyn KmsFactory {
        &*self.factory
    }

    pub(crate) fn slot(&self, organisation: Option<OrganisationId>) -> Arc<Slot> {
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
}
