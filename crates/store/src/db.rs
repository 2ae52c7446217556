//! Opening a database, and the unit of work.

use std::{
    ops::{Deref, DerefMut},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use portcullis_domain::Clock;
use sqlx::{
    ConnectOptions, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::{
    sync::{Mutex, watch},
    time::Instant,
};

use crate::{
    Act, Engine, Error, Reader, Result, Scene,
    engine::{Conn, classify},
};

/// A database of either engine. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Db(pub(crate) Arc<Inner>);

/// How a database is used.
#[derive(Clone)]
pub struct Options {
    /// Where the instants of outbox events come from.
    pub clock: Arc<dyn Clock>,
    /// Connections at most: those that read, on SQLite, which has one more that writes.
    pub connections: u32,
    /// How long to wait for a connection, and for other processes' locks on SQLite.
    pub wait: Duration,
    /// How long a transaction that others get in the way of is tried again.
    pub retry: Duration,
    /// How often [`crate::Changes`] looks for other nodes' changes when nobody tells.
    pub poll: Duration,
    /// How long one statement may take: on PostgreSQL any, on SQLite those of [`Db::read`], which
    /// also end there when nobody waits for them any more. No bound by default.
    pub statement_timeout: Option<Duration>,
}

/// A transaction that writes. Also reads, through [`Reader`].
pub struct Tx {
    reader: Reader,
    /// Whether it has put something into the outbox.
    pub(crate) has_news: bool,
}

pub(crate) struct Inner {
    pub(crate) pools: Pools,
    pub(crate) options: Options,
    /// Told after every commit that put something into the outbox.
    pub(crate) news: watch::Sender<()>,
    /// Transactions that met a conflict run again one at a time, so that they do not meet each
    /// other again.
    retrying: Mutex<()>,
}

pub(crate) enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

impl Options {
    /// The defaults.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            connections: 8,
            wait: Duration::from_secs(5),
            retry: Duration::from_secs(10),
            poll: Duration::from_millis(500),
            statement_timeout: None,
        }
    }
}

impl Db {
    /// Opens `sqlite:///path/to/file.db`, making the file if need be, or `postgres://…`. Does not
    /// look at the schema: see [`Db::migrate`].
    pub async fn connect(url: &str, options: Options) -> Result<Self> {
        let pools = if url.starts_with("sqlite:") {
            open_sqlite(url, &options).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            open_postgres(url, &options).await?
        } else {
            return Err(Error::Url("unknown scheme".to_owned()));
        };
        Ok(Self::over(pools, options))
    }

    fn over(pools: Pools, options: Options) -> Self {
        let (news, _) = watch::channel(());
        Self(Arc::new(Inner { pools, options, news, retrying: Mutex::new(()) }))
    }

    /// Other connections to the same database, made when they are first used: what goes over them
    /// never waits for what goes over these. They are told of the same commits.
    pub fn apart(&self, connections: u32, statement_timeout: Option<Duration>) -> Self {
        let options = Options { connections, statement_timeout, ..self.0.options.clone() };
        let pools = match &self.0.pools {
            Pools::Sqlite { writer, .. } => {
                let file = (*writer.connect_options()).clone();
                let (writer, readers) = sqlite_pools(&file, &options);
                Pools::Sqlite { writer: writer.connect_lazy_with(file), readers }
            }
            Pools::Postgres(pool) => {
                let server = (*pool.connect_options()).clone();
                Pools::Postgres(postgres_pool(&options).connect_lazy_with(server))
            }
        };
        let news = self.0.news.clone();
        Self(Arc::new(Inner { pools, options, news, retrying: Mutex::new(()) }))
    }

