//! Key management services: who guards the keys that wrap data keys.

mod failure;
pub mod local;
mod local_key;
mod provider;

use std::{pin::Pin, time::Duration};

use portcullis_domain::{OrganisationId, Secret};

use crate::Wrapping;

pub use failure::{KmsError, KmsFailure, KmsOperation};
pub use provider::{
    ConnectionSettings, KmsDocument, KmsFactory, KmsGuide, KmsParameter, KmsProvider,
    KmsSettingsError, NoKmsFactory,
};

/// The length of a data key, in bytes.
pub const DATA_KEY_LEN: usize = 32;

/// A key management service with one key-encryption key. The key itself never leaves it.
pub trait Kms: Send + Sync {
    /// The service's kind, `local` for one. Stored with every data key it wraps.
    fn name(&self) -> &'static str;

    /// Which key-encryption key it uses. Stored with every data key it wraps.
    fn key_id(&self) -> &str;

    /// Whether it can unwrap what was wrapped so: by the same key, or by another copy of it.
    fn opens(&self, wrapping: &Wrapping) -> bool {
        wrapping.kms == self.name() && wrapping.kms_key_id == self.key_id()
    }

    /// Of two that its key wraps: whether the other would unwrap if this one does. Not where a
    /// key's versions can be taken away one by one.
    fn proves(&self, _shown: &Wrapping, _other: &Wrapping) -> bool {
        true
    }

    /// Makes a data key of [`DATA_KEY_LEN`] bytes, wrapped and bound to its context.
    fn generate(&self, context: EncryptionContext) -> KmsFuture<'_, GeneratedKey>;

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

    /// Wraps anew, under this key, what `from` wraps, without showing it to anybody; `None` where
    /// the service cannot do that for this pair of keys.
    fn rewrap<'a>(
        &'a self,
        _context: EncryptionContext,
        _from: &'a Wrapping,
    ) -> Option<KmsFuture<'a, Vec<u8>>> {
        None
    }

    /// Says what the service tells of the key. Fails when the key is not one that can be used.
    fn describe(&self) -> KmsFuture<'_, KmsDescription>;

    /// How often, and with what outcome, it has signed in at the service since this was last asked.
    fn sign_ins(&self) -> Vec<KmsSignIn> {
        Vec::new()
    }
}

/// One sign-in at a service: a login, a token's renewal, a role's being assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsSignIn {
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub outcome: Result<(), KmsFailure>,
}

/// What a [`Kms`] answers.
pub type KmsFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, KmsError>> + Send + 'a>>;

/// A new data key.
pub struct GeneratedKey {
    /// In the clear.
    pub plaintext: Secret<Vec<u8>>,
    /// Wrapped.
    pub wrapped: Vec<u8>,
}

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
    /// The key's own id, where the configured one is a name that can come to mean another key.
    pub key_id: String,
    /// Where the key lies, in words: a path, a variable's name, an address. Never the key.
    pub origin: String,
}

impl EncryptionContext {
    /// The context of an organisation's sealed fields.
    pub const fn sealed_fields(organisation: Option<OrganisationId>) -> Self {
        Self { organisation, purpose: Purpose::SealedFields }
    }

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

    /// The context in one unambiguous piece, for services that bind bytes: each name and value
    /// after its length.
    pub fn associated_data(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value) in self.pairs() {
            for part in [name, &value] {
                bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
                bytes.extend_from_slice(part.as_bytes());
            }
        }
        bytes
    }
}

/// Asks a KMS for everything the vault needs of it, as before a key is accepted: describe, generate
/// and unwrap, wrap and unwrap. Fails with the first thing it does not do.
pub async fn verify(kms: &dyn Kms, context: EncryptionContext) -> Result<KmsDescription, KmsError> {
    let description = kms.describe().await?;
    let generated = kms.generate(context).await?;
    let wrapped = kms.wrap(context, &generated.plaintext).await?;
    for wrapped in [&generated.wrapped, &wrapped] {
        let opened = kms.unwrap(context, wrapped).await?;
        if opened.danger_expose() != generated.plaintext.danger_expose()
            || opened.danger_expose().len() != DATA_KEY_LEN
        {
            let detail = "it does not give back the data key that it wrapped";
            return Err(KmsError::new(KmsOperation::Unwrap, KmsFailure::Unexpected, detail));
        }
    }
    Ok(description)
}
