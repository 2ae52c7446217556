//! The instance itself and its sealed secrets.

use portcullis_domain::{Sealed, Timestamp};
use uuid::Uuid;

use crate::{
    Reader, Result, Tx,
    value::{Row, values},
};

/// The instance's row and secrets, through a [`Reader`] or a [`Tx`].
pub struct Instance<'s, S>(&'s mut S);

/// The one row that says that the database is initialised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceRow {
    /// The instance's id; the row that its secrets are sealed for.
    pub id: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Reader {
    /// The instance.
    pub fn instance(&mut self) -> Instance<'_, Self> {
        Instance(self)
    }
}

impl Tx {
    /// The instance, to change.
    pub fn instance(&mut self) -> Instance<'_, Self> {
        Instance(self)
    }
}

impl Instance<'_, Reader> {
    /// The instance; `None` in a database that is not initialised.
    pub async fn find(&mut self) -> Result<Option<InstanceRow>> {
        let row = self.0.optional("SELECT id, created_at FROM instance", values![]).await?;
        row.as_ref().map(read).transpose()
    }

    /// The secret of that name.
    pub async fn secret(&mut self, name: &str) -> Result<Option<Sealed>> {
        let sql = "SELECT sealed FROM instance_secrets WHERE name = $1";
        self.0.optional(sql, values![name]).await?.map(|row| row.sealed("sealed")).transpose()
    }
}

impl Instance<'_, Tx> {
    /// Makes the instance, unless it exists. Either way the answer is the one that exists then.
    pub async fn insert(&mut self, instance: InstanceRow) -> Result<InstanceRow> {
        let sql = "INSERT INTO instance (singleton, id, created_at) VALUES (1, $1, $2)
             ON CONFLICT (singleton) DO NOTHING";
        self.0.execute(sql, values![instance.id, instance.created_at]).await?;
        read(&self.0.one("SELECT id, created_at FROM instance", values![]).await?)
    }

    /// Keeps a secret, in place of an older one of that name.
    pub async fn put_secret(&mut self, name: &str, sealed: &Sealed) -> Result<()> {
        let sql = "INSERT INTO instance_secrets (name, sealed) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed";
        self.0.execute(sql, values![name, sealed]).await?;
        Ok(())
    }
}

fn read(row: &Row) -> Result<InstanceRow> {
    Ok(InstanceRow { id: row.uuid("id")?, created_at: row.instant("created_at")? })
}