    /// As [`Db::connect`], without connecting: connections are made when they are first used, by
    /// whoever uses them. On SQLite their threads then have the priority of that thread.
    pub fn connect_lazily(url: &str, options: Options) -> Result<Self> {
        let pools = if url.starts_with("sqlite:") {
            let file = sqlite_file(url, &options)?;
            let (writer, readers) = sqlite_pools(&file, &options);
            Pools::Sqlite { writer: writer.connect_lazy_with(file), readers }
        } else {
            Pools::Postgres(postgres_pool(&options).connect_lazy_with(postgres_server(url)?))
        };
        Ok(Self::over(pools, options))
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        match self.0.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// A connection to read with. Each statement sees the latest commit.
    pub async fn read(&self) -> Result<Reader> {
        let conn = match &self.0.pools {
            Pools::Sqlite { readers, .. } => readers.acquire().await.map(Conn::Sqlite),
            Pools::Postgres(pool) => pool.acquire().await.map(Conn::Postgres),
        };
        let mut reader = Reader::new(conn.map_err(classify)?, Arc::clone(&self.0.options.clock));
        reader.statement_timeout = self.0.options.statement_timeout;
        Ok(reader)
    }

    /// Runs `work` in one serialisable transaction and commits it if it succeeds; an error or a
    /// dropped future rolls everything back. Because `work` runs again when other writers got in
    /// its way, it must have no effect outside the transaction. It is `Clone`, as any closure that
    /// captures by shared reference is, rather than `AsyncFn`, whose futures the compiler cannot
    /// yet prove to be `Send`.
    ///
    /// What belongs to tenants is not written here but in [`Self::act`].
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut Tx) -> Result<T, E> + Clone,
        E: From<Error>,
    {
        self.repeat(&(), work).await
    }

    /// Runs `work` as [`Self::write`] does, on what belongs to tenants: whatever it writes is told
    /// to the audit trail and to the data plane in the same transaction. An act of which the trail
    /// was told nothing is rolled back: [`Error::Untold`].
    pub async fn act<T, E, F>(&self, scene: &Scene, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut Act) -> Result<T, E> + Clone,
        E: From<Error>,
    {
        self.repeat(scene, work).await
    }

