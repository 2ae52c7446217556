//! The record of calls: durable segment files, recovery after a crash, and shipping to the store.
//!
//! A call leaves two facts: *opened* before its provider is called, *closed* when it ended. The
//! [`SegmentRecorder`] hands them to the kernel with a write into a file that only the calling
//! thread writes, so that a killed process loses nothing and calls never wait for each other. A
//! thread that serves many calls has the facts of each turn of its loop written together. The
//! [`Shipper`], a thread of its own, reads the files in the order of events, pairs the facts and
//! hands whole logs to a [`LogSink`], at least once. A sink keeps the first log it gets under an
//! id and ignores repeats.
//!
//! ```text
//! <data>/segments/lock                     held while a node's directory is made or removed
//! <data>/segments/<node>/lock              held for as long as the node's process lives
//! <data>/segments/<node>/cursor            what the sink has confirmed
//! <data>/segments/<node>/<writer>-<n>.seg  entries, see `entry.rs`
//! <data>/dead-letter/<node>.seg            logs that the sink refused for good
//! <data>/dead-letter/<node>-<file>.torn    bytes cut off a file behind its last whole entry
//! ```
//!
//! Invariants: nothing here knows SQL or HTTP; content arrives sealed and is never opened; a
//! segment is deleted only after the sink confirmed all of it and the cursor says so.

mod codec;
pub mod content;
mod cursor;
mod dead_letter;
mod delivery;
mod entry;
pub mod head;
mod lane;
mod lanes;
mod node;
mod reader;
mod recorder;
mod segment;
mod shipper;
mod sink;
mod spill;
mod sync;
mod writer;

pub use node::StartError;
pub use recorder::{RecordSettings, RecorderStats, SegmentRecorder};
pub use shipper::{FlushError, Shipper, ShipperSettings, ShipperStats};
pub use sink::{Batch, LogSink, ShippedLog, SinkError};
