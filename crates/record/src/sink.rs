//! The port through which recorded calls leave for the store.

use futures_util::future::BoxFuture;
use portcullis_domain::{Log, Sealed};

/// Where whole logs go: the store, or an exporter.
pub trait LogSink: Send + Sync {
    /// Takes all of a batch or none of it. A batch may repeat logs shipped before,
    /// after a crash or an error whose outcome is unknown: the first log stored under an id stays,
    /// a repeat is ignored and is a success.
    fn ship<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<(), SinkError>>;
}

/// Logs shipped together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// At least one log, in about the order in which the calls ended.
    pub logs: Vec<ShippedLog>,
}

/// One call's log.
#[derive(Clone, Debug)]
pub struct ShippedLog {
    /// The log, for the columns.
    pub log: Log,
    /// The same as JSON text, to be stored as it is.
    pub fields: Box<str>,
    /// The call's content, sealed for [`Log::content_place`].
    pub content: Option<Sealed>,
}

/// Why a batch was not stored. The distinction decides between waiting and setting logs aside:
/// a sink that is unsure says [`SinkError::Unavailable`].
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Not the batch's fault: the store is down, busy or full. The same batch is tried again.
    #[error("the store of logs cannot be reached: {0}")]
    Unavailable(String),
    /// At least one log of the batch can never be stored. The batch is halved until that log is
    /// alone; then it goes to the dead-letter file.
    #[error("the store refuses a log: {0}")]
    Refused(String),
}

impl Batch {
    /// Two halves; the second is empty when there is one log only.
    pub(crate) fn halve(mut self) -> (Self, Self) {
        let logs = self.logs.split_off(self.logs.len().div_ceil(2));
        (self, Self { logs })
    }
}
