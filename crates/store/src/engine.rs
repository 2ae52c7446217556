//! The one place where statements meet the drivers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use portcullis_domain::Clock;
use sqlx::{
    AssertSqlSafe, Database, Encode, PgConnection, Postgres, SqlStr, Sqlite, SqliteConnection,
    Transaction, Type, pool::PoolConnection, query::Query,
};

use crate::{
    Engine, Error, Result, dialect,
    value::{Row, Value},
};

/// A connection to read with. Reads made inside a [`crate::Tx`] see what it wrote.
pub struct Reader {
    conn: Conn,
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether a statement failed in a way that running the transaction again can heal.
    pub(crate) is_conflicted: bool,
    /// How long one statement may take on SQLite; PostgreSQL knows its bound itself.
    pub(crate) statement_timeout: Option<Duration>,
}

/// Steps of SQLite's machine, about 0.1 ms, between two looks whether a statement is still wanted.
const STEPS: i32 = 10_000;

pub(crate) enum Conn {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
    SqliteTx(Transaction<'static, Sqlite>),
    PostgresTx(Transaction<'static, Postgres>),
}

/// A statement's text: written in the source, or put together from such pieces and `$n`. Values
/// never become part of it.
pub(crate) struct Sql {
    text: SqlStr,
    /// Texts that vary are not worth a place in the connection's cache of prepared statements.
    is_cached: bool,
}

enum Borrowed<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Reader {
    pub(crate) fn new(conn: Conn, clock: Arc<dyn Clock>) -> Self {
        Self { conn, clock, is_conflicted: false, statement_timeout: None }
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        match self.conn {
            Conn::Sqlite(_) | Conn::SqliteTx(_) => Engine::Sqlite,
            Conn::Postgres(_) | Conn::PostgresTx(_) => Engine::Postgres,
        }
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<u64> {
        let sql = sql.into();
        let _awaited = self.limit().await?;
        let done = match self.borrow() {
            Borrowed::Sqlite(conn) => {
                bound::<Sqlite>(sql, values).execute(conn).await.map(|done| done.rows_affected())
            }
            Borrowed::Postgres(conn) => {
                bound::<Postgres>(sql, values).execute(conn).await.map(|done| done.rows_affected())
            }
        };
        done.map_err(|error| self.failed(error))
    }

    /// The first row, if there is one.
    pub(crate) async fn optional(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Option<Row>> {
        let sql = sql.into();
        let _awaited = self.limit().await?;
        let row = match self.borrow() {
            Borrowed::Sqlite(conn) => {
                let row = bound::<Sqlite>(sql, values).fetch_optional(conn).await;
                row.map(|row| row.map(Row::Sqlite))
            }
            Borrowed::Postgres(conn) => {
                let row = bound::<Postgres>(sql, values).fetch_optional(conn).await;
                row.map(|row| row.map(Row::Postgres))
            }
        };
        row.map_err(|error| self.failed(error))
    }

    /// The one row of a statement that always has one.
    pub(crate) async fn one(&mut self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<Row> {
        let row = self.optional(sql, values).await?;
        row.ok_or(Error::Driver(sqlx::Error::RowNotFound))
    }

    /// Every row, read by `read`.
    pub(crate) async fn all<T: Send>(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
        read: fn(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.each(sql, values, &mut |row| {
            rows.push(read(row)?);
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// Hands every row to `take` as it comes in, holding one at a time.
    pub(crate) async fn each(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
        take: &mut (dyn FnMut(&Row) -> Result<()> + Send),
    ) -> Result<()> {
        let sql = sql.into();
        let _awaited = self.limit().await?;
        let failure = match self.borrow() {
            Borrowed::Sqlite(conn) => {
                let mut rows = bound::<Sqlite>(sql, values).fetch(conn);
                loop {
                    match rows.try_next().await {
                        Ok(Some(row)) => take(&Row::Sqlite(row))?,
                        Ok(None) => return Ok(()),
                        Err(error) => break error,
                    }
                }
            }
            Borrowed::Postgres(conn) => {
                let mut rows = bound::<Postgres>(sql, values).fetch(conn);
                loop {
                    match rows.try_next().await {
                        Ok(Some(row)) => take(&Row::Postgres(row))?,
                        Ok(None) => return Ok(()),
                        Err(error) => break error,
                    }
                }
            }
        };
        Err(self.failed(failure))
    }

    /// Hands every row that can be read to `take`. One that cannot is left out and logged by its
    /// id: damage to one must not keep the others from whoever loads everything.
    pub(crate) async fn each_sound<T>(
        &mut self,
        sql: impl Into<Sql>,
        read: fn(&Row) -> Result<T>,
        take: &mut (dyn FnMut(T) + Send),
    ) -> Result<()> {
        let sql = sql.into();
        let text = sql.text.clone();
        let mut read_and_take = |row: &Row| {
            match read(row) {
                Ok(sound) => take(sound),
                Err(error @ Error::Corrupt(_)) => {
                    let id = row.uuid("id").ok();
                    let text = text.as_str();
                    tracing::error!(%error, ?id, "a damaged row is left out of: {text}");
                }
                Err(error) => return Err(error),
            }
            Ok(())
        };
        self.each(sql, Vec::new(), &mut read_and_take).await
    }

    /// Runs several statements without values: a migration.
    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<()> {
        let done = match self.borrow() {
            Borrowed::Sqlite(conn) => sqlx::raw_sql(sql).execute(conn).await.map(drop),
            Borrowed::Postgres(conn) => sqlx::raw_sql(sql).execute(conn).await.map(drop),
        };
        done.map_err(|error| self.failed(error))
    }

    /// Commits, if this is a transaction.
    pub(crate) async fn commit(self) -> Result<()> {
        match self.conn {
            Conn::Sqlite(_) | Conn::Postgres(_) => Ok(()),
            Conn::SqliteTx(tx) => tx.commit().await.map_err(classify),
            Conn::PostgresTx(tx) => tx.commit().await.map_err(classify),
        }
    }

    /// Rolls back, if this is a transaction. A failure means that the connection is gone, and the
    /// transaction with it.
    pub(crate) async fn roll_back(self) {
        let done = match self.conn {
            Conn::Sqlite(_) | Conn::Postgres(_) => Ok(()),
            Conn::SqliteTx(tx) => tx.rollback().await,
            Conn::PostgresTx(tx) => tx.rollback().await,
        };
        if let Err(error) = done {
            tracing::debug!(%error, "rolling back failed");
        }
    }

    /// Has SQLite break off the next statement when its time is up, or when what this returns is
    /// dropped: then nobody waits for it any more, and its thread must not count on for nothing.
    async fn limit(&mut self) -> Result<Option<Arc<()>>> {
        let Some(bound) = self.statement_timeout else { return Ok(None) };
        let Borrowed::Sqlite(conn) = self.borrow() else { return Ok(None) };
        let deadline = Instant::now() + bound;
        let awaited = Arc::new(());
        let waiting = Arc::downgrade(&awaited);
        let mut handle = conn.lock_handle().await.map_err(classify)?;
        handle.set_progress_handler(STEPS, move || {
            waiting.strong_count() > 0 && Instant::now() < deadline
        });
        Ok(Some(awaited))
    }

    fn borrow(&mut self) -> Borrowed<'_> {
        match &mut self.conn {
            Conn::Sqlite(conn) => Borrowed::Sqlite(conn),
            Conn::Postgres(conn) => Borrowed::Postgres(conn),
            Conn::SqliteTx(tx) => Borrowed::Sqlite(tx),
            Conn::PostgresTx(tx) => Borrowed::Postgres(tx),
        }
    }

    fn failed(&mut self, error: sqlx::Error) -> Error {
        let error = classify(error);
        self.is_conflicted |= matches!(error, Error::Busy);
        error
    }
}

/// Sorts a driver's failure.
pub(crate) fn classify(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Error::Unavailable(error),
        sqlx::Error::Database(said) if dialect::is_transient(&**said) => Error::Busy,
        sqlx::Error::Database(said) if dialect::is_broken_off(&**said) => Error::TookTooLong,
        sqlx::Error::Database(said) if said.is_unique_violation() => Error::Taken,
        sqlx::Error::Database(said) if said.is_foreign_key_violation() => Error::Referenced,
        sqlx::Error::Database(said) => Error::Refused {
            code: said.code().unwrap_or_default().into_owned(),
            message: said.message().to_owned(),
        },
        _ => Error::Driver(error),
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self { text: sqlx::SqlSafeStr::into_sql_str(text), is_cached: true }
    }
}

impl Sql {
    /// A text of names only, of which there are few: it is worth preparing.
    pub(crate) fn of_names(text: String) -> Self {
        Self { is_cached: true, ..Self::from(text) }
    }
}

impl From<String> for Sql {
    fn from(text: String) -> Self {
        Self { text: sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(text)), is_cached: false }
    }
}

fn bound<'q, DB>(sql: Sql, values: Vec<Value>) -> Query<'q, DB, DB::Arguments>
where
    DB: Database + sqlx::database::HasStatementCache,
    Option<i64>: Encode<'q, DB> + Type<DB> + 'q,
    Option<String>: Encode<'q, DB> + Type<DB> + 'q,
    Option<Vec<u8>>: Encode<'q, DB> + Type<DB> + 'q,
{
    let query = sqlx::query::<DB>(sql.text).persistent(sql.is_cached);
    values.into_iter().fold(query, |query, value| match value {
        Value::Int(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
    })
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use portcullis_domain::{Clock, Timestamp};
    use portcullis_testkit::postgres::Postgres;
    use tokio::time::{Instant, timeout};

    use crate::{Db, Error, Options};

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(0)
        }
    }

    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 - i FROM n)
         SELECT COUNT(*) AS count FROM n";

    async fn is_usable(db: &Db) {
        let mut reader = db.read().await.unwrap();
        assert_eq!(
            reader
                .one("SELECT CAST(1 AS BIGINT) AS one", vec![])
                .await
                .unwrap()
                .int("one")
                .unwrap(),
            1
        );
    }

    async fn endless(db: &Db) -> Error {
        let mut reader = db.read().await.unwrap();
        reader.optional(ENDLESS, vec![]).await.map(drop).unwrap_err()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_statement_that_takes_too_long_is_broken_off() {
        let directory = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}/portcullis.db", directory.path().display());
        let fresh = tokio::task::spawn_blocking(|| Postgres::shared().fresh_database());
        for url in [file, fresh.await.unwrap()] {
            let db = Db::connect(&url, Options::new(Arc::new(Still))).await.unwrap();
            let bounded = db.apart(1, Some(Duration::from_millis(50)));
            for _ in 0..2 {
                let error = timeout(Duration::from_secs(5), endless(&bounded)).await.unwrap();
                assert!(matches!(error, Error::TookTooLong), "{error}");
                is_usable(&bounded).await;
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_statement_that_nobody_waits_for_ends() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/portcullis.db", directory.path().display());
        let db = Db::connect(&url, Options::new(Arc::new(Still))).await.unwrap();
        let bounded = db.apart(1, Some(Duration::from_secs(60)));
        let begun = Instant::now();
        assert!(timeout(Duration::from_millis(50), endless(&bounded)).await.is_err());
        is_usable(&bounded).await;
        assert!(begun.elapsed() < Duration::from_secs(3), "its one connection is free at once");
    }
}
