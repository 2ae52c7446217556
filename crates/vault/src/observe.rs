//! What the vault says of itself: events for whoever listens, counts for the metrics.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use portcullis_domain::{OrganisationId, SealedPlace};

use crate::{
    kms::{KmsFailure, KmsOperation},
    work::WorkKind,
};

/// Listens to what the vault does. Called where it happens, also on the path of a call: it must not
/// wait.
pub trait VaultObserver: Send + Sync {
    /// Something happened.
    fn happened(&self, event: &VaultEvent);
}

/// What happened in the vault, but for the changes of data keys, of which their store tells in the
/// same transaction. Holds ids and names only.
#[derive(Clone, Debug, PartialEq)]
pub enum VaultEvent {
    /// A KMS was asked.
    KmsCalled(KmsCall),
    /// Unwrapped data keys were dropped because the KMS refuses.
    DataKeysDropped {
        /// Whose.
        organisation: Option<OrganisationId>,
        /// Why.
        failure: KmsFailure,
    },
    /// Work on keys is finished.
    WorkFinished {
        /// Whose.
        organisation: Option<OrganisationId>,
        /// Which.
        kind: WorkKind,
        /// How many were done.
        done: u64,
    },
    /// A sealed value did not open where it lies: it was changed or moved.
    OpenRefused {
        /// Where.
        place: SealedPlace,
    },
}

/// One call of a KMS.
#[derive(Clone, Debug, PartialEq)]
pub struct KmsCall {
    /// For whom.
    pub organisation: Option<OrganisationId>,
    /// Which KMS.
    pub kms: &'static str,
    /// Which key.
    pub kms_key_id: String,
    /// What it was asked.
    pub operation: KmsOperation,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub outcome: Result<(), KmsFailure>,
}

/// Listens to nothing.
pub struct Unobserved;

impl VaultObserver for Unobserved {
    fn happened(&self, _: &VaultEvent) {}
}

/// Upper bounds of the latency histogram, in seconds.
pub const LATENCY_BOUNDS: [f64; 11] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// What the vault has counted since it was made.
#[derive(Clone, Debug, Default)]
pub struct VaultStats {
    /// Uses of key rings that needed nobody.
    pub cache_hits: u64,
    /// Uses of key rings for which the KMS had to be asked.
    pub cache_misses: u64,
    /// Organisations whose data keys are in memory in the clear.
    pub rings: u64,
    /// Data keys in memory in the clear.
    pub data_keys: u64,
    /// Those of them whose memory could not be locked one by one.
    pub data_keys_unlocked: u64,
    /// Calls of key management services, by service and operation.
    pub kms: BTreeMap<(&'static str, KmsOperation), KmsStats>,
    /// Sealed values that did not open where they lie.
    pub open_refused: u64,
}

/// Calls of one service and operation.
#[derive(Clone, Debug, Default)]
pub struct KmsStats {
    /// How many fell below each of [`LATENCY_BOUNDS`] and not below the one before; the last are
    /// those beyond all.
    pub latency: [u64; LATENCY_BOUNDS.len() + 1],
    /// All of them together, in seconds.
    pub latency_sum: f64,
    /// How many succeeded.
    pub succeeded: u64,
    /// How many failed, by reason.
    pub failed: BTreeMap<KmsFailure, u64>,
}

/// Where it is counted.
#[derive(Default)]
pub(crate) struct Counters {
    hits: Striped,
    misses: AtomicU64,
    open_refused: AtomicU64,
    kms: Mutex<BTreeMap<(&'static str, KmsOperation), KmsStats>>,
}

impl Counters {
    pub(crate) fn hit(&self) {
        self.hits.add();
    }

    pub(crate) fn miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self) {
        self.open_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Off the path of a call: a KMS was asked over the network.
    pub(crate) fn called(&self, call: &KmsCall) {
        let mut kms = self.kms.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = kms.entry((call.kms, call.operation)).or_default();
        let took = call.took.as_secs_f64();
        let bound = LATENCY_BOUNDS.iter().position(|bound| took <= *bound);
        stats.latency[bound.unwrap_or(LATENCY_BOUNDS.len())] += 1;
        stats.latency_sum += took;
        match call.outcome {
            Ok(()) => stats.succeeded += 1,
            Err(failure) => *stats.failed.entry(failure).or_default() += 1,
        }
    }

    pub(crate) fn read(&self) -> VaultStats {
        VaultStats {
            cache_hits: self.hits.sum(),
            cache_misses: self.misses.load(Ordering::Relaxed),
            kms: self.kms.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            open_refused: self.open_refused.load(Ordering::Relaxed),
            ..VaultStats::default()
        }
    }
}

/// A counter in several places, so that threads which count at the same time do not pass one
/// cache line around.
#[derive(Default)]
struct Striped([Stripe; STRIPES]);

const STRIPES: usize = 16;

#[derive(Default)]
#[repr(align(64))]
struct Stripe(AtomicU64);

impl Striped {
    fn add(&self) {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static STRIPE: usize = THREADS.fetch_add(1, Ordering::Relaxed) % STRIPES;
        }
        // A thread that is being torn down counts in the first place.
        let stripe = STRIPE.try_with(|stripe| *stripe).unwrap_or(0);
        self.0[stripe].0.fetch_add(1, Ordering::Relaxed);
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}
