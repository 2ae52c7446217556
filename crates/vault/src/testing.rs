//! For tests of this crate and of those that use it.

use std::sync::{Mutex, PoisonError};

use portcullis_domain::{DataKeyId, KmsConnectionId, OrganisationId, SealedPlace, Timestamp};
use uuid::Uuid;

use crate::{
    Author, ConnectionState, DataKeyState, DataKeyStore, DataKeyStoreError, Holdings,
    KmsConnection, Resealed, SealedCount, SealedStore, SealedValue, StoreFuture, Work, WorkKind,
    WrappedDataKey, Wrapping, envelope,
};

/// Data keys, connections, work and sealed values kept in memory.
#[derive(Default)]
pub struct MemoryDataKeys(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    keys: Vec<WrappedDataKey>,
    connections: Vec<KmsConnection>,
    work: Vec<(Work, Option<(Uuid, Timestamp)>)>,
    values: Vec<SealedValue>,
}

type Result<T> = std::result::Result<T, DataKeyStoreError>;

impl MemoryDataKeys {
    /// Makes a connection the active one, and notes that data keys are to be rewrapped. `None`
    /// goes back to the instance's KMS.
    pub fn connect(
        &self,
        organisation: OrganisationId,
        connection: Option<KmsConnection>,
        at: Timestamp,
    ) {
        self.with(|kept| {
            for former in kept.connections.iter_mut().filter(|c| c.organisation == organisation) {
                former.state = ConnectionState::Former;
            }
            kept.connections.extend(connection);
            kept.note(Some(organisation), WorkKind::Rewrap, at);
        });
    }

    /// Destroys all that is kept of an organisation but its sealed values.
    pub fn erase(&self, organisation: OrganisationId) {
        self.with(|kept| {
            kept.keys.retain(|key| key.organisation != Some(organisation));
            kept.connections.retain(|connection| connection.organisation != organisation);
            kept.work.retain(|(work, _)| work.organisation != Some(organisation));
        });
    }

    /// Puts a sealed value somewhere, in place of what is there.
    pub fn put(&self, value: SealedValue) {
        self.with(|kept| {
            kept.values.retain(|there| there.place != value.place);
            kept.values.push(value);
        });
    }

    /// Every sealed value.
    pub fn values(&self) -> Vec<SealedValue> {
        self.with(|kept| kept.values.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn done<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Kept) -> Result<T>,
    ) -> StoreFuture<'_, T> {
        Box::pin(std::future::ready(self.with(act)))
    }
}

impl Kept {
    fn key(
        &mut self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
    ) -> Result<&mut WrappedDataKey> {
        let key = self.keys.iter_mut().find(|k| k.organisation == organisation && k.id == id);
        key.ok_or_else(|| DataKeyStoreError::Unavailable(format!("there is no data key {id}")))
    }

    fn check(&self, organisation: Option<OrganisationId>, wrapping: &Wrapping) -> Result<()> {
        let active = self.connections.iter().find(|connection| {
            Some(connection.organisation) == organisation
                && connection.state == ConnectionState::Active
        });
        let is_current = active.map(|connection| connection.id) == wrapping.connection;
        if is_current { Ok(()) } else { Err(DataKeyStoreError::ConnectionChanged) }
    }

    fn leave_retired(&mut self, organisation: Option<OrganisationId>, at: Timestamp) {
        let ours = self.keys.iter_mut().filter(|key| key.organisation == organisation);
        for old in ours.filter(|key| key.state == DataKeyState::Retired) {
            old.state = DataKeyState::Resealing;
        }
        self.note(organisation, WorkKind::Reseal, at);
    }

    fn note(&mut self, organisation: Option<OrganisationId>, kind: WorkKind, at: Timestamp) {
        let anew = Work {
            organisation,
            kind,
            total: 0,
            done: 0,
            failed: 0,
            error: None,
            started_at: at,
            updated_at: at,
        };
        self.work.retain(|(work, _)| (work.organisation, work.kind) != (organisation, kind));
        self.work.push((anew, None));
    }

