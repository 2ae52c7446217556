//! For tests of this crate and of those that use it.

use std::sync::{Mutex, PoisonError};

use portcullis_domain::{DataKeyId, OrganisationId};

use crate::{DataKeyState, DataKeyStore, DataKeyStoreError, StoreFuture, WrappedDataKey, Wrapping};

/// Data keys kept in memory.
#[derive(Default)]
pub struct MemoryDataKeys(Mutex<Vec<WrappedDataKey>>);

impl MemoryDataKeys {
    fn with<T>(&self, act: impl FnOnce(&mut Vec<WrappedDataKey>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        act: impl FnOnce(&mut WrappedDataKey),
    ) -> StoreFuture<'_, ()> {
        let changed = self.with(|keys| {
            let key = keys.iter_mut().find(|k| k.organisation == organisation && k.id == id);
            key.map(act).ok_or_else(|| DataKeyStoreError(format!("there is no data key {id}")))
        });
        Box::pin(std::future::ready(changed))
    }
}

impl DataKeyStore for MemoryDataKeys {
    fn list(&self, organisation: Option<OrganisationId>) -> StoreFuture<'_, Vec<WrappedDataKey>> {
        let listed = self.with(|keys| {
            keys.iter().filter(|key| key.organisation == organisation).cloned().collect()
        });
        Box::pin(std::future::ready(Ok(listed)))
    }

    fn list_all(&self) -> StoreFuture<'_, Vec<WrappedDataKey>> {
        Box::pin(std::future::ready(Ok(self.with(|keys| keys.clone()))))
    }

    fn insert(
        &self,
        key: WrappedDataKey,
        replaces: Option<DataKeyId>,
    ) -> StoreFuture<'_, DataKeyId> {
        let active = self.with(|keys| {
            let active = keys.iter_mut().find(|other| {
                other.organisation == key.organisation && other.state == DataKeyState::Active
            });
            match active {
                Some(active) if Some(active.id) != replaces => return active.id,
                Some(active) => active.state = DataKeyState::Retired,
                None => {}
            }
            let id = key.id;
            keys.push(key);
            id
        });
        Box::pin(std::future::ready(Ok(active)))
    }

    fn update_wrapped(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        wrapping: Wrapping,
    ) -> StoreFuture<'_, ()> {
        self.change(organisation, id, |key| key.wrapping = wrapping)
    }

    fn add_uses(
        &self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        uses: u64,
    ) -> StoreFuture<'_, ()> {
        self.change(organisation, id, |key| key.uses += uses)
    }
}
