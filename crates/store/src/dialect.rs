//! Every difference between the two engines except the column types, which are in the migrations.
//!
//! Shared by both: `$n` placeholders, `ON CONFLICT`, `RETURNING`, row-value comparison, UUIDs as 16
//! bytes, booleans as integers, JSON as text, instants as integer microseconds.

use portcullis_domain::Timestamp;
use uuid::Uuid;

use crate::{
    Error, Result,
    engine::Reader,
    value::{Row, values},
};

/// Which engine a database is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, in the data directory.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// The channel that tells other nodes of new outbox rows.
pub(crate) const CHANNEL: &str = "portcullis_outbox";

/// Advisory locks of ours, by what they guard. The numbers only have to differ from each other and
/// from those of other software on the same database.
const LOCK_MIGRATIONS: i64 = 0x706f_7274_0001;
const LOCK_OUTBOX: i64 = 0x706f_7274_0002;
const LOCK_PARTITIONS: i64 = 0x706f_7274_0003;

impl Engine {
    /// How a writing transaction begins. SQLite takes the write lock at once: upgrading a read lock
    /// later fails without waiting. PostgreSQL gives the same guarantee by serialisable isolation.
    pub(crate) const fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        }
    }

    /// Rows in one `INSERT`. PostgreSQL saves a round trip for each row more, up to its limit of
    /// bound values. SQLite has no round trips, and finds a numbered value by a linear search: the
    /// cost of a statement grows with the square of its values.
    pub(crate) const fn rows_per_statement(self) -> usize {
        match self {
            Self::Sqlite => 4,
            Self::Postgres => 250,
        }
    }

    /// Whether a log's metadata has the bound value under the bound name. PostgreSQL does not read
    /// JSON in which a NUL is escaped; no name or value that is looked for can hold one.
    pub(crate) fn has_metadata(self, name: &str, value: &str) -> String {
        match self {
            Self::Sqlite => format!(
                "EXISTS (SELECT 1 FROM json_each(fields, '$.metadata') AS member
                     WHERE member.key = {name} AND member.value = {value})"
            ),
            Self::Postgres => format!(
                "replace(fields, '\\u0000', '\\u0001')::json -> 'metadata' ->> {name} = {value}"
            ),
        }
    }

    /// How a migrating transaction begins. Under the lock it must see what its predecessor
    /// committed, which a serialisable snapshot would not.
    pub(crate) const fn begin_migration(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }
}

/// Lets one process migrate at a time.
pub(crate) async fn lock_migrations(tx: &mut Reader) -> Result<()> {
    lock(tx, LOCK_MIGRATIONS).await
}

/// Limits the harm of a failing statement to itself: PostgreSQL gives up a whole transaction after
/// one, SQLite does not.
pub(crate) async fn set_savepoint(tx: &mut Reader) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        tx.execute("SAVEPOINT statement", values![]).await?;
    }
    Ok(())
}

/// Leaves the savepoint, undoing what a row's own fault left behind.
pub(crate) async fn leave_savepoint(tx: &mut Reader, failure: Option<&Error>) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        match failure {
            Some(error) if !is_about_a_row(error) => return Ok(()),
            Some(_) => {
                tx.execute("ROLLBACK TO SAVEPOINT statement", values![]).await?;
            }
            None => {}
        }
        tx.execute("RELEASE SAVEPOINT statement", values![]).await?;
    }
    Ok(())
}

/// Makes the order of revisions the order of commits. Without it a reader could see revision 10,
/// take it as its own, and miss revision 9, whose transaction commits a moment later.
pub(crate) async fn lock_outbox(tx: &mut Reader) -> Result<()> {
    lock(tx, LOCK_OUTBOX).await
}

/// The recorded end of an audit chain, kept from everybody else until the transaction ends. On
/// SQLite there is only one that writes.
pub(crate) async fn lock_audit_chain(tx: &mut Reader, chain: Uuid) -> Result<Option<Row>> {
    let sql = match tx.engine() {
        Engine::Sqlite => "SELECT seq, hash FROM audit_chains WHERE chain = $1",
        Engine::Postgres => "SELECT seq, hash FROM audit_chains WHERE chain = $1 FOR UPDATE",
    };
    tx.optional(sql, values![chain]).await
}

/// Wakes the other nodes when the transaction commits.
pub(crate) async fn notify(tx: &mut Reader) -> Result<()> {
    match tx.engine() {
        // SQLite has no such thing: this process is told by `Db::write`, others poll.
        Engine::Sqlite => Ok(()),
        Engine::Postgres => {
            tx.execute("SELECT pg_notify($1, '')", values![CHANNEL]).await?;
            Ok(())
        }
    }
}

/// Makes the partitions of `logs` and `log_contents` that rows of those instants need.
pub(crate) async fn ensure_log_partitions(
    tx: &mut Reader,
    instants: impl Iterator<Item = Timestamp> + Send,
) -> Result<()> {
    if tx.engine() == Engine::Sqlite {
        return Ok(());
    }
    let mut months: Vec<Month> = Vec::new();
    for instant in instants {
        if !months.iter().any(|month| month.contains(instant)) {
            let month = Month::of(instant)?;
            ensure_month(tx, &month).await?;
            months.push(month);
        }
    }
    Ok(())
}

