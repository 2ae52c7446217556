//! Work on an organisation's keys that takes a while: it is noted in the store, done in the
//! background by one node at a time, and taken up by another when that node ends.

use std::sync::Arc;

use portcullis_domain::{OrganisationId, Timestamp};

use crate::{Vault, VaultError, VaultEvent, after::After as _};

/// Work that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Whose keys; `None` for the instance's own.
    pub organisation: Option<OrganisationId>,
    /// What is to be done.
    pub kind: WorkKind,
    /// How many there are to do.
    pub total: u64,
    /// How many are done.
    pub done: u64,
    /// How many could not be done.
    pub failed: u64,
    /// What stands in the way.
    pub error: Option<String>,
    /// When it was noted.
    pub started_at: Timestamp,
    /// When it last made progress.
    pub updated_at: Timestamp,
}

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkKind {
    /// Wrapping data keys under the connected key.
    Rewrap,
    /// Sealing values anew under the active data key.
    Reseal,
}

/// How a piece of work stands after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkState {
    /// It is finished.
    Finished,
    /// Some of it cannot be done now; it is tried again later.
    Stuck,
    /// Another node is at it, or it was noted anew.
    Elsewhere,
    /// It was told to stop.
    Stopped,
}

/// How long a node may be silent before another takes its work. That two are at it does no harm:
/// each write is of what is still as it was read.
pub(crate) const LEASE_MICROS: i64 = 5_000_000;

impl WorkKind {
    /// The name in storage and on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rewrap => "rewrap",
            Self::Reseal => "reseal",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Rewrap, Self::Reseal].into_iter().find(|kind| kind.name() == text)
    }
}

impl Vault {
    /// The work that is not finished.
    pub async fn work(&self) -> Result<Vec<Work>, VaultError> {
        Ok(self.keys.work().await?)
    }

    /// Tells whoever does this process's work that there is some.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// Returns when there may be new work.
    pub async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Does one piece of work as far as it can be done, unless another node is at it. `go_on` is
    /// asked between steps.
    pub async fn perform(
        &self,
        mut work: Work,
        go_on: Arc<dyn Fn() -> bool + Send + Sync>,
    ) -> Result<WorkState, VaultError> {
        let (organisation, kind) = (work.organisation, work.kind);
        let now = self.clock.now();
        let until = now.plus_micros(LEASE_MICROS);
        if !self.keys.claim(organisation, kind, self.id, now, until).await? {
            return Ok(WorkState::Elsewhere);
        }
        let outcome = match kind {
            WorkKind::Rewrap => self.do_rewrap(&mut work, &*go_on).await,
            WorkKind::Reseal => self.do_reseal(&mut work, &*go_on).await,
        };
        match &outcome {
            Ok(WorkState::Finished) => {
                // Unless there was a reason for more meanwhile.
                if !self.keys.finish(organisation, kind, self.id).await? {
                    return Ok(WorkState::Elsewhere);
                }
                let done = work.done;
                self.observer.happened(&VaultEvent::WorkFinished { organisation, kind, done });
                tracing::info!(?organisation, kind = kind.name(), "work on keys is finished");
            }
            Ok(WorkState::Stuck | WorkState::Elsewhere | WorkState::Stopped) => {}
            Err(error) => self.note_obstacle(organisation, kind, error).await,
        }
        outcome
    }

    /// Says with the work why it could not be gone on with.
    async fn note_obstacle(
        &self,
        organisation: Option<OrganisationId>,
        kind: WorkKind,
        error: &VaultError,
    ) {
        // Read anew: how far it is was noted since it was handed out.
        let Ok(all) = self.keys.work().await else { return };
        let is_it = |work: &Work| (work.organisation, work.kind) == (organisation, kind);
        let Some(mut work) = all.into_iter().find(is_it) else { return };
        work.error = Some(error.to_string());
        if let Err(error) = self.note_progress(&mut work).await {
            tracing::debug!(?organisation, %error, "why work is stuck is not noted");
        }
    }

    /// Writes how far it is, and keeps it; `false` when another node has taken it.
    pub(crate) async fn note_progress(&self, work: &mut Work) -> Result<bool, VaultError> {
        let now = self.clock.now();
        work.updated_at = now;
        let until = now.after(std::time::Duration::from_micros(LEASE_MICROS as u64));
        Ok(self.keys.progress(work.clone(), self.id, until).await?)
    }
}
