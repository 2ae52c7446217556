//! A KMS of which every call is bounded in time, counted and told: for whoever is to try one out
//! before the vault has it.

use std::time::Duration;

use portcullis_domain::{OrganisationId, Secret};

use crate::{
    GeneratedKey, Kms, KmsDescription, KmsError, KmsFailure, KmsFuture, KmsOperation, Vault,
    Wrapping,
    kms::{self, EncryptionContext},
};

/// How long all that is asked of a KMS before its key is accepted may take.
const TRIED_WITHIN: Duration = Duration::from_secs(30);

struct Told<'v> {
    vault: &'v Vault,
    kms: &'v dyn Kms,
    organisation: Option<OrganisationId>,
}

impl Vault {
    /// Asks a KMS for all that the vault needs of it on behalf of that organisation, as
    /// [`kms::verify`] does, and tells of each call.
    pub async fn try_out(
        &self,
        kms: &dyn Kms,
        organisation: Option<OrganisationId>,
    ) -> Result<KmsDescription, KmsError> {
        let told = Told { vault: self, kms, organisation };
        let tried = kms::verify(&told, EncryptionContext::sealed_fields(organisation));
        tokio::time::timeout(TRIED_WITHIN, tried).await.unwrap_or_else(|_| {
            let detail = format!("not done within {} s", TRIED_WITHIN.as_secs());
            Err(KmsError::new(KmsOperation::Describe, KmsFailure::Unreachable, detail))
        })
    }

    /// What a KMS says of its key; told as any other call.
    pub async fn look_at(
        &self,
        kms: &dyn Kms,
        organisation: Option<OrganisationId>,
    ) -> Result<KmsDescription, KmsError> {
        Told { vault: self, kms, organisation }.describe().await
    }
}

impl Told<'_> {
    async fn ask<T>(
        &self,
        operation: KmsOperation,
        answer: KmsFuture<'_, T>,
    ) -> Result<T, KmsError> {
        self.vault.ask(self.kms, self.organisation, operation, answer).await
    }
}

impl Kms for Told<'_> {
    fn name(&self) -> &'static str {
        self.kms.name()
    }

    fn key_id(&self) -> &str {
        self.kms.key_id()
    }

    fn opens(&self, wrapping: &Wrapping) -> bool {
        self.kms.opens(wrapping)
    }

    fn generate(&self, context: EncryptionContext) -> KmsFuture<'_, GeneratedKey> {
        Box::pin(self.ask(KmsOperation::Generate, self.kms.generate(context)))
    }

    fn wrap<'a>(
        &'a self,
        context: EncryptionContext,
        data_key: &'a Secret<Vec<u8>>,
    ) -> KmsFuture<'a, Vec<u8>> {
        Box::pin(self.ask(KmsOperation::Wrap, self.kms.wrap(context, data_key)))
    }

    fn unwrap<'a>(
        &'a self,
        context: EncryptionContext,
        wrapped: &'a [u8],
    ) -> KmsFuture<'a, Secret<Vec<u8>>> {
        Box::pin(self.ask(KmsOperation::Unwrap, self.kms.unwrap(context, wrapped)))
    }

    fn rewrap<'a>(
        &'a self,
        context: EncryptionContext,
        from: &'a Wrapping,
    ) -> Option<KmsFuture<'a, Vec<u8>>> {
        let answer = self.kms.rewrap(context, from)?;
        Some(Box::pin(self.ask(KmsOperation::Rewrap, answer)))
    }

    fn describe(&self) -> KmsFuture<'_, KmsDescription> {
        Box::pin(self.ask(KmsOperation::Describe, self.kms.describe()))
    }
}
