//! Sessions of people who are signed in, and failed attempts to sign in. They belong to people, not
//! to tenants.

use portcullis_domain::{PreviousToken, Session, SessionId, Timestamp, UserId};

use crate::{
    Error, Reader, Result, Tx,
    value::{Row, values},
};

/// The sessions, through a [`Reader`] or a [`Tx`].
pub struct Sessions<'s, S>(&'s mut S);

/// Failed attempts to sign in, through a [`Reader`] or a [`Tx`].
pub struct SignInAttempts<'s, S>(&'s mut S);

/// What is remembered of failed attempts on one account or from one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How many have failed.
    pub failures: u32,
    /// From when on the time runs after which one of them is forgotten.
    pub last_at: Timestamp,
    /// Until when no other is looked at.
    pub blocked_until: Timestamp,
}

macro_rules! columns {
    () => {
        "id, user_id, organisation_id, digest, previous_digest, previous_until, created_at,
         seen_at, rotated_at, client, user_agent"
    };
}

impl Reader {
    /// The sessions.
    pub fn sessions(&mut self) -> Sessions<'_, Self> {
        Sessions(self)
    }

    /// Failed attempts to sign in.
    pub fn sign_in_attempts(&mut self) -> SignInAttempts<'_, Self> {
        SignInAttempts(self)
    }
}

impl Tx {
    /// The sessions, to change.
    pub fn sessions(&mut self) -> Sessions<'_, Self> {
        Sessions(self)
    }

    /// Failed attempts to sign in, to change.
    pub fn sign_in_attempts(&mut self) -> SignInAttempts<'_, Self> {
        SignInAttempts(self)
    }
}

impl Sessions<'_, Reader> {
    /// The session whose token, current or replaced, has that digest.
    pub async fn find(&mut self, digest: &[u8; 32]) -> Result<Option<Session>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM sessions WHERE digest = $1 OR previous_digest = $1"
        );
        self.0.optional(sql, values![digest]).await?.as_ref().map(read).transpose()
    }

    /// Somebody's sessions, newest first.
    pub async fn of_user(&mut self, user: UserId) -> Result<Vec<Session>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, id DESC"
        );
        self.0.all(sql, values![user], read).await
    }
}

impl Sessions<'_, Tx> {
    /// Begins a session.
    pub async fn insert(&mut self, session: &Session) -> Result<()> {
        self.0
            .execute(
                concat!(
                    "INSERT INTO sessions (",
                    columns!(),
                    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
                ),
                values![
                    session.id,
                    session.user_id,
                    session.organisation_id,
                    &session.digest,
                    session.previous.map(|previous| previous.digest.to_vec()),
                    session.previous.map(|previous| previous.until),
                    session.created_at,
                    session.seen_at,
                    session.rotated_at,
                    session.client.as_deref(),
                    session.user_agent.as_deref(),
                ],
            )
            .await?;
        Ok(())
    }

    /// Writes everything that may change, if the token is still `digest`. `false` when it is not:
    /// somebody else has replaced it, or the session has ended.
    pub async fn update(&mut self, session: &Session, digest: &[u8; 32]) -> Result<bool> {
        let changed = self
            .0
            .execute(
                "UPDATE sessions SET organisation_id = $3, digest = $4, previous_digest = $5,
                     previous_until = $6, seen_at = $7, rotated_at = $8, client = $9,
                     user_agent = $10 WHERE id = $1 AND digest = $2",
                values![
                    session.id,
                    digest,
                    session.organisation_id,
                    &session.digest,
                    session.previous.map(|previous| previous.digest.to_vec()),
                    session.previous.map(|previous| previous.until),
                    session.seen_at,
                    session.rotated_at,
                    session.client.as_deref(),
                    session.user_agent.as_deref(),
                ],
            )
            .await?;
        Ok(changed > 0)
    }

    /// Ends one session of somebody. `false` when there is none.
    pub async fn remove(&mut self, user: UserId, id: SessionId) -> Result<bool> {
        let sql = "DELETE FROM sessions WHERE user_id = $1 AND id = $2";
        Ok(self.0.execute(sql, values![user, id]).await? > 0)
    }

    /// Ends every session of somebody but one. Says how many.
    pub async fn remove_all(&mut self, user: UserId, but: Option<SessionId>) -> Result<u64> {
        let sql = "DELETE FROM sessions WHERE user_id = $1 AND ($2 IS NULL OR id <> $2)";
        self.0.execute(sql, values![user, but]).await
    }

    /// Forgets sessions that were not used since `idle_since` or began before `began_before`.
    pub async fn prune(&mut self, idle_since: Timestamp, began_before: Timestamp) -> Result<u64> {
        let sql = "DELETE FROM sessions WHERE seen_at < $1 OR created_at < $2";
        self.0.execute(sql, values![idle_since, began_before]).await
    }
}

impl SignInAttempts<'_, Reader> {
    /// What is remembered under a digest.
    pub async fn find(&mut self, id: &[u8; 32]) -> Result<Attempts> {
        let sql = "SELECT failures, last_at, blocked_until FROM sign_in_attempts WHERE id = $1";
        let Some(row) = self.0.optional(sql, values![id]).await? else {
            return Ok(Attempts::default());
        };
        Ok(Attempts {
            failures: u32::try_from(row.int("failures")?).unwrap_or(u32::MAX),
            last_at: row.instant("last_at")?,
            blocked_until: row.instant("blocked_until")?,
        })
    }
}

impl SignInAttempts<'_, Tx> {
    /// Remembers.
    pub async fn put(&mut self, id: &[u8; 32], attempts: &Attempts) -> Result<()> {
        let sql = "INSERT INTO sign_in_attempts (id, failures, last_at, blocked_until)
             VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET failures = excluded.failures,
                 last_at = excluded.last_at, blocked_until = excluded.blocked_until";
        let failures = i64::from(attempts.failures);
        let values = values![id, failures, attempts.last_at, attempts.blocked_until];
        self.0.execute(sql, values).await?;
        Ok(())
    }

    /// Forgets what is under a digest.
    pub async fn forget(&mut self, id: &[u8; 32]) -> Result<()> {
        self.0.execute("DELETE FROM sign_in_attempts WHERE id = $1", values![id]).await?;
        Ok(())
    }

    /// Forgets attempts from before `instant`.
    pub async fn prune(&mut self, instant: Timestamp) -> Result<u64> {
        let sql = "DELETE FROM sign_in_attempts WHERE last_at < $1 AND blocked_until < $1";
        self.0.execute(sql, values![instant]).await
    }
}

fn read(row: &Row) -> Result<Session> {
    let digest = |column: &'static str, bytes: Vec<u8>| -> Result<[u8; 32]> {
        bytes.try_into().map_err(|_| Error::Corrupt(column))
    };
    let until = row.opt_instant("previous_until")?;
    let previous = match (row.opt_bytes("previous_digest")?, until) {
        (Some(bytes), Some(until)) => {
            Some(PreviousToken { digest: digest("previous_digest", bytes)?, until })
        }
        _ => None,
    };
    Ok(Session {
        id: row.id("id")?,
        user_id: row.id("user_id")?,
        organisation_id: row.opt_id("organisation_id")?,
        digest: digest("digest", row.bytes("digest")?)?,
        previous,
        created_at: row.instant("created_at")?,
        seen_at: row.instant("seen_at")?,
        rotated_at: row.instant("rotated_at")?,
        client: row.opt_text("client")?,
        user_agent: row.opt_text("user_agent")?,
    })
}
