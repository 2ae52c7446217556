//! An organisation's data keys, unwrapped and ready.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use hkdf::Hkdf;
use portcullis_domain::{
    Clock, DataKeyId, Dice, OrganisationId, Sealed, SealedPlace, Secret, Timestamp,
};
use sha2::Sha256;

use crate::{
    OpenError, SealError, VaultError, envelope, kms::DATA_KEY_LEN, readings::Readings, scrub::scrub,
};

/// One organisation's data keys in the clear. It seals with the active one and opens with any.
/// Hold it for one piece of work; ask the vault again for the next, so that keys which the KMS
/// has since refused are not used.
pub struct KeyRing {
    pub(crate) organisation: Option<OrganisationId>,
    pub(crate) loaded_at: Timestamp,
    pub(crate) active: Arc<DataKey>,
    pub(crate) others: Vec<Other>,
    /// Data keys that could not be unwrapped when the ring was loaded, and why.
    pub(crate) absent: Vec<(DataKeyId, VaultError)>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dice: Arc<dyn Dice>,
    pub(crate) readings: Readings,
}

/// A data key that only opens.
#[derive(Clone)]
pub(crate) struct Other {
    pub(crate) key: Arc<DataKey>,
    /// When it was last shown that its KMS lets it be used.
    pub(crate) proved_at: Timestamp,
    /// Where its KMS is down and another keeps the ring: how long this one serves on.
    pub(crate) until: Option<Timestamp>,
}

/// One data key in the clear, alone in a page of memory that is locked where the system lets us,
/// and wiped when nobody holds it any more.
pub(crate) struct DataKey {
    pub(crate) id: DataKeyId,
    pub(crate) uses: Arc<Uses>,
    /// Before the page: it ends before the page is given back.
    lock: Option<region::LockGuard>,
    page: Box<Page>,
}

/// Why a sealed value could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E> {
    /// It does not open.
    #[error(transparent)]
    Open(OpenError),
    /// Whoever was to read it could not.
    #[error("{0}")]
    Read(E),
}

/// Aligned and so sized as a page: locks are of pages, and unlocking one must not unlock what
/// another key lies in.
#[repr(align(4096))]
struct Page(Option<Hkdf<Sha256>>);

/// How often a data key has sealed. It outlives reloads of the ring.
#[derive(Default)]
pub(crate) struct Uses {
    /// What the store knows.
    pub(crate) stored: AtomicU64,
    /// What it does not know yet.
    pub(crate) pending: AtomicU64,
}

/// Sealing stops here even if rotation never succeeds. Every value has a key of its own, so this
/// is not GCM's limit; it keeps the use of one data key countable.
const MAX_USES: u64 = 1 << 32;

impl KeyRing {
    /// Seals a value for its place.
    pub fn seal(&self, place: &SealedPlace, plaintext: &[u8]) -> Result<Sealed, SealError> {
        self.seal_written(place, plaintext.len(), |out| out.extend_from_slice(plaintext))
    }

