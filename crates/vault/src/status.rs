//! What the operator sees of the vault.

use std::time::Duration;

use portcullis_domain::{DataKeyId, OrganisationId, Timestamp};

use crate::{DataKeyState, KmsDescription, KmsError};

/// The state of one organisation's keys.
#[derive(Clone, Debug)]
pub struct KeyStatus {
    /// Whose keys; `None` for the instance's own.
    pub organisation: Option<OrganisationId>,
    /// The current KMS's name.
    pub kms: &'static str,
    /// The current key-encryption key.
    pub kms_key_id: String,
    /// What the KMS says of that key, or how it failed to.
    pub kms_key: Result<KmsDescription, KmsError>,
    /// Whether this process holds the data keys in the clear and needs no KMS now.
    pub cached: bool,
    /// The data keys, oldest first.
    pub data_keys: Vec<DataKeyStatus>,
}

/// The state of one data key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKeyStatus {
    /// Its id.
    pub id: DataKeyId,
    /// Whether it seals or only opens.
    pub state: DataKeyState,
    /// The KMS that wraps it.
    pub kms: String,
    /// The key-encryption key that wraps it. Another than the current one wants a rewrap.
    pub kms_key_id: String,
    /// Whether that key is the configured one or a former one. If not, what the data key sealed
    /// does not open.
    pub unwraps: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// How long ago that is.
    pub age: Duration,
    /// How many values it has sealed.
    pub uses: u64,
}
