//! New data keys, and sealing anew what older ones sealed.

use std::{sync::Arc, time::Duration};

use portcullis_domain::{DataKeyId, OrganisationId, SealedPlace};
use tokio::sync::MutexGuard;

use crate::{
    Author, DataKeyState, KeyRing, Resealed, SealedValue, Vault, VaultError, WrappedDataKey,
    after::After as _,
    work::{Work, WorkState},
};

/// Values per transaction at most.
const BATCH: u32 = 32;
/// How often whoever waits for a turn says that it is still there.
const WAIT: Duration = Duration::from_secs(2);

impl Vault {
    /// Gives the organisation a new active data key, and notes that all that older ones sealed is
    /// to be sealed anew. What they sealed opens meanwhile. Answers the active key's id: another
    /// node's when that was faster.
    pub async fn rotate(
        &self,
        organisation: Option<OrganisationId>,
        by: &Author,
    ) -> Result<DataKeyId, VaultError> {
        let slot = self.slot(organisation);
        let mut loading = slot.loading.lock().await;
        let holdings = self.keys.list(organisation).await?;
        let keepers = self.keepers(organisation, &holdings).await;
        let (holdings, _) = self.create(organisation, holdings, keepers, Some(by)).await?;
        let id = holdings.active().ok_or(VaultError::NoActiveKey)?.id;
        self.ring();
        // The key is in place; if it cannot be taken into use now, the next load does.
        if let Err(error) = self.load_into(&slot, organisation, &mut loading).await {
            tracing::warn!(?organisation, %error, "rotated, but the new data key is not in use yet");
        }
        Ok(id)
    }

