//! Loading key rings: on first use, and before they are past their time.

use std::{
    collections::HashSet,
    ops::Range,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use portcullis_domain::{DataKeyId, OrganisationId, Secret, Timestamp};
use tracing::warn;

use crate::{
    Author, DataKeyState, DataKeyStoreError, Holdings, KeyRing, Vault, VaultError, VaultEvent,
    WrappedDataKey, Wrapping,
    after::After as _,
    keepers::Keepers,
    key_ring::{DataKey, Other, Uses},
    kms::{DATA_KEY_LEN, EncryptionContext, KmsError, KmsFailure, KmsOperation},
    readings::Readings,
    vault::{Failure, Live, Loading, Missed, Slot},
};

/// After the first failed load; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// After which it is looked whether keys that nobody has asked for since can be had again.
const IDLE_PAUSE: Duration = Duration::from_secs(300);
const MOST_MISSED: usize = 64;

impl Vault {
    /// Whose key rings are used and want to be loaded anew, now or soon.
    pub fn due(&self) -> Vec<Option<OrganisationId>> {
        let now = self.clock.now();
        let slots = self.slots.load();
        let due = slots.iter().filter(|(_, slot)| self.is_due(slot, now));
        due.map(|(organisation, _)| *organisation).collect()
    }

    /// Loads a key ring anew if it is still due and nobody is at it. To be called in the background
    /// for each of [`Self::due`], so that no call waits for a KMS.
    pub async fn refresh(&self, organisation: Option<OrganisationId>) {
        let slot = self.slot(organisation);
        let Ok(mut loading) = slot.loading.try_lock() else { return };
        if !self.is_due(&slot, self.clock.now()) {
            return;
        }
        // If nobody asks from here on, this try is the last, or one of a few.
        let is_used = slot.used.swap(false, Ordering::Relaxed);
        // Nor is a first data key made for nobody.
        if !is_used && slot.live.load().is_none() && loading.known.active().is_none() {
            return;
        }
        if let Err(error) = self.load_into(&slot, organisation, &mut loading).await {
            // What it means is settled there; whoever needs the keys is told.
            let _told = self.after_failure(&slot, organisation, error);
        }
    }

    /// [`Self::refresh`] for everything that is due, one after the other.
    pub async fn refresh_due(&self) {
        for organisation in self.due() {
            self.refresh(organisation).await;
        }
    }

    /// Loads the key rings of up to `most` organisations, one after the other, so that their first
    /// calls find them. Each data key is unwrapped once at most.
    pub async fn warm(&self, most: usize) -> Result<(), VaultError> {
        let holdings = self.keys.list_all().await?;
        let mut organisations: Vec<_> = holdings
            .keys
            .iter()
            .filter(|key| key.state == DataKeyState::Active)
            .map(|key| key.organisation)
            .collect();
        organisations.truncate(most);
        for organisation in organisations {
            if let Err(error) = self.key_ring(organisation).await {
                tracing::debug!(?organisation, %error, "its data keys are not there yet");
            }
        }
        Ok(())
    }

    /// Takes over what was changed of an organisation's keys, at once.
    pub async fn reload(&self, organisation: Option<OrganisationId>) -> Result<(), VaultError> {
        let slot = self.slot(organisation);
        let mut loading = slot.loading.lock().await;
        match self.load_into(&slot, organisation, &mut loading).await {
            Ok(_) => Ok(()),
            Err(error) => self.after_failure(&slot, organisation, error).map(drop),
        }
    }

    /// Why the organisation's data keys could not be had when they were last asked for, if they
    /// could not, and that was not mended since.
    pub fn failure(&self, organisation: Option<OrganisationId>) -> Option<VaultError> {
        let slots = self.slots.load();
        let failure = slots.get(&organisation)?.failure.load_full()?;
        Some(failure.error.clone())
    }

    /// Persists use counts and drops data keys whose time, grace included, is over, or whose
    /// organisation was erased. To be called every minute or so, and at shutdown.
    pub async fn maintain(&self) {
        let slots = self.slots.load_full();
        let live = slots
            .iter()
            .filter_map(|(organisation, slot)| Some((*organisation, slot, slot.live.load_full()?)));
        let live: Vec<_> = live.collect();
        // After the rings were looked up, so that the keys of each are there.
        let stored: Option<HashSet<_>> = match self.keys.list_all().await {
            Ok(all) => Some(all.keys.iter().map(|key| key.organisation).collect()),
            Err(_) => None,
        };
        let is_gone = |organisation: &Option<OrganisationId>| {
            stored.as_ref().is_some_and(|stored| !stored.contains(organisation))
        };
        for (organisation, slot) in slots.iter().filter(|(organisation, _)| is_gone(organisation)) {
            let failure = slot.failure.load();
            let is_idle = failure.as_ref().is_some_and(|f| !f.pause.contains(&self.clock.now()));
            if slot.live.load().is_some() || is_idle {
                self.forget(*organisation);
                tracing::info!(?organisation, "dropped what was held of data keys that are gone");
            }
        }
        for (organisation, slot, live) in live {
            if is_gone(&organisation) {
                continue;
            }
            self.persist_uses(&live.ring).await;
            // Who is loading now will replace the ring anyway.
            let Ok(_loading) = slot.loading.try_lock() else { continue };
            if !self.usable(live.ring.loaded_at).contains(&self.clock.now()) {
                slot.live.store(None);
                tracing::debug!(?organisation, "dropped data keys that nobody asked for");
            }
        }
    }

    fn is_due(&self, slot: &Slot, now: Timestamp) -> bool {
        let is_used = slot.used.load(Ordering::Relaxed);
        match (&*slot.failure.load(), &*slot.live.load()) {
            // Within the grace the KMS is asked whether or not somebody asks for the keys: it may
            // have come to refuse them, and whoever asks then must not be served unasked.
            (Some(failure), Some(_)) => !failure.pause.contains(&now),
            // Now and then also where nobody asks, so that what is said of it is not old.
            (Some(failure), None) => {
                let idle = failure.pause.start..failure.pause.end.after(IDLE_PAUSE);
                !if is_used { &failure.pause } else { &idle }.contains(&now)
            }
            (None, Some(live)) => is_used && now >= live.refresh_at,
            (None, None) => false,
        }
    }

    /// Loads the organisation's keys unless, once it is our turn, what is there suffices: it is
    /// fresh, or was loaded since we came, and holds the data key that is wanted, or that key was
    /// looked for a moment ago.
    pub(crate) async fn load_unless_held(
        &self,
        organisation: Option<OrganisationId>,
        wanted: Option<DataKeyId>,
    ) -> Result<Arc<KeyRing>, VaultError> {
        let slot = self.slot(organisation);
        slot.used.store(true, Ordering::Relaxed);
        let came = self.clock.now();
        let mut loading = match slot.loading.try_lock() {
            Ok(loading) => loading,
            // A load that follows a failure may hang as that did: nobody else waits for it.
            Err(_) => {
                if let Some(failure) = slot.failure.load_full() {
                    return Err(failure.error.clone());
                }
                // Nor does who wants an older data key that is known to be away.
                if let (Some(id), Some(live)) = (wanted, &*slot.live.load())
                    && live.fresh.contains(&came)
                    && live.ring.absence(id).is_some()
                {
                    return Ok(Arc::clone(&live.ring));
                }
                slot.loading.lock().await
            }
        };
        let now = self.clock.now();
        if let Some(live) = &*slot.live.load()
            && (live.fresh.contains(&now) || live.ring.loaded_at > came)
            && wanted.is_none_or(|id| {
                // A damaged row asks for a key that exists nowhere: not at every call.
                live.ring.key(id).is_some() || loading.has_missed(id, now)
            })
        {
            return Ok(Arc::clone(&live.ring));
        }
        if let Some(failure) = &*slot.failure.load()
            && failure.pause.contains(&now)
        {
            return Err(failure.error.clone());
        }
        loading.wanted.extend(wanted);
        let loaded = match self.load_into(&slot, organisation, &mut loading).await {
            Ok(ring) => Ok(ring),
            Err(error) => self.after_failure(&slot, organisation, error),
        };
        if let (Ok(ring), Some(id)) = (&loaded, wanted)
            && ring.key(id).is_none()
            && ring.absence(id).is_none()
        {
            loading.miss(id, None, self.clock.now());
        }
        loaded
    }

    /// Loads the organisation's keys and makes them the live ones.
    pub(crate) async fn load_into(
        &self,
        slot: &Slot,
        organisation: Option<OrganisationId>,
        loading: &mut Loading,
    ) -> Result<Arc<KeyRing>, VaultError> {
        let old = slot.live.load_full().map(|live| Arc::clone(&live.ring));
        if let Some(old) = &old {
            self.persist_uses(old).await;
        }
        let (ring, refused) = self.load(organisation, old.as_deref(), loading).await?;
        let ring = Arc::new(ring);
        let fresh = ring.loaded_at..ring.loaded_at.after(self.settings.lifetime);
        // From two thirds of the lifetime on, so that a slow KMS is done before the end; not all
        // organisations at the same instant.
        let refresh_at = ring.loaded_at.after(self.jittered(self.settings.lifetime * 2 / 3));
        // Whoever asks from here on asks for the new one.
        slot.used.store(false, Ordering::Relaxed);
        slot.live.store(Some(Arc::new(Live { ring: Arc::clone(&ring), fresh, refresh_at })));
        slot.failure.store(None);
        for failure in refused {
            self.observer.happened(&VaultEvent::DataKeysDropped { organisation, failure });
        }
        Ok(ring)
    }

    /// Decides what a failed load means: refusals drop the keys at once, outages let them serve
    /// within the grace. Either way nobody is asked again before a pause.
    pub(crate) fn after_failure(
        &self,
        slot: &Slot,
        organisation: Option<OrganisationId>,
        error: VaultError,
    ) -> Result<Arc<KeyRing>, VaultError> {
        let now = self.clock.now();
        let attempts = slot.failure.load().as_ref().map_or(0, |failure| failure.attempts) + 1;
        let again = now.after(self.pause(attempts));
        warn!(?organisation, %error, attempts, "data keys could not be loaded");
        let failure = Failure { error: error.clone(), attempts, pause: now..again };
        slot.failure.store(Some(Arc::new(failure)));
        let old = slot.live.load_full().map(|live| Arc::clone(&live.ring));
        match old.map(|ring| (self.usable(ring.loaded_at), ring)) {
            Some((usable, ring)) if error.is_transient() && usable.contains(&now) => {
                let live = Live { ring: Arc::clone(&ring), fresh: usable, refresh_at: again };
                slot.live.store(Some(Arc::new(live)));
                Ok(ring)
            }
            old => {
                slot.live.store(None);
                if let (Some(_), Some(failure)) = (old, error.kms_failure()) {
                    self.observer.happened(&VaultEvent::DataKeysDropped { organisation, failure });
                }
                Err(error)
            }
        }
    }

    /// When keys may be used at most that a KMS unwrapped at `from`.
    fn usable(&self, from: Timestamp) -> Range<Timestamp> {
        from..from.after(self.settings.lifetime).after(self.settings.grace)
    }

    /// Doubles with each attempt.
    fn pause(&self, attempts: u32) -> Duration {
        self.jittered(doubled(attempts))
    }

    /// Give or take a quarter, so that nodes and organisations do not ask in step.
    fn jittered(&self, span: Duration) -> Duration {
        let mut die = [0];
        self.dice.fill(&mut die);
        span * (384 + u32::from(die[0])) / 512
    }

    async fn load(
        &self,
        organisation: Option<OrganisationId>,
        old: Option<&KeyRing>,
        loading: &mut Loading,
    ) -> Result<(KeyRing, Vec<KmsFailure>), VaultError> {
        match self.keys.list(organisation).await {
            Ok(listed) => loading.known = listed,
            Err(error) if loading.known.keys.is_empty() => return Err(error.into()),
            Err(error) => warn!(?organisation, %error, "using the data keys as last listed"),
        }
        let mut keepers = self.keepers(organisation, &loading.known).await;
        match loading.known.active() {
            None => {
                (loading.known, keepers) =
                    self.create(organisation, loading.known.clone(), keepers, None).await?;
            }
            Some(active) if self.is_worn(active) => {
                let known = loading.known.clone();
                match self.create(organisation, known, keepers, None).await {
                    Ok((known, now)) => (loading.known, keepers) = (known, now),
                    Err(error) => {
                        warn!(?organisation, %error, "a due data key is not rotated yet");
                        keepers = self.keepers(organisation, &loading.known).await;
                    }
                }
            }
            Some(_) => {}
        }
        let (ring, refused) = self.unwrap_all(organisation, old, loading, &keepers).await?;
        // From now, not from when it began: a KMS that is down makes the next one wait as long.
        let now = self.clock.now();
        loading.missed.retain(|missed| ring.absence(missed.id).is_some() || missed.error.is_none());
        for (id, error) in &ring.absent {
            if !loading.has_missed(*id, now) {
                loading.miss(*id, Some(error.clone()), now);
            }
        }
        Ok((ring, refused))
    }

    /// With what a KMS has come to refuse of the keys held so far.
    async fn unwrap_all(
        &self,
        organisation: Option<OrganisationId>,
        old: Option<&KeyRing>,
        loading: &Loading,
        keepers: &Keepers,
    ) -> Result<(KeyRing, Vec<KmsFailure>), VaultError> {
        // Before unwrapping: the lifetime must not grow by the time that takes.
        let loaded_at = self.clock.now();
        let wrapped = loading.known.active().ok_or(VaultError::NoActiveKey)?;
        let active_keeper = keepers.of(&wrapped.wrapping)?;
        let plaintext = self.unwrap(wrapped, keepers).await?;
        let active = Arc::new(self.data_key(wrapped, &plaintext, old)?);
        let seal_key = &wrapped.wrapping;
        let (mut others, mut refused) = (Vec::new(), Vec::new());
        let mut absent = Vec::<(&WrappedDataKey, VaultError)>::new();
        for wrapped in &loading.known.keys {
            let is_needed = match wrapped.state {
                DataKeyState::Active => false,
                DataKeyState::Retired | DataKeyState::Resealing => true,
                DataKeyState::Empty => loading.wanted.contains(&wrapped.id),
            };
            if !is_needed {
                continue;
            }
            // That the KMS key may be used has just been shown: what it wraps beside the active
            // data key needs no proof of its own.
            let is_proved = is_same_key(seal_key, &wrapped.wrapping)
                && active_keeper.kms.proves(seal_key, &wrapped.wrapping);
            let held = old.and_then(|ring| ring.proved(wrapped.id));
            if is_proved && let Some((key, _)) = held {
                key.uses.stored.fetch_max(wrapped.uses, Ordering::Relaxed);
                others.push(Other { key: Arc::clone(key), proved_at: loaded_at, until: None });
                continue;
            }
            // A key service that is down is asked once, not for each of the keys that it wrapped.
            let down = absent.iter().find(|(other, error)| {
                error.is_outage() && is_same_key(&other.wrapping, &wrapped.wrapping)
            });
            let down =
                down.map(|(_, error)| error).or_else(|| loading.error(wrapped.id, loaded_at));
            let unwrapped = match down {
                Some(error) => Err(error.clone()),
                None => self.unwrap(wrapped, keepers).await,
            };
            match unwrapped.and_then(|key| self.data_key(wrapped, &key, old)) {
                Ok(key) => {
                    others.push(Other { key: Arc::new(key), proved_at: loaded_at, until: None });
                }
                Err(error) if error.is_outage() && is_proved => return Err(error),
                // One old key that is lost, or whose own KMS is down, must not close everything that
                // newer ones sealed. What is held of it serves on within the grace.
                Err(error) => {
                    warn!(?organisation, id = %wrapped.id, %error, "an older data key is missing");
                    if let Some((key, proved_at)) = held {
                        if error.is_transient() {
                            let until = Some(self.usable(proved_at).end);
                            others.push(Other { key: Arc::clone(key), proved_at, until });
                        } else if let Some(failure) = error.kms_failure() {
                            refused.push(failure);
                        }
                    }
                    absent.push((wrapped, error));
                }
            }
        }
        let absent = absent.into_iter().map(|(wrapped, error)| (wrapped.id, error)).collect();
        let (clock, dice) = (Arc::clone(&self.clock), Arc::clone(&self.dice));
        let readings = Readings::default();
        let ring =
            KeyRing { organisation, loaded_at, active, others, absent, clock, dice, readings };
        Ok((ring, refused))
    }

    /// Makes an unwrapped key usable, carrying on the use count of the ring before.
    fn data_key(
        &self,
        wrapped: &WrappedDataKey,
        plaintext: &Secret<Vec<u8>>,
        old: Option<&KeyRing>,
    ) -> Result<DataKey, VaultError> {
        let before = old.and_then(|ring| ring.key(wrapped.id));
        let uses = before.map_or_else(Arc::<Uses>::default, |key| Arc::clone(&key.uses));
        uses.stored.fetch_max(wrapped.uses, Ordering::Relaxed);
        DataKey::try_new(wrapped.id, plaintext, uses).ok_or_else(|| {
            let detail = format!("data key {} does not have {DATA_KEY_LEN} bytes", wrapped.id);
            KmsError::new(KmsOperation::Unwrap, KmsFailure::Corrupt, detail).into()
        })
    }

    fn is_worn(&self, key: &WrappedDataKey) -> bool {
        let age = Duration::from_micros(self.clock.now().micros_since(key.created_at));
        age > self.settings.rotate_after || key.uses > self.settings.rotate_after_uses
    }

    /// Makes a data key and adds it as the active one, unless another node was faster. Answers
    /// what is held then. With the author of a rotation, what older ones sealed is to be sealed
    /// anew.
    pub(crate) async fn create(
        &self,
        organisation: Option<OrganisationId>,
        mut holdings: Holdings,
        mut keepers: Keepers,
        rotation: Option<&Author>,
    ) -> Result<(Holdings, Keepers), VaultError> {
        let mut tries = 0;
        let replaces = holdings.active().map(|key| key.id);
        loop {
            let keeper = keepers.current()?.clone();
            let context = EncryptionContext::sealed_fields(organisation);
            let made = keeper.kms.generate(context);
            let made = self.ask(&*keeper.kms, organisation, KmsOperation::Generate, made).await?;
            let id = DataKeyId::mint(&*self.clock, &*self.dice);
            let key = WrappedDataKey {
                id,
                organisation,
                wrapping: keeper.wrapping(made.wrapped),
                state: DataKeyState::Active,
                uses: 0,
                created_at: self.clock.now(),
                retired_at: None,
                emptied_at: None,
            };
            let by = rotation.cloned().unwrap_or_else(Author::system);
            let inserted = self.keys.insert(key, replaces, rotation.is_some(), by).await;
            match inserted {
                Ok(_) => {}
                Err(DataKeyStoreError::ConnectionChanged) if tries < 3 => tries += 1,
                Err(error) => return Err(error.into()),
            }
            holdings = self.keys.list(organisation).await?;
            keepers = self.keepers(organisation, &holdings).await;
            if inserted.is_ok() {
                return Ok((holdings, keepers));
            }
        }
    }

    pub(crate) async fn unwrap(
        &self,
        key: &WrappedDataKey,
        keepers: &Keepers,
    ) -> Result<Secret<Vec<u8>>, VaultError> {
        let keeper = keepers.of(&key.wrapping)?;
        let context = EncryptionContext::sealed_fields(key.organisation);
        let answer = keeper.kms.unwrap(context, &key.wrapping.bytes);
        Ok(self.ask(&*keeper.kms, key.organisation, KmsOperation::Unwrap, answer).await?)
    }

    async fn persist_uses(&self, ring: &KeyRing) {
        for key in ring.keys() {
            let carried = key.uses.carry();
            if carried.count() == 0 {
                continue;
            }
            match self.keys.add_uses(ring.organisation, key.id, carried.count()).await {
                Ok(()) => carried.arrived(),
                Err(error) => {
                    warn!(id = %key.id, %error, "use counts of a data key are not persisted yet");
                }
            }
        }
    }
}

/// Whether the same KMS key wraps both.
fn is_same_key(one: &Wrapping, other: &Wrapping) -> bool {
    (one.connection, &one.kms, &one.kms_key_id) == (other.connection, &other.kms, &other.kms_key_id)
}

impl Loading {
    /// Whether a data key was looked for in vain a moment ago.
    fn has_missed(&self, id: DataKeyId, now: Timestamp) -> bool {
        self.missed.iter().any(|missed| missed.id == id && missed.pause.contains(&now))
    }

    /// Why a data key cannot be had, as was said a moment ago.
    fn error(&self, id: DataKeyId, now: Timestamp) -> Option<&VaultError> {
        let recent = |missed: &&Missed| missed.id == id && missed.pause.contains(&now);
        self.missed.iter().find(recent)?.error.as_ref()
    }

    /// The pause before it is looked for again doubles each time.
    fn miss(&mut self, id: DataKeyId, error: Option<VaultError>, now: Timestamp) {
        self.wanted.remove(&id);
        self.missed.retain(|missed| {
            missed.pause.start <= now && missed.pause.end.after(LONGEST_PAUSE) > now
        });
        let before = self.missed.iter().find(|missed| missed.id == id);
        let attempts = before.map_or(0, |missed| missed.attempts) + 1;
        let again = now.after(doubled(attempts));
        self.missed.retain(|missed| missed.id != id);
        if self.missed.len() >= MOST_MISSED {
            self.missed.remove(0);
        }
        self.missed.push(Missed { id, attempts, error, pause: now..again });
    }
}

/// The pause after so many failures in a row, one at least.
fn doubled(attempts: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << (attempts - 1).min(5)).min(LONGEST_PAUSE)
}
