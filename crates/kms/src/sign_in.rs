//! What a client remembers of its sign-ins until somebody asks.

use std::sync::{Mutex, PoisonError};

use portcullis_vault::{KmsError, KmsSignIn};
use tokio::time::Instant;

/// How many are remembered: each call signs in a few times at most, and then asks.
const MOST: usize = 16;

/// Sign-ins that nobody was told of yet.
#[derive(Debug, Default)]
pub(crate) struct SignIns(Mutex<Vec<KmsSignIn>>);

impl SignIns {
    /// Signs in and remembers how that went.
    pub(crate) async fn note<T>(
        &self,
        sign_in: impl Future<Output = Result<T, KmsError>>,
    ) -> Result<T, KmsError> {
        let begun = Instant::now();
        let done = sign_in.await;
        let outcome = done.as_ref().map(|_| ()).map_err(|error| error.failure);
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() < MOST {
            remembered.push(KmsSignIn { took: begun.elapsed(), outcome });
        }
        done
    }

    /// What was remembered since this was last asked.
    pub(crate) fn take(&self) -> Vec<KmsSignIn> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