    /// Seals anew what data keys marked for it have sealed. Done again from the start after an
    /// interruption: each value shows by itself under which key it is.
    pub(crate) async fn do_reseal(
        &self,
        work: &mut Work,
        go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<WorkState, VaultError> {
        let organisation = work.organisation;
        let leaving: Vec<WrappedDataKey> = self.keys.list(organisation).await?.keys;
        let leaving: Vec<_> =
            leaving.into_iter().filter(|key| key.state == DataKeyState::Resealing).collect();
        let counts = self.sealed.count(organisation).await?;
        let left: u64 = counts
            .iter()
            .filter(|count| leaving.iter().any(|key| key.id == count.key))
            .map(|count| count.count)
            .sum();
        work.total = work.total.max(work.done + left);
        work.done = work.total - left;
        (work.failed, work.error) = (0, None);
        // Some batches a second, so that progress shows and the work stays ours.
        let batch = (self.settings.reseal_per_second / 4).clamp(1, BATCH);
        let mut reason = None;
        for key in &leaving {
            let under = counts.iter().filter(|count| count.key == key.id);
            let mut under: u64 = under.map(|count| count.count).sum();
            let mut after: Option<SealedPlace> = None;
            let mut is_sought = false;
            loop {
                if !go_on() {
                    return Ok(WorkState::Stopped);
                }
                let _turn = match self.turn(work, go_on).await? {
                    Ok(turn) => turn,
                    Err(state) => return Ok(state),
                };
                let values = self.sealed.under(organisation, key.id, after, batch).await?;
                let Some(last) = values.last() else { break };
                after = Some(last.place);
                let seen = values.len();
                let ring = self.ring_for_resealing(organisation, key.id, &mut is_sought).await?;
                let ring = match ring {
                    Ok(ring) => ring,
                    // There is no use in reading the rest of what it sealed.
                    Err(lost) => {
                        work.failed += under.max(seen as u64);
                        reason = reason.or(lost);
                        break;
                    }
                };
                let (anew, broken) = reseal_batch(&ring, key.id, values);
                work.failed += broken;
                let replaced = self.sealed.replace(organisation, anew).await?;
                under = under.saturating_sub(seen as u64);
                work.done = (work.done + replaced).min(work.total);
                if !self.note_progress(work).await? {
                    return Ok(WorkState::Elsewhere);
                }
                self.pace(seen).await;
            }
        }
        if work.failed > 0 {
            let reason = reason.map(|error| format!(": {error}")).unwrap_or_default();
            work.error = Some(format!("{} values do not open{reason}", work.failed));
            self.note_progress(work).await?;
            return Ok(WorkState::Stuck);
        }
        Ok(WorkState::Finished)
    }

    /// The right to seal one batch anew: all of this process's re-seals together keep to the rate,
    /// and take turns. Whoever waits keeps the work, and is told if it has to stop.
    async fn turn(
        &self,
        work: &mut Work,
        go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<Result<MutexGuard<'_, ()>, WorkState>, VaultError> {
        let mut turn = std::pin::pin!(self.resealing.lock());
        loop {
            match tokio::time::timeout(WAIT, &mut turn).await {
                Ok(turn) => return Ok(Ok(turn)),
                Err(_) if !go_on() => return Ok(Err(WorkState::Stopped)),
                Err(_) if !self.note_progress(work).await? => {
                    return Ok(Err(WorkState::Elsewhere));
                }
                Err(_) => {}
            }
        }
    }

    /// Looks after data keys that seal nothing any more: those that were emptied are not unwrapped
    /// any more once no node can hold them as its active one, and are destroyed when nothing turned
    /// up under them for long. To be called every hour or so.
    pub async fn sweep(&self) -> Result<(), VaultError> {
        let holdings = self.keys.list_all().await?;
        let now = self.clock.now();
        let settled = self.settings.lifetime + self.settings.grace + Duration::from_secs(60);
        for key in &holdings.keys {
            let (since, wait) = match key.state {
                DataKeyState::Active | DataKeyState::Retired => continue,
                DataKeyState::Resealing => (key.retired_at, settled),
                DataKeyState::Empty => (key.emptied_at, self.settings.keep_empty),
            };
            if since.is_none_or(|at| at.after(wait) > now) {
                continue;
            }
            let (organisation, id) = (key.organisation, key.id);
            let under = self.sealed.under(organisation, id, None, 1).await?;
            match (key.state, under.is_empty()) {
                (DataKeyState::Resealing, true) => {
                    let to = DataKeyState::Empty;
                    self.keys.change_state(organisation, id, key.state, to, now).await?;
                }
                (DataKeyState::Empty, true) => {
                    self.keys.destroy(organisation, id).await?;
                }
                // A node sealed with it after it was thought empty, or a log came late.
                (state, false) => {
                    if state == DataKeyState::Empty {
                        let to = DataKeyState::Resealing;
                        self.keys.change_state(organisation, id, state, to, now).await?;
                    }
                    self.keys.note_work(organisation, crate::WorkKind::Reseal, now).await?;
                }
                (DataKeyState::Active | DataKeyState::Retired, true) => {}
            }
        }
        Ok(())
    }

    /// A ring that seals with another key than the leaving one, and holds that; or why that is lost,
    /// if it is known. What is not there is sought once for each leaving key.
    async fn ring_for_resealing(
        &self,
        organisation: Option<OrganisationId>,
        leaving: DataKeyId,
        is_sought: &mut bool,
    ) -> Result<Result<Arc<KeyRing>, Option<VaultError>>, VaultError> {
        let mut ring = self.key_ring(organisation).await?;
        let is_fit = |ring: &KeyRing| ring.active.id != leaving && ring.key(leaving).is_some();
        if !is_fit(&ring) && !*is_sought {
            *is_sought = true;
            self.reload(organisation).await?;
            ring = self.key_ring(organisation).await?;
        }
        if is_fit(&ring) {
            return Ok(Ok(ring));
        }
        // Within a grace the ring of before is what is left: then it is the KMS that is missing.
        match ring.absence(leaving).cloned().or_else(|| self.failure(organisation)) {
            // Values whose data key is missing for now are not broken.
            Some(error) if error.is_transient() => Err(error),
            lost => Ok(Err(lost)),
        }
    }

    /// Waits so long that no more than the allowed number of values is sealed anew per second.
    async fn pace(&self, values: usize) {
        let per_second = f64::from(self.settings.reseal_per_second.max(1));
        tokio::time::sleep(Duration::from_secs_f64(values as f64 / per_second)).await;
    }
}

/// Seals values anew. Those that do not open are left as they are, and counted.
fn reseal_batch(ring: &KeyRing, from: DataKeyId, values: Vec<SealedValue>) -> (Vec<Resealed>, u64) {
    let (mut anew, mut broken) = (Vec::with_capacity(values.len()), 0);
    for SealedValue { place, sealed } in values {
        let opened = ring.open(&place, &sealed);
        let to = opened.ok().and_then(|opened| ring.seal(&place, opened.danger_expose()).ok());
        match to {
            Some(to) if ring.active.id != from => anew.push(Resealed { place, from: sealed, to }),
            _ => {
                tracing::warn!(?place, "a value could not be sealed anew");
                broken += 1;
            }
        }
    }
    (anew, broken)
}
