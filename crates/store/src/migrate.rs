//! The schema and its versions.

use crate::{Db, Engine, Error, Reader, Result, dialect, value::values};

struct Migration {
    version: i64,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migrations {
    ($($version:literal $file:literal,)*) => {
        &[$(Migration {
            version: $version,
            sqlite: include_str!(concat!("../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../migrations/postgres/", $file)),
        }),*]
    };
}

/// In order, without gaps. One that somebody may have run never changes.
const MIGRATIONS: &[Migration] = migrations! {
    1 "0001_first.sql",
    2 "0002_audit.sql",
    3 "0003_access.sql",
    4 "0004_kms.sql",
    5 "0005_contents.sql",
    6 "0006_accounts.sql",
};

const LATEST: i64 = MIGRATIONS.len() as i64;

impl Db {
    /// Brings the schema up to this release's, all or nothing, and says which it is now. Costs one
    /// look when there is nothing to do. Several processes may call it at once.
    pub async fn migrate(&self) -> Result<i64> {
        if self.pending().await? == 0 {
            return Ok(LATEST);
        }
        let mut tx = self.begin(self.engine().begin_migration()).await?;
        dialect::lock_migrations(&mut tx).await?;
        tx.script("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)").await?;
        let found = version(&mut tx).await?;
        known(found)?;
        for migration in MIGRATIONS.iter().filter(|migration| migration.version > found) {
            tx.script(match self.engine() {
                Engine::Sqlite => migration.sqlite,
                Engine::Postgres => migration.postgres,
            })
            .await?;
            tracing::info!(version = migration.version, "the schema was migrated");
        }
        tx.execute("DELETE FROM schema_version", values![]).await?;
        tx.execute("INSERT INTO schema_version (version) VALUES ($1)", values![LATEST]).await?;
        tx.commit().await?;
        Ok(LATEST)
    }

    /// The database's schema; 0 when it is empty.
    pub async fn schema_version(&self) -> Result<i64> {
        match version(&mut self.read().await?).await {
            Err(error) if dialect::is_missing_table(&error) => Ok(0),
            version => version,
        }
    }

    /// How many migrations [`Db::migrate`] would run. Fails when the schema is a later release's.
    pub async fn pending(&self) -> Result<usize> {
        let found = self.schema_version().await?;
        known(found)?;
        Ok(MIGRATIONS.iter().filter(|migration| migration.version > found).count())
    }
}

async fn version(reader: &mut Reader) -> Result<i64> {
    let row = reader.optional("SELECT version FROM schema_version", values![]).await?;
    row.map_or(Ok(0), |row| row.int("version"))
}

fn known(found: i64) -> Result<()> {
    if found > LATEST { Err(Error::NewerSchema { found, known: LATEST }) } else { Ok(()) }
}
