//! Work on data keys that takes a while, and who is at it.

use portcullis_domain::{OrganisationId, Timestamp};
use uuid::Uuid;

use crate::{
    Error, Reader, Result, Tx,
    value::{Row, values},
};

/// The work, through a [`Reader`] or a [`Tx`]. It demands no permit: what began it did.
pub struct VaultWork<'s, S>(&'s mut S);

/// One piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultWorkRow {
    /// Whose keys; `None` for the instance's own.
    pub organisation_id: Option<OrganisationId>,
    /// What kind: `rewrap` or `reseal`.
    pub kind: String,
    /// How many there are to do.
    pub total: u64,
    /// How many are done.
    pub done: u64,
    /// How many could not be done.
    pub failed: u64,
    /// What stands in the way.
    pub error: Option<String>,
    /// When it was noted.
    pub started_at: Timestamp,
    /// When it last made progress.
    pub updated_at: Timestamp,
}

impl Reader {
    /// The work.
    pub fn vault_work(&mut self) -> VaultWork<'_, Self> {
        VaultWork(self)
    }
}

impl Tx {
    /// The work, to change.
    pub fn vault_work(&mut self) -> VaultWork<'_, Self> {
        VaultWork(self)
    }
}

impl VaultWork<'_, Reader> {
    /// All that is not finished, oldest first.
    pub async fn list(&mut self) -> Result<Vec<VaultWorkRow>> {
        let sql = "SELECT scope, kind, total, done, failed, error, started_at, updated_at
             FROM vault_work ORDER BY started_at, scope, kind";
        self.0.all(sql, values![], read).await
    }
}

impl VaultWork<'_, Tx> {
    /// Notes that there is such work. What is being done of it is to be done again from the start,
    /// by whoever claims it anew: its holder began before there was a reason for more.
    pub async fn note(
        &mut self,
        organisation: Option<OrganisationId>,
        kind: &str,
        at: Timestamp,
    ) -> Result<()> {
        let sql = "INSERT INTO vault_work
                 (scope, kind, total, done, failed, error, holder, held_until, started_at,
                  updated_at)
             VALUES ($1, $2, 0, 0, 0, NULL, NULL, NULL, $3, $3)
             ON CONFLICT (scope, kind) DO UPDATE SET total = 0, done = 0, failed = 0, error = NULL,
                 holder = NULL, held_until = NULL, started_at = $3, updated_at = $3";
        self.0.execute(sql, values![scope(organisation), kind, at]).await?;
        Ok(())
    }

    /// Takes the work for `holder` until `until`, unless somebody else has it at `now`.
    pub async fn claim(
        &mut self,
        organisation: Option<OrganisationId>,
        kind: &str,
        holder: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool> {
        let sql = "UPDATE vault_work SET holder = $3, held_until = $4
             WHERE scope = $1 AND kind = $2
                 AND (holder IS NULL OR holder = $3 OR held_until <= $5)";
        let values = values![scope(organisation), kind, holder, until, now];
        Ok(self.0.execute(sql, values).await? == 1)
    }

    /// Writes how far the work is and keeps it until `until`. `false` when it is not `holder`'s.
    pub async fn progress(
        &mut self,
        work: &VaultWorkRow,
        holder: Uuid,
        until: Timestamp,
    ) -> Result<bool> {
        let sql = "UPDATE vault_work
             SET total = $4, done = $5, failed = $6, error = $7, updated_at = $8, held_until = $9
             WHERE scope = $1 AND kind = $2 AND holder = $3";
        let values = values![
            scope(work.organisation_id),
            work.kind.as_str(),
            holder,
            work.total,
            work.done,
            work.failed,
            work.error.as_deref(),
            work.updated_at,
            until,
        ];
        Ok(self.0.execute(sql, values).await? == 1)
    }

    /// Forgets work that is done. `false` when it is not `holder`'s.
    pub async fn finish(
        &mut self,
        organisation: Option<OrganisationId>,
        kind: &str,
        holder: Uuid,
    ) -> Result<bool> {
        let sql = "DELETE FROM vault_work WHERE scope = $1 AND kind = $2 AND holder = $3";
        Ok(self.0.execute(sql, values![scope(organisation), kind, holder]).await? == 1)
    }
}

/// A key's column cannot be NULL: the instance is sixteen zeros, which no organisation's id is.
fn scope(organisation: Option<OrganisationId>) -> Uuid {
    organisation.map_or(Uuid::nil(), OrganisationId::uuid)
}

fn read(row: &Row) -> Result<VaultWorkRow> {
    let count = |column| u64::try_from(row.int(column)?).map_err(|_| Error::Corrupt(column));
    let scope = row.uuid("scope")?;
    Ok(VaultWorkRow {
        organisation_id: (!scope.is_nil()).then(|| OrganisationId::from_uuid(scope)),
        kind: row.text("kind")?,
        total: count("total")?,
        done: count("done")?,
        failed: count("failed")?,
        error: row.opt_text("error")?,
        started_at: row.instant("started_at")?,
        updated_at: row.instant("updated_at")?,
    })
}
