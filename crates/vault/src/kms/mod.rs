//! Key management services: who guards the keys that wrap data keys.

pub mod local;
mod local_key;

use std::pin::Pin;

use portcullis_domain::{OrganisationId, Secret};

/// The length of a data key, in bytes.
pub const DATA_KEY_LEN: usize = 32;

/// A key management service with one key-encryption key. The key itself never leaves it.
pub trait Kms: Send + Sync {
    /// The service's kind, `local` for one. Stored with every data key it wraps.
    fn name(&self) -> &'static str;

    /// Which key-encryption key it uses. Stored with every data key it wraps.
    fn key_id(&self) -> &str;

    /// Wraps a data key of [`DATA_KEY_LEN`] bytes, bound to its context.
    fn wrap<'a>(
        &'a self,
        context: EncryptionContext,
        data_key: &'a Secret<Vec<u8>>,
    ) -> KmsFuture<'a, Vec<u8>>;

    /// Unwraps what [`Kms::wrap`] wrapped under the same key and for the same context. Names the
    /// key to the service, so that something wrapped under another's key is refused.
    fn unwrap<'a>(
        &'a self,
        context: EncryptionContext,
        wrapped: &'a [u8],
    ) -> KmsFuture<'a, Secret<Vec<u8>>>;

    /// Says what the service tells of the key, for the operator's overview.
    fn describe(&self) -> KmsFuture<'_, KmsDescription>;
}

/// What a [`Kms`] answers.
pub type KmsFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, KmsError>> + Send + 'a>>;

/// What a wrapped data key is bound to. Ids only, because a cloud's audit trail shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncryptionContext {
    /// Whose data key it is; `None` for the instance's own.
    pub organisation: Option<OrganisationId>,
    /// What the data key is for.
    pub purpose: Purpose,
}

/// What a data key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Sealing fields.
    SealedFields,
}

/// What a KMS tells of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsDescription {
    /// Whether the key can be used.
    pub enabled: bool,
    /// Where the key lies, in words: a path, a variable's name, an address. Never the key.
    pub origin: String,
}

/// A KMS did not do as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", failure.advice())]
pub struct KmsError {
    /// The reason.
    pub failure: KmsFailure,
    /// What the service said. Holds no key material.
    pub detail: String,
}

/// Why a KMS did not do as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KmsFailure {
    /// We may not use the key. Its data keys are dropped at once.
    Denied,
    /// The key is disabled or being deleted. Its data keys are dropped at once.
    Disabled,
    /// The service cannot be reached. Data keys stay for the stated grace.
    Unreachable,
    /// The service asks us to slow down. Data keys stay for the stated grace.
    Throttled,
    /// The wrapped key does not open under this key and context.
    Corrupt,
}

impl KmsFailure {
    /// Whether waiting may help, so that keys already unwrapped may be used for a while.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Unreachable | Self::Throttled)
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Denied => "the KMS denies the use of the key; grant this service access to it",
            Self::Disabled => "the KMS key is disabled; enable it",
            Self::Unreachable => "the KMS cannot be reached; check its address and the network",
            Self::Throttled => "the KMS is limiting our requests; it is asked again shortly",
            Self::Corrupt => {
                "the data key does not open under this KMS key; check that it is the one that wrapped it"
            }
        }
    }
}

impl EncryptionContext {
    /// The context as names and values, in a fixed order.
    pub fn pairs(&self) -> [(&'static str, String); 2] {
        let organisation = match self.organisation {
            Some(organisation) => organisation.to_string(),
            None => "instance".to_owned(),
        };
        let purpose = match self.purpose {
            Purpose::SealedFields => "sealed-fields",
        };
        [("organisation", organisation), ("purpose", purpose.to_owned())]
    }
}
