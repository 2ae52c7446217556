//! How the vault fails.

use crate::{DataKeyStoreError, KmsError, KmsFailure, OpenError, SealError, kms::KmsSettingsError};

/// Why the vault cannot serve now.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VaultError {
    /// The KMS did not do as asked.
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
    /// A connection's settings are not its own.
    #[error("the settings of the organisation's KMS connection were changed or moved")]
    ForeignConnection,
    /// A connection's settings make no sense to this release.
    #[error("the organisation's KMS connection cannot be used: {0}")]
    Settings(#[from] KmsSettingsError),
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
            Self::ForeignKms { .. }
            | Self::ForeignConnection
            | Self::Settings(_)
            | Self::NoActiveKey
            | Self::Seal(_)
            | Self::Open(_) => false,
        }
    }

    /// Whether somebody is away or overloaded, and asking for something else is of no use either.
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::Kms(error) => error.failure.is_outage(),
            Self::Store(_) => true,
            _ => false,
        }
    }

    /// Why the KMS did not do as asked, if it was the KMS.
    pub const fn kms_failure(&self) -> Option<KmsFailure> {
        match self {
            Self::Kms(error) => Some(error.failure),
            _ => None,
        }
    }
}