    fn find_work(
        &mut self,
        organisation: Option<OrganisationId>,
        kind: WorkKind,
    ) -> Option<&mut (Work, Option<(Uuid, Timestamp)>)> {
        self.work.iter_mut().find(|(w, _)| w.organisation == organisation && w.kind == kind)
    }
}

impl DataKeyStore for MemoryDataKeys {
    fn list(&self, organisation: Option<OrganisationId>) -> StoreFuture<'_, Holdings> {
        self.done(|kept| {
            let keys = kept.keys.iter().filter(|key| key.organisation == organisation);
            let connections =
                kept.connections.iter().filter(|c| Some(c.organisation) == organisation);
            Ok(Holdings {
                keys: keys.cloned().collect(),
                connections: connections.cloned().collect(),
            })
        })
    }

    fn list_all(&self) -> StoreFuture<'_, Holdings> {
        self.done(|kept| {
            Ok(Holdings { keys: kept.keys.clone(), connections: kept.connections.clone() })
        })
    }

    fn insert(
        &self,
        key: WrappedDataKey,
        replaces: Option<DataKeyId>,
        reseal: bool,
        _by: Author,
    ) -> StoreFuture<'_, DataKeyId> {
        self.done(|kept| {
            kept.check(key.organisation, &key.wrapping)?;
            let (organisation, id, at) = (key.organisation, key.id, key.created_at);
            let active = kept.keys.iter_mut().find(|other| {
                other.organisation == organisation && other.state == DataKeyState::Active
            });
            match active {
                Some(active) if Some(active.id) != replaces => {
                    let active = active.id;
                    if reseal {
                        kept.leave_retired(organisation, at);
                    }
                    return Ok(active);
                }
                Some(active) => {
                    active.state = DataKeyState::Retired;
                    active.retired_at = Some(at);
                }
                None => {}
            }
            if reseal {
                kept.leave_retired(organisation, at);
            }
            kept.keys.push(key);
            Ok(id)
        })
    }

    fn rewrapped(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        from: Wrapping,
        to: Wrapping,
        _by: Author,
    ) -> StoreFuture<'_, bool> {
        self.done(|kept| {
            kept.check(organisation, &to)?;
            let key = kept.key(organisation, id)?;
            let is_as_read = key.wrapping == from;
            if is_as_read {
                key.wrapping = to;
            }
            Ok(is_as_read)
        })
    }

    fn add_uses(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        uses: u64,
    ) -> StoreFuture<'_, ()> {
        self.done(|kept| kept.key(organisation, id).map(|key| key.uses += uses))
    }

    fn change_state(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        from: DataKeyState,
        to: DataKeyState,
        at: Timestamp,
    ) -> StoreFuture<'_, bool> {
        self.done(|kept| {
            let key = kept.key(organisation, id)?;
            let changes = key.state == from;
            if changes {
                key.state = to;
                key.emptied_at = (to == DataKeyState::Empty).then_some(at);
            }
            Ok(changes)
        })
    }

    fn destroy(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
    ) -> StoreFuture<'_, bool> {
        self.done(|kept| {
            let before = kept.keys.len();
            kept.keys.retain(|key| {
                (key.organisation, key.id, key.state) != (organisation, id, DataKeyState::Empty)
            });
            Ok(kept.keys.len() < before)
        })
    }

    fn forget_former(&self, organisation: OrganisationId) -> StoreFuture<'_, ()> {
        self.done(|kept| {
            let keys = &kept.keys;
            kept.connections.retain(|connection| {
                connection.organisation != organisation
                    || connection.state == ConnectionState::Active
                    || keys.iter().any(|key| key.wrapping.connection == Some(connection.id))
            });
            Ok(())
        })
    }

    fn verified(
        &self,
        _organisation: OrganisationId,
        connection: KmsConnectionId,
        at: Timestamp,
    ) -> StoreFuture<'_, ()> {
        self.done(|kept| {
            for there in kept.connections.iter_mut().filter(|there| there.id == connection) {
                there.verified_at = at;
            }
            Ok(())
        })
    }

    fn work(&self) -> StoreFuture<'_, Vec<Work>> {
        self.done(|kept| Ok(kept.work.iter().map(|(work, _)| work.clone()).collect()))
    }

    fn note_work(
        &self,
        organisation: Option<OrganisationId>,
        kind: WorkKind,
        at: Timestamp,
    ) -> StoreFuture<'_, ()> {
        self.done(|kept| {
            kept.note(organisation, kind, at);
            Ok(())
        })
    }

    fn claim(
        &self,
        organisation: Option<OrganisationId>,
        kind: WorkKind,
        holder: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'_, bool> {
        self.done(|kept| {
            let Some((_, lease)) = kept.find_work(organisation, kind) else { return Ok(false) };
            let is_free = lease.is_none_or(|(by, end)| by == holder || end <= now);
            if is_free {
                *lease = Some((holder, until));
            }
            Ok(is_free)
        })
    }

    fn progress(&self, work: Work, holder: Uuid, until: Timestamp) -> StoreFuture<'_, bool> {
        self.done(|kept| {
            let there = kept.find_work(work.organisation, work.kind);
            let Some((noted, lease)) = there else { return Ok(false) };
            let is_ours = lease.is_some_and(|(by, _)| by == holder);
            if is_ours {
                *noted = work;
                *lease = Some((holder, until));
            }
            Ok(is_ours)
        })
    }

    fn finish(
        &self,
        organisation: Option<OrganisationId>,
        kind: WorkKind,
        holder: Uuid,
    ) -> StoreFuture<'_, bool> {
        self.done(|kept| {
            let before = kept.work.len();
            kept.work.retain(|(work, lease)| {
                (work.organisation, work.kind) != (organisation, kind)
                    || lease.is_none_or(|(by, _)| by != holder)
            });
            Ok(kept.work.len() < before)
        })
    }
}

