//! Where the record's logs go: the database.

use std::{future::Future, pin::Pin};

use portcullis_record::{Batch, LogSink, SinkError};
use portcullis_store::{Db, Error, LogRow, Tx};

/// Stores shipped logs in the database.
pub struct StoredLogs(Db);

impl StoredLogs {
    /// Stores them in `db`.
    pub const fn new(db: Db) -> Self {
        Self(db)
    }
}

impl LogSink for StoredLogs {
    fn ship<'a>(
        &'a self,
        batch: &'a Batch,
    ) -> Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 'a>> {
        Box::pin(async move {
            let rows: Vec<LogRow<'_>> = batch
                .logs
                .iter()
                .map(|shipped| LogRow {
                    log: &shipped.log,
                    fields_json: &shipped.fields,
                    content: shipped.content.as_ref(),
                })
                .collect();
            let write = async |tx: &mut Tx| {
                let poison = tx.logs().insert_batch(&rows).await?;
                match poison.into_iter().next() {
                    None => Ok(()),
                    Some(poison) => Err(Failure::Poison(poison.reason)),
                }
            };
            self.0.write(write).await.map_err(|failure| match failure {
                Failure::Poison(reason) => SinkError::Refused(reason.to_string()),
                Failure::Store(error) => SinkError::Unavailable(error.to_string()),
            })
        })
    }
}

enum Failure {
    Poison(Error),
    Store(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}
