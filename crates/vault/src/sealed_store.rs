//! The port to all sealed values there are: what re-sealing and the operator's overview need.

use portcullis_domain::{DataKeyId, OrganisationId, Sealed, SealedPlace};

use crate::StoreFuture;

/// A sealed value where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedValue {
    /// Where it lies.
    pub place: SealedPlace,
    /// The value.
    pub sealed: Sealed,
}

/// A sealed value to be replaced by the same, sealed anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resealed {
    /// Where it lies.
    pub place: SealedPlace,
    /// As it is.
    pub from: Sealed,
    /// As it shall be.
    pub to: Sealed,
}

/// How many values of one field a data key has sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedCount {
    /// The data key, as the values' headers claim.
    pub key: DataKeyId,
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// How many.
    pub count: u64,
}

/// Where sealed values are kept. `organisation: None` means the instance itself.
pub trait SealedStore: Send + Sync {
    /// Up to `limit` values that claim to be sealed under `key`, in a fixed order, after `after`.
    fn under(
        &self,
        organisation: Option<OrganisationId>,
        key: DataKeyId,
        after: Option<SealedPlace>,
        limit: u32,
    ) -> StoreFuture<'_, Vec<SealedValue>>;

    /// Replaces values in one transaction, each only if it is still as it was. Nothing else of
    /// their rows changes. Says how many it replaced.
    fn replace(
        &self,
        organisation: Option<OrganisationId>,
        values: Vec<Resealed>,
    ) -> StoreFuture<'_, u64>;

    /// How many values there are under each data key.
    fn count(&self, organisation: Option<OrganisationId>) -> StoreFuture<'_, Vec<SealedCount>>;
}