impl SealedStore for MemoryDataKeys {
    fn under(
        &self,
        organisation: Option<OrganisationId>,
        key: DataKeyId,
        after: Option<SealedPlace>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<SealedValue>> {
        let order = |place: &SealedPlace| (place.table, place.row, place.field);
        self.done(move |kept| {
            let mut under: Vec<_> = kept
                .values
                .iter()
                .filter(|value| value.place.organisation == organisation)
                .filter(|value| envelope::data_key_id(&value.sealed) == Some(key))
                .filter(|value| after.is_none_or(|after| order(&value.place) > order(&after)))
                .cloned()
                .collect();
            under.sort_by_key(|value| order(&value.place));
            under.truncate(limit as usize);
            Ok(under)
        })
    }

    fn replace(
        &self,
        _organisation: Option<OrganisationId>,
        values: Vec<Resealed>,
    ) -> StoreFuture<'_, u64> {
        self.done(|kept| {
            let mut replaced = 0;
            for Resealed { place, from, to } in values {
                let there = kept.values.iter_mut();
                for there in there.filter(|there| there.place == place && there.sealed == from) {
                    there.sealed = to.clone();
                    replaced += 1;
                }
            }
            Ok(replaced)
        })
    }

    fn count(&self, organisation: Option<OrganisationId>) -> StoreFuture<'_, Vec<SealedCount>> {
        self.done(move |kept| {
            let mut counts: Vec<SealedCount> = Vec::new();
            for value in kept.values.iter().filter(|v| v.place.organisation == organisation) {
                let SealedPlace { table, field: column, .. } = value.place;
                let Some(key) = envelope::data_key_id(&value.sealed) else { continue };
                let count = counts
                    .iter_mut()
                    .find(|count| (count.key, count.table, count.column) == (key, table, column));
                match count {
                    Some(count) => count.count += 1,
                    None => counts.push(SealedCount { key, table, column, count: 1 }),
                }
            }
            Ok(counts)
        })
    }
}