async fn ensure_month(tx: &mut Reader, month: &Month) -> Result<()> {
    let name = format!("log_contents_{}", month.suffix);
    let row = tx.one("SELECT COUNT(to_regclass($1)) AS found", values![name]).await?;
    if row.int("found")? == 1 {
        return Ok(());
    }
    lock(tx, LOCK_PARTITIONS).await?;
    for table in ["logs", "log_contents"] {
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS {table}_{} PARTITION OF {table} \
             FOR VALUES FROM ({}) TO ({})",
            month.suffix, month.start, month.end
        );
        tx.execute(sql, values![]).await?;
    }
    Ok(())
}

/// Whether the failure says that a table does not exist.
pub(crate) fn is_missing_table(error: &Error) -> bool {
    let Error::Refused { code, message } = error else { return false };
    code == "42P01" || message.starts_with("no such table")
}

/// Whether the same transaction can succeed when it is run again: a serialisation failure, a
/// deadlock or a lock timeout of PostgreSQL; SQLITE_BUSY or SQLITE_LOCKED in any extended form.
pub(crate) fn is_transient(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().is_some_and(|code| match &*code {
        "40001" | "40P01" | "55P03" => true,
        // PostgreSQL's codes have five characters, SQLite's fewer.
        code => {
            code.len() < 5 && code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6))
        }
    })
}

/// Whether a statement was ended for having run too long.
pub(crate) fn is_broken_off(error: &dyn sqlx::error::DatabaseError) -> bool {
    // PostgreSQL: query_canceled. SQLite: SQLITE_INTERRUPT.
    error.code().is_some_and(|code| matches!(&*code, "57014" | "9"))
}

/// Whether the failure lies in a row's own values, so that leaving the row out can help. A full
/// disk or a read-only server is not: rows given up for those would be lost for nothing.
pub(crate) fn is_about_a_row(error: &Error) -> bool {
    match error {
        Error::Taken | Error::Referenced => true,
        // PostgreSQL: data exception, integrity violation, program limit.
        Error::Refused { code, .. } if code.len() == 5 => {
            ["22", "23", "54"].iter().any(|class| code.starts_with(class))
        }
        // SQLite: too big, constraint, mismatch.
        Error::Refused { code, .. } => {
            code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 18..=20))
        }
        _ => false,
    }
}

/// A calendar month in UTC.
struct Month {
    suffix: String,
    start: i64,
    end: i64,
}

impl Month {
    const fn contains(&self, instant: Timestamp) -> bool {
        self.start <= instant.micros() && instant.micros() < self.end
    }

    fn of(instant: Timestamp) -> Result<Self> {
        let broken = |_| Error::Corrupt("created_at");
        let utc = jiff::tz::TimeZone::UTC;
        let instant = jiff::Timestamp::from_microsecond(instant.micros()).map_err(broken)?;
        let first = instant.to_zoned(utc.clone()).date().first_of_month();
        let micros = |date: jiff::civil::Date| {
            Ok(date.to_zoned(utc.clone()).map_err(broken)?.timestamp().as_microsecond())
        };
        let next = first.last_of_month().tomorrow().map_err(broken)?;
        Ok(Self {
            suffix: format!("y{:04}m{:02}", first.year(), first.month()),
            start: micros(first)?,
            end: micros(next)?,
        })
    }
}

async fn lock(tx: &mut Reader, number: i64) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        tx.execute("SELECT pg_advisory_xact_lock($1)", values![number]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Timestamp;

    use super::{Month, is_about_a_row};
    use crate::Error;

    #[test]
    fn only_a_rows_own_faults_are_its_faults() {
        let refused = |code: &str| Error::Refused { code: code.to_owned(), message: String::new() };
        // Check violation, invalid byte sequence, index row too large; the same of SQLite.
        for code in ["23514", "22021", "54000", "275", "18"] {
            assert!(is_about_a_row(&refused(code)), "{code}");
        }
        // Disk full, read-only transaction, undefined table; the same of SQLite.
        for code in ["53100", "25006", "42P01", "13", "8", "1"] {
            assert!(!is_about_a_row(&refused(code)), "{code}");
        }
        assert!(!is_about_a_row(&Error::Busy));
    }

    #[test]
    fn months_meet_without_gap() {
        let at = |text| Timestamp::parse(text).unwrap();
        let december = Month::of(at("2027-12-31T23:59:59.999999Z")).unwrap();
        let january = Month::of(at("2028-01-01T00:00:00Z")).unwrap();
        assert_eq!((december.suffix.as_str(), january.suffix.as_str()), ("y2027m12", "y2028m01"));
        assert_eq!(december.end, january.start);
        assert!(january.contains(at("2028-01-01T00:00:00Z")));
        assert!(!december.contains(at("2028-01-01T00:00:00Z")));
    }
}
