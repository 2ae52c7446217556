//! Making and checking passwords' hashes: slow on purpose, a few at a time.

use std::{sync::Arc, time::Duration};

use portcullis_domain::Secret;
use portcullis_identity::PasswordHashing;
use portcullis_store::Account;
use tokio::{sync::Semaphore, time::Instant};

use crate::{Control, ControlError, Result, attempt::RefusedTries};

/// Makes and checks passwords' hashes, a few at a time: the work is made to be slow, and must not
/// crowd out everything else.
pub struct Passwords {
    hashing: Arc<PasswordHashing>,
    turns: Arc<Semaphore>,
    /// Tries that were not even looked at.
    pub(crate) refused: RefusedTries,
}

/// Passwords that are hashed at the same time.
const HASHES_AT_ONCE: usize = 2;

/// How long an attempt waits for its turn.
const TURN: Duration = Duration::from_secs(10);

/// When answers that turn on a password go out: at the end of a step, so that how long the work
/// took is not seen.
const STEP: Duration = Duration::from_millis(250);

impl Default for Passwords {
    fn default() -> Self {
        Self {
            hashing: Arc::new(PasswordHashing::default()),
            turns: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            refused: RefusedTries::default(),
        }
    }
}

impl Control {
    /// Of which accounts it is the password. Takes its time, on a thread that may; as long for no
    /// account as for several of one e-mail address.
    pub(crate) async fn whose_password(
        &self,
        mut accounts: Vec<Account>,
        password: Secret<String>,
    ) -> Result<Vec<Account>> {
        accounts.retain(|account| account.password_hash.is_some());
        let find = move |hashing: &PasswordHashing| {
            let known: Vec<_> = accounts.iter().filter_map(|a| a.password_hash.clone()).collect();
            let found = hashing.find(&password, &known);
            let mut index = 0..;
            accounts.retain(|_| index.next().is_some_and(|index| found.contains(&index)));
            accounts
        };
        self.hashing(find).await
    }

    /// The hash of a new password, to be kept beside those of other accounts of the same e-mail
    /// address.
    pub(crate) async fn hash_password(
        &self,
        password: Secret<String>,
        beside: Vec<Secret<String>>,
    ) -> Result<Secret<String>> {
        let dice = Arc::clone(&self.0.dice);
        self.hashing(move |hashing| hashing.hash(&password, &beside, &*dice)).await
    }

    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&PasswordHashing) -> T + Send + 'static,
    ) -> Result<T> {
        let turn = tokio::time::timeout(TURN, self.0.passwords.turns.clone().acquire_owned());
        let Ok(Ok(turn)) = turn.await else {
            return Err(ControlError::TooManyAttempts { wait_millis: 10_000 });
        };
        let hashing = Arc::clone(&self.0.passwords.hashing);
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&hashing)
        });
        done.await.map_err(|error| ControlError::Internal(error.to_string()))
    }
}

/// Does something whose outcome is told at the end of a step of time.
pub(crate) async fn in_steps<T>(work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let done = work.await;
    let steps = start.elapsed().as_millis() / STEP.as_millis() + 1;
    let until = start + STEP * u32::try_from(steps).unwrap_or(u32::MAX);
    tokio::time::sleep_until(until).await;
    done
}
