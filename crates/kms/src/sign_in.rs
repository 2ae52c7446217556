//! What a client remembers of its sign-ins until somebody asks.

use std::sync::{Mutex, PoisonError};

use portcullis_vault::{KmsError, KmsFailure, KmsSignIn};
use tokio::time::Instant;

/// How many are remembered: each call signs in a few times at most, and then asks.
const MOST: usize = 16;

/// Sign-ins that nobody was told of yet.
#[derive(Debug, Default)]
pub(crate) struct SignIns(Mutex<Vec<KmsSignIn>>);

/// One that is under way. It is remembered when it ends, also where nobody waits for its end.
struct UnderWay<'a> {
    all: &'a SignIns,
    begun: Instant,
    outcome: Result<(), KmsFailure>,
}

impl SignIns {
    /// Signs in and remembers how that went.
    pub(crate) async fn note<T>(
        &self,
        sign_in: impl Future<Output = Result<T, KmsError>>,
    ) -> Result<T, KmsError> {
        let outcome = Err(KmsFailure::Abandoned);
        let mut under_way = UnderWay { all: self, begun: Instant::now(), outcome };
        let done = sign_in.await;
        under_way.outcome = done.as_ref().map(|_| ()).map_err(|error| error.failure);
        done
    }

    /// What was remembered since this was last asked.
    pub(crate) fn take(&self) -> Vec<KmsSignIn> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut remembered = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() < MOST {
            remembered.push(KmsSignIn { took: self.begun.elapsed(), outcome: self.outcome });
        }
    }
}
