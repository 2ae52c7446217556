//! What can go wrong between us and the database.

/// A failure of the store. No variant carries bound values, credentials or the database's URL.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is of neither engine, or a part of it makes no sense.
    #[error(
        "not a database URL: expected sqlite:///path/to/file.db or postgres://user@host/name ({0})"
    )]
    Url(String),
    /// No connection could be had.
    #[error("the database cannot be reached: {0}; check that it runs and that the URL is right")]
    Unavailable(#[source] sqlx::Error),
    /// Others wrote the same rows at the same time, for longer than we retry.
    #[error("the database is busy with conflicting writes; try again")]
    Busy,
    /// A statement took longer than it may.
    #[error("the statement took too long and was broken off")]
    TookTooLong,
    /// A unique value is taken.
    #[error("already exists: a slug, e-mail address or id is taken")]
    Taken,
    /// A row still refers to it, or what it refers to does not exist in the organisation.
    #[error("something else still refers to it, or it refers to something that does not exist")]
    Referenced,
    /// The permit does not hold for the row. Answer as if it did not exist.
    #[error("not found")]
    ForeignPlace,
    /// The organisation has connected another KMS key meanwhile.
    #[error("the organisation's KMS connection was changed at the same time; try again")]
    Superseded,
    /// The row is not as it was read: somebody else has changed it since.
    #[error("it was changed by somebody else at the same time")]
    Stale,
    /// The row is not there any more.
    #[error("it is not there any more")]
    Gone,
    /// A bug: an act of which the audit trail was told nothing.
    #[error("an act was about to leave no trace in the audit trail, and was undone")]
    Untold,
    /// The schema was made by a later release.
    #[error(
        "the database has schema {found}, but this release knows only up to {known}: \
         run the newer release again, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// The database's schema.
        found: i64,
        /// The last one this release knows.
        known: i64,
    },
    /// A value read back is not what was written.
    #[error(
        "column '{0}' holds a value that cannot be read; the database was changed by hand or is damaged"
    )]
    Corrupt(&'static str),
    /// Anything else the database said. Its details and hints are left out: they quote values.
    #[error("the database refused: {message} ({code})")]
    Refused {
        /// The engine's code: five characters of PostgreSQL, a number of SQLite.
        code: String,
        /// Its main message, which names tables and constraints.
        message: String,
    },
    /// Anything else that went wrong on the way.
    #[error("the database driver failed: {0}")]
    Driver(#[source] sqlx::Error),
}

/// A result of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;