    async fn repeat<C: Context, T, E, F>(&self, context: &C, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut C::Unit) -> Result<T, E> + Clone,
        E: From<Error>,
    {
        let deadline = Instant::now() + self.0.options.retry;
        let mut place_in_line = None;
        let mut pause = Duration::from_millis(1);
        loop {
            let (error, is_conflict) = match self.attempt(context, work.clone()).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            if !is_conflict || Instant::now() >= deadline {
                return Err(error);
            }
            if place_in_line.is_none() {
                place_in_line = Some(self.0.retrying.lock().await);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    async fn attempt<C: Context, T, E, F>(&self, context: &C, work: F) -> Result<T, (E, bool)>
    where
        F: AsyncFnOnce(&mut C::Unit) -> Result<T, E> + Clone,
        E: From<Error>,
    {
        let ours = |error: Error| {
            let is_conflict = matches!(error, Error::Busy);
            (E::from(error), is_conflict)
        };
        let tx = self.begin(self.engine().begin_write()).await.map_err(ours)?;
        let mut unit = context.open(tx);
        match work(&mut unit).await {
            Ok(value) => {
                let tx = context.close(unit).map_err(ours)?;
                let has_news = tx.has_news;
                tx.reader.commit().await.map_err(ours)?;
                if has_news {
                    self.0.news.send_replace(());
                }
                Ok(value)
            }
            Err(error) => {
                let tx = context.give_up(unit);
                let is_conflict = tx.reader.is_conflicted;
                tx.reader.roll_back().await;
                Err((error, is_conflict))
            }
        }
    }

    pub(crate) async fn begin(&self, statement: &'static str) -> Result<Tx> {
        let conn = match &self.0.pools {
            Pools::Sqlite { writer, .. } => writer.begin_with(statement).await.map(Conn::SqliteTx),
            Pools::Postgres(pool) => pool.begin_with(statement).await.map(Conn::PostgresTx),
        };
        let reader = Reader::new(conn.map_err(classify)?, Arc::clone(&self.0.options.clock));
        Ok(Tx { reader, has_news: false })
    }

    /// The pool to listen with, where the engine can tell of changes.
    pub(crate) fn listening_pool(&self) -> Option<&PgPool> {
        match &self.0.pools {
            Pools::Sqlite { .. } => None,
            Pools::Postgres(pool) => Some(pool),
        }
    }

    /// Closes every connection, after the work on them. On SQLite this folds the write-ahead log
    /// into the file.
    pub async fn close(&self) {
        match &self.0.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

/// What a transaction is handed out as.
trait Context: Sync {
    type Unit: Send;
    fn open(&self, tx: Tx) -> Self::Unit;
    fn close(&self, unit: Self::Unit) -> Result<Tx>;
    fn give_up(&self, unit: Self::Unit) -> Tx;
}

/// As it is.
impl Context for () {
    type Unit = Tx;
    fn open(&self, tx: Tx) -> Tx {
        tx
    }
    fn close(&self, tx: Tx) -> Result<Tx> {
        Ok(tx)
    }
    fn give_up(&self, tx: Tx) -> Tx {
        tx
    }
}

/// As an act of somebody.
impl Context for Scene {
    type Unit = Act;
    fn open(&self, tx: Tx) -> Act {
        Act::new(tx, self.clone())
    }
    fn close(&self, act: Act) -> Result<Tx> {
        act.into_told()
    }
    fn give_up(&self, act: Act) -> Tx {
        act.into_tx()
    }
}

impl Tx {
    /// This transaction as a reader, for the nouns whose own handle only writes here.
    pub fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    pub(crate) async fn commit(self) -> Result<()> {
        self.reader.commit().await
    }
}

impl Deref for Tx {
    type Target = Reader;
    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Reader {
        &mut self.reader
    }
}

async fn open_sqlite(url: &str, options: &Options) -> Result<Pools> {
    let file = sqlite_file(url, options)?;
    let (writer, readers) = sqlite_pools(&file, options);
    Ok(Pools::Sqlite { writer: writer.connect_with(file).await.map_err(classify)?, readers })
}

fn sqlite_file(url: &str, options: &Options) -> Result<SqliteConnectOptions> {
    let file = SqliteConnectOptions::from_str(url)
        .map_err(|_| Error::Url("the file's path cannot be read".to_owned()))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that was acknowledged survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is deleted or moved within a page is wiped there: wrapped data keys, for one.
        .pragma("secure_delete", "FAST")
        // A mebibyte of pages for each connection: the system caches the file as well.
        .pragma("cache_size", "-1024")
        // A statement of several rows keeps a journal of its own; that needs no file.
        .pragma("temp_store", "MEMORY")
        .busy_timeout(options.wait)
        .disable_statement_logging();
    Ok(file)
}

/// The writer, still to be connected to the file, and the readers.
fn sqlite_pools(file: &SqliteConnectOptions, options: &Options) -> (SqlitePoolOptions, SqlitePool) {
    let pool = || SqlitePoolOptions::new().acquire_timeout(options.wait).test_before_acquire(false);
    let writer = pool().max_connections(1).idle_timeout(None).max_lifetime(None);
    let readers = pool().max_connections(options.connections.max(1));
    (writer, readers.connect_lazy_with(file.clone().pragma("query_only", "ON")))
}

async fn open_postgres(url: &str, options: &Options) -> Result<Pools> {
    let server = postgres_server(url)?;
    Ok(Pools::Postgres(postgres_pool(options).connect_with(server).await.map_err(classify)?))
}

fn postgres_server(url: &str) -> Result<PgConnectOptions> {
    let server = PgConnectOptions::from_str(url)
        .map_err(|_| Error::Url("a part of it cannot be read".to_owned()))?;
    Ok(server.application_name("portcullis").disable_statement_logging())
}

fn postgres_pool(options: &Options) -> PgPoolOptions {
    let pool = PgPoolOptions::new()
        // One is kept by the listener.
        .max_connections(options.connections.max(1) + 1)
        .acquire_timeout(options.wait);
    let Some(bound) = options.statement_timeout else { return pool };
    pool.after_connect(move |conn, _| {
        Box::pin(async move {
            sqlx::query("SELECT set_config('statement_timeout', $1, false)")
                .bind(format!("{}ms", bound.as_millis()))
                .execute(conn)
                .await
                .map(drop)
        })
    })
}
