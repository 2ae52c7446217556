//! The port through which the data plane records calls.

use crate::{Content, Log};

/// Where the data plane records its calls. Both calls return when the facts survive the death of
/// this process; neither waits for a lock that other calls hold, nor for the database.
pub trait Recorder: Send + Sync {
    /// Records that a provider is about to be called. Only after this may it be.
    fn open(&self, log: &Log) -> Result<(), RecordUnavailable>;

    /// Records how the call ended, with its content when that is to be kept. A call that never
    /// reached a provider may be closed without having been opened. Called from `Drop` too, when a
    /// client hangs up; a failure is counted and reported by the recorder itself.
    fn close(&self, log: &Log, content: Content);
}

/// The record cannot be written: the disk is full or broken.
#[derive(Debug, thiserror::Error)]
#[error("the record of calls cannot be written: {0}")]
pub struct RecordUnavailable(pub String);
