//! Wrapping data keys under another KMS key. No sealed value changes.

use portcullis_domain::{OrganisationId, Secret};
use subtle::ConstantTimeEq as _;

use crate::{
    Author, KmsError, KmsFailure, Vault, VaultError, WrappedDataKey, Wrapping,
    keepers::{Keeper, Keepers},
    kms::{DATA_KEY_LEN, EncryptionContext, KmsOperation},
    work::{Work, WorkState},
};

impl Vault {
    /// Wraps all data keys of the organisation anew under the current KMS key, also those that are
    /// wrapped by it already, and says how many: for after that key was rotated in its KMS. A key
    /// that fails does not keep the others from it; the first failure is the answer then, and
    /// running this again is all it takes to go on.
    pub async fn rewrap(
        &self,
        organisation: Option<OrganisationId>,
        by: &Author,
    ) -> Result<usize, VaultError> {
        let holdings = self.keys.list(organisation).await?;
        let keepers = self.keepers(organisation, &holdings).await;
        let (mut count, mut failed) = (0, None);
        for key in &holdings.keys {
            match self.rewrap_one(key, &keepers, false, by).await {
                Ok(()) => count += 1,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if failed.is_none()
            && let Some(organisation) = organisation
        {
            self.keys.forget_former(organisation).await?;
        }
        failed.map_or(Ok(count), Err)
    }

    /// Wraps those data keys that the current KMS key does not wrap yet. Done again from the start
    /// after an interruption: each key shows by itself whether it is done.
    pub(crate) async fn do_rewrap(
        &self,
        work: &mut Work,
        go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<WorkState, VaultError> {
        let holdings = self.keys.list(work.organisation).await?;
        let keepers = self.keepers(work.organisation, &holdings).await;
        let keeper = keepers.current()?.clone();
        (work.total, work.failed, work.error) = (holdings.keys.len() as u64, 0, None);
        let (in_place, to_do): (Vec<_>, Vec<_>) =
            holdings.keys.iter().partition(|key| keeper.wraps(&key.wrapping));
        work.done = in_place.len() as u64;
        for key in to_do {
            if !go_on() {
                return Ok(WorkState::Stopped);
            }
            match self.rewrap_one(key, &keepers, true, &Author::system()).await {
                Ok(()) => work.done += 1,
                Err(error) => {
                    tracing::warn!(organisation = ?work.organisation, id = %key.id, %error,
                        "a data key is not wrapped anew yet");
                    work.failed += 1;
                    work.error = Some(error.to_string());
                }
            }
            if !self.note_progress(work).await? {
                return Ok(WorkState::Elsewhere);
            }
        }
        if work.failed > 0 {
            return Ok(WorkState::Stuck);
        }
        if let Some(organisation) = work.organisation {
            self.keys.forget_former(organisation).await?;
        }
        Ok(WorkState::Finished)
    }

    /// With `keeps_bytes`, what the current KMS key opens already is only noted as its own.
    async fn rewrap_one(
        &self,
        key: &WrappedDataKey,
        keepers: &Keepers,
        keeps_bytes: bool,
        by: &Author,
    ) -> Result<(), VaultError> {
        let keeper = keepers.current()?;
        let (to, plaintext) = if keeps_bytes && keeper.kms.opens(&key.wrapping) {
            (keeper.wrapping(key.wrapping.bytes.clone()), None)
        } else {
            self.wrapped_anew(key, keepers, keeper).await?
        };
        // A data key that does not unwrap, or to something else, is lost with all it sealed: it is
        // seen to before the old wrapping goes.
        let context = EncryptionContext::sealed_fields(key.organisation);
        let answer = keeper.kms.unwrap(context, &to.bytes);
        let opened = self.ask(&*keeper.kms, key.organisation, KmsOperation::Unwrap, answer).await?;
        let opened = opened.danger_expose();
        let is_same = plaintext.is_none_or(|key| bool::from(key.danger_expose().ct_eq(opened)));
        if !is_same || opened.len() != DATA_KEY_LEN {
            let detail = "it does not give back the data key that it wrapped";
            return Err(KmsError::new(KmsOperation::Unwrap, KmsFailure::Unexpected, detail).into());
        }
        let from = key.wrapping.clone();
        self.keys.rewrapped(key.organisation, key.id, from, to, by.clone()).await?;
        Ok(())
    }

    /// With the data key, if it had to be shown.
    async fn wrapped_anew(
        &self,
        key: &WrappedDataKey,
        keepers: &Keepers,
        keeper: &Keeper,
    ) -> Result<(Wrapping, Option<Secret<Vec<u8>>>), VaultError> {
        let context = EncryptionContext::sealed_fields(key.organisation);
        if let Some(answer) = keeper.kms.rewrap(context, &key.wrapping) {
            let answered =
                self.ask(&*keeper.kms, key.organisation, KmsOperation::Rewrap, answer).await;
            match answered {
                Ok(bytes) => return Ok((keeper.wrapping(bytes), None)),
                Err(error) if error.failure.is_transient() => return Err(error.into()),
                // The two keys' policies need not let one caller move between them.
                Err(error) => tracing::debug!(id = %key.id, %error, "unwrapping to wrap anew"),
            }
        }
        let plaintext = self.unwrap(key, keepers).await?;
        let answer = keeper.kms.wrap(context, &plaintext);
        let bytes = self.ask(&*keeper.kms, key.organisation, KmsOperation::Wrap, answer).await?;
        Ok((keeper.wrapping(bytes), Some(plaintext)))
    }
}
