//! Erasing an organisation: its data keys first of all, so that whatever they sealed, in backups
//! too, opens no more.

use std::time::{Duration, Instant};

use portcullis_domain::{
    ApiKeyId, AuditAction, AuditResource, IntegrationId, OrganisationId, Permit, VirtualKeyId,
    WorkspaceId,
};
use sqlx::{AssertSqlSafe, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::{
    Act, Db, Error, Note, Reader, Result, Scene, Subject, Tx, db::Pools, engine::classify, tenant,
    value::values,
};

/// Tables of an organisation's configuration, in the order in which their rows can go, and what of
/// them the data plane knows. A test compares the list with the schema.
pub const ERASED_TABLES: &[ErasedTable] = &[
    ErasedTable {
        name: "virtual_keys",
        subject: Some(|id| Subject::VirtualKey(VirtualKeyId::from_uuid(id))),
    },
    ErasedTable {
        name: "integrations",
        subject: Some(|id| Subject::Integration(IntegrationId::from_uuid(id))),
    },
    ErasedTable { name: "api_keys", subject: Some(|id| Subject::ApiKey(ApiKeyId::from_uuid(id))) },
    ErasedTable { name: "token_issuers", subject: None },
    ErasedTable { name: "invites", subject: None },
    // Whoever was signed in there signs in anew, elsewhere.
    ErasedTable { name: "sessions", subject: None },
    ErasedTable { name: "workspace_memberships", subject: None },
    ErasedTable { name: "memberships", subject: None },
    ErasedTable { name: "environments", subject: None },
    ErasedTable {
        name: "workspaces",
        subject: Some(|id| Subject::Workspace(WorkspaceId::from_uuid(id))),
    },
];

/// Tables whose rows are erased by [`DataKeys::erase`](crate::DataKeys::erase) or in batches after
/// the rest, or that tell other nodes of it.
pub const ERASED_OTHERWISE: &[&str] =
    &["data_keys", "kms_connections", "logs", "log_contents", "outbox"];

/// A table of an organisation's configuration.
#[derive(Debug)]
pub struct ErasedTable {
    /// Its name.
    pub name: &'static str,
    subject: Option<fn(Uuid) -> Subject>,
}

/// How long the files are tried to be rid of what is erased, and the pause between two tries.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);
/// How long PostgreSQL's other sessions are waited for: a replica tells only every ten seconds, by
/// default, how far it has come.
const UNSEEN_PATIENCE: Duration = Duration::from_secs(30);
/// PostgreSQL's code for a lock that was not to be had in time.
const LOCKED: &str = "55P03";

/// Logs per transaction.
const BATCH: i64 = 2_000;

impl Db {
    /// Erases an organisation: its data keys, connections and whole configuration in one
    /// transaction, of which the instance's audit trail is told, then what it logged, in batches.
    /// Interrupted, it can be run again. Its own audit trail stays. `false` when there was nothing
    /// of it. What was written over still lies in the database's files until [`Self::fold`].
    pub async fn erase_organisation(&self, scene: &Scene, permit: &Permit) -> Result<bool> {
        let id = permit.organisation();
        let erase = async |act: &mut Act| -> Result<bool> {
            let keys = act.data_keys().list(Some(id)).await?;
            let keys: Vec<String> = keys.iter().map(|key| key.id.to_string()).collect();
            let organisation = act.organisations().find(id).await?;
            let found = act.tx().erase(permit).await?;
            let mut note = Note::new(None, AuditAction::Delete, AuditResource::Organisation);
            note.resource_id = Some(id.to_string());
            note.resource_name = organisation.map(|organisation| organisation.name);
            note.scope = permit.scope();
            note.before = Some(serde_json::json!({"data_keys": keys}));
            act.note(note).await?;
            Ok(found)
        };
        let mut found = self.act(scene, erase).await?;
        loop {
            let batch = async |tx: &mut Tx| -> Result<u64> { tx.erase_logs(id).await };
            match self.write(batch).await? {
                0 => break,
                _ => found = true,
            }
        }
        Ok(found)
    }

    /// Rids the database's files of wrapped data keys that were written over or deleted: folds
    /// SQLite's write-ahead log into the file and empties it; has PostgreSQL write the tables of
    /// data keys and connections anew. Fails with [`Error::Busy`] while others use them for long, or
    /// may still see what was there. What PostgreSQL's own write-ahead log has, it keeps.
    pub async fn fold(&self) -> Result<()> {
        match &self.0.pools {
            Pools::Sqlite { writer, .. } => {
                let mut conn = writer.acquire().await.map_err(classify)?;
                // Briefly: while it waits for readers, nobody else can write.
                busy_timeout(&mut conn, PAUSE).await?;
                let deadline = Instant::now() + PATIENCE;
                let folded = fold_sqlite(&mut conn, deadline).await;
                let reset = busy_timeout(&mut conn, self.0.options.wait).await;
                folded.and(reset)
            }
            Pools::Postgres(pool) => {
                let mut conn = pool.acquire().await.map_err(classify)?;
                // Briefly: whoever wants the table next waits behind this.
                sqlx::query("SET lock_timeout = '500ms'")
                    .execute(&mut *conn)
                    .await
                    .map_err(classify)?;
                let mut outcome = until_unseen(&mut conn).await;
                let deadline = Instant::now() + PATIENCE;
                for sql in ["VACUUM (FULL) data_keys", "VACUUM (FULL) kms_connections"] {
                    outcome = outcome.and(patiently(sql, &mut conn, deadline).await);
                }
                let reset = sqlx::query("RESET lock_timeout").execute(&mut *conn).await;
                outcome.and(reset.map(drop).map_err(classify))
            }
        }
    }
}

async fn busy_timeout(conn: &mut SqliteConnection, wait: Duration) -> Result<()> {
    let sql = AssertSqlSafe(format!("PRAGMA busy_timeout = {}", wait.as_millis()));
    sqlx::query(sql).execute(conn).await.map(drop).map_err(classify)
}

async fn fold_sqlite(conn: &mut SqliteConnection, deadline: Instant) -> Result<()> {
    loop {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy: i64 = sqlx::query_scalar(sql).fetch_one(&mut *conn).await.map_err(classify)?;
        if is_busy == 0 {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Error::Busy);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until nothing is left that may still see what was there before now, which PostgreSQL would
/// take over into the new files: transactions of this database, autovacuum's too while it analyses
/// (vacuuming, it holds nothing back), replicas, and whoever writes in any database of the server, for
/// the snapshot in which the files are written anew reaches as far back. Of another user's session
/// PostgreSQL does not tell everyone what it is, but how far back it sees.
async fn until_unseen(conn: &mut PgConnection) -> Result<()> {
    let now = "SELECT pg_current_xact_id()::xid::text";
    let now: String = sqlx::query_scalar(now).fetch_one(&mut *conn).await.map_err(classify)?;
    // A slot that was given up holds nothing back, but still shows what it did.
    let older = "SELECT COUNT(*) FROM (
             SELECT GREATEST(age(backend_xid), CASE
                 WHEN datname IS NULL OR datname = current_database() THEN age(backend_xmin)
             END) AS reach
             FROM pg_stat_activity
             WHERE pid <> pg_backend_pid() AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)
             UNION ALL
             SELECT age(transaction) FROM pg_prepared_xacts
             UNION ALL
             SELECT age(xmin) FROM pg_replication_slots WHERE wal_status IS DISTINCT FROM 'lost'
         ) AS horizons
         WHERE reach > age($1::text::xid)";
    let deadline = Instant::now() + UNSEEN_PATIENCE;
    let mut is_seen = async || {
        let count = sqlx::query_scalar(older).bind(&now).fetch_one(&mut *conn).await;
        count.map(|older: i64| older > 0).map_err(classify)
    };
    // Asked twice, for the rows are not of one moment: while they are read, a snapshot may be taken
    // that reaches as far back as a transaction that then ends. The second time it is there.
    while is_seen().await? || is_seen().await? {
        if Instant::now() >= deadline {
            return Err(Error::Busy);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Runs a statement that may not get its lock at once.
async fn patiently(sql: &'static str, conn: &mut PgConnection, deadline: Instant) -> Result<()> {
    loop {
        match sqlx::query(sql).execute(&mut *conn).await {
            Ok(_) => return Ok(()),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCKED) => {
                if Instant::now() >= deadline {
                    return Err(Error::Busy);
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(classify(error)),
        }
    }
}

impl Tx {
    async fn erase(&mut self, permit: &Permit) -> Result<bool> {
        let id = permit.organisation();
        tenant::check(permit, id, None)?;
        self.data_keys().erase(id).await?;
        for table in ERASED_TABLES {
            if let Some(subject) = table.subject {
                let sql = format!("SELECT id FROM {} WHERE organisation_id = $1", table.name);
                let rows: Vec<Uuid> = self.all(sql, values![id], |row| row.uuid("id")).await?;
                for row in rows {
                    self.announce(id, subject(row)).await?;
                }
            }
            let sql = format!("DELETE FROM {} WHERE organisation_id = $1", table.name);
            self.execute(sql, values![id]).await?;
        }
        let gone = self.execute("DELETE FROM organisations WHERE id = $1", values![id]).await?;
        if gone > 0 {
            self.announce(id, Subject::Organisation(id)).await?;
        }
        Ok(gone > 0)
    }

    async fn erase_logs(&mut self, id: OrganisationId) -> Result<u64> {
        let reader: &mut Reader = self;
        let contents = "DELETE FROM log_contents WHERE organisation_id = $1 AND log_id IN
             (SELECT log_id FROM log_contents WHERE organisation_id = $1 LIMIT $2)";
        let mut erased = reader.execute(contents, values![id, BATCH]).await?;
        let logs = "DELETE FROM logs WHERE organisation_id = $1 AND id IN
             (SELECT id FROM logs WHERE organisation_id = $1 LIMIT $2)";
        erased += reader.execute(logs, values![id, BATCH]).await?;
        Ok(erased)
    }
}