    /// Seals for its place the value of at most `len` bytes that `write` appends, so that what lies
    /// in pieces is put together where it is sealed.
    pub fn seal_written(
        &self,
        place: &SealedPlace,
        len: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Sealed, SealError> {
        if place.organisation != self.organisation {
            return Err(SealError::ForeignPlace);
        }
        if self.active.uses.total() >= MAX_USES {
            return Err(SealError::UsedUp);
        }
        self.active.uses.pending.fetch_add(1, Ordering::Relaxed);
        let prk = self.active.prk().ok_or(SealError::Cipher)?;
        envelope::seal(prk, self.active.id, &*self.dice, place, len, write)
    }

    /// Opens a value that was sealed for this very place.
    pub fn open(&self, place: &SealedPlace, sealed: &Sealed) -> Result<Secret<Vec<u8>>, OpenError> {
        if place.organisation != self.organisation {
            return Err(OpenError);
        }
        let key = self.key_of(sealed).ok_or(OpenError)?;
        envelope::open(key.prk().ok_or(OpenError)?, place, sealed)
    }

    /// Opens a value and has it read, once for as long as the ring and the value live.
    pub fn read<T, E>(
        &self,
        place: &SealedPlace,
        sealed: &Sealed,
        read: impl FnOnce(&Secret<Vec<u8>>) -> Result<T, E>,
    ) -> Result<Arc<T>, ReadError<E>>
    where
        T: Send + Sync + 'static,
    {
        if place.organisation != self.organisation {
            return Err(ReadError::Open(OpenError));
        }
        if self.holds_key_of(sealed)
            && let Some(said) = self.readings.find(place, sealed)
        {
            return Ok(said);
        }
        let opened = self.open(place, sealed).map_err(ReadError::Open)?;
        let said = Arc::new(read(&opened).map_err(ReadError::Read)?);
        self.readings.keep(place, sealed, &said);
        Ok(said)
    }

    /// Whose keys these are; `None` for the instance's own.
    pub fn organisation(&self) -> Option<OrganisationId> {
        self.organisation
    }

    /// Whether the ring has the data key that a value claims to be sealed with.
    pub(crate) fn holds_key_of(&self, sealed: &Sealed) -> bool {
        self.key_of(sealed).is_some()
    }

    /// Why a data key is missing.
    pub(crate) fn absence(&self, id: DataKeyId) -> Option<&VaultError> {
        self.absent.iter().find(|(absent, _)| *absent == id).map(|(_, error)| error)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Arc<DataKey>> {
        std::iter::once(&self.active).chain(self.others.iter().map(|other| &other.key))
    }

    pub(crate) fn key(&self, id: DataKeyId) -> Option<&Arc<DataKey>> {
        if self.active.id == id {
            return Some(&self.active);
        }
        let other = self.others.iter().find(|other| other.key.id == id)?;
        other.until.is_none_or(|until| self.clock.now() < until).then_some(&other.key)
    }

    /// The data key, and when it was last shown that it may be used.
    pub(crate) fn proved(&self, id: DataKeyId) -> Option<(&Arc<DataKey>, Timestamp)> {
        let other = || self.others.iter().find(|other| other.key.id == id);
        let proved_at = other().map_or(self.loaded_at, |other| other.proved_at);
        self.key(id).map(|key| (key, proved_at))
    }

    fn key_of(&self, sealed: &Sealed) -> Option<&Arc<DataKey>> {
        self.key(envelope::data_key_id(sealed)?)
    }
}

impl DataKey {
    /// Takes a data key's plaintext; `None` when its length is not a data key's.
    pub(crate) fn try_new(
        id: DataKeyId,
        plaintext: &Secret<Vec<u8>>,
        uses: Arc<Uses>,
    ) -> Option<Self> {
        let plaintext = plaintext.danger_expose();
        if plaintext.len() != DATA_KEY_LEN {
            return None;
        }
        let mut page = Box::new(Page(None));
        // Locked before the key is there. Without the right to lock, `process` says so at start.
        let lock = region::lock(&raw const *page, size_of::<Page>()).ok();
        page.0 = prepared(plaintext);
        scrub();
        Some(Self { id, uses, lock, page })
    }

    /// Whether its memory is kept out of swap by a lock of its own.
    pub(crate) fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    fn prk(&self) -> Option<&Hkdf<Sha256>> {
        self.page.0.as_ref()
    }
}

/// Not inlined: what it leaves on the stack lies below its caller, where it is wiped.
#[inline(never)]
fn prepared(plaintext: &[u8]) -> Option<Hkdf<Sha256>> {
    Hkdf::from_prk(plaintext).ok()
}

impl Drop for DataKey {
    fn drop(&mut self) {
        // Wiped by the library while the page is still locked.
        self.page.0 = None;
    }
}

/// Uses on their way to the store. What is not known to have got there is counted again: rather
/// twice than not.
pub(crate) struct Carried<'a>(&'a Uses, u64);

impl Carried<'_> {
    pub(crate) fn count(&self) -> u64 {
        self.1
    }

    /// The store has them.
    pub(crate) fn arrived(mut self) {
        self.0.stored.fetch_add(std::mem::take(&mut self.1), Ordering::Relaxed);
    }
}

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        self.0.pending.fetch_add(self.1, Ordering::Relaxed);
    }
}

impl Uses {
    /// Takes what the store does not know yet.
    pub(crate) fn carry(&self) -> Carried<'_> {
        Carried(self, self.pending.swap(0, Ordering::Relaxed))
    }

    pub(crate) fn total(&self) -> u64 {
        self.stored.load(Ordering::Relaxed).saturating_add(self.pending.load(Ordering::Relaxed))
    }
}
