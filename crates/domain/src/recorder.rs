//! The port through which the data plane records calls.

use std::task::{Context, Poll, Waker};

use crate::{Log, Sealed};

/// Where the data plane records its calls. Nothing here waits for a lock that other calls hold, nor
/// for the database.
///
/// A thread that serves many calls may have their facts written together, by a task of its own that
/// does nothing but [`flush`](Self::flush).
pub trait Recorder: Send + Sync {
    /// Records that a provider is about to be called. Only when [`poll_opened`](Self::poll_opened)
    /// has said so may it be.
    fn open(&self, log: &Log) -> Result<Opened, RecordUnavailable>;

    /// Ready once the opening survives the death of this process. To be asked on the thread that
    /// opened.
    fn poll_opened(
        &self,
        opened: Opened,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), RecordUnavailable>>;

    /// Records how the call ended, with its content ([`Log::content_place`]) when that is to be
    /// kept. A call that never
    /// reached a provider may be closed without having been opened. Called from `Drop` too, when a
    /// client hangs up; a failure is counted and reported by the recorder itself.
    fn close(&self, log: &Log, content: Option<Sealed>);

    /// Has what this thread recorded survive the death of this process. From now on the thread's
    /// facts wait for the next time, and the first of them wakes `again`, whose task comes after
    /// all that are ready by then: it must ask anew whenever it is woken.
    fn flush(&self, again: &Waker);
}

/// An opening that was recorded, or will be with the next flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened(pub u64);

/// The record cannot be written: the disk is full or broken.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the record of calls cannot be written: {0}")]
pub struct RecordUnavailable(pub String);
