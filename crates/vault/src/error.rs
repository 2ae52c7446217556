//! How the vault fails.

use crate::{DataKeyStoreError, KmsError, OpenError, SealError};

/// Why the vault cannot serve now.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VaultError {
    /// The KMS did not unwrap or wrap.
    #[error(transparent)]
    Kms(#[from] KmsError),
    /// The wrapped data keys cannot be read or written.
    #[error(transparent)]
    Store(#[from] DataKeyStoreError),
    /// A data key is wrapped by a KMS key that is not configured.
    #[error(
        "a data key is wrapped by key {kms_key_id} of the {kms} KMS, which is not configured: \
         configure it as the current or a former KMS"
    )]
    ForeignKms {
        /// The KMS's name.
        kms: String,
        /// Its key.
        kms_key_id: String,
    },
    /// The store lists no active data key although one was added.
    #[error("the organisation has no active data key: run `portcullis vault rotate`")]
    NoActiveKey,
    /// A value could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A value does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl VaultError {
    /// Whether waiting may help, so that keys already in the clear may serve for a while.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Kms(error) => error.failure.is_transient(),
            Self::Store(_) => true,
            Self::ForeignKms { .. } | Self::NoActiveKey | Self::Seal(_) | Self::Open(_) => false,
        }
    }
}
