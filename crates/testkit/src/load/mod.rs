//! Load for benchmarks: a provider that costs almost nothing, and a client that measures.
//!
//! Both speak raw HTTP/1.1 on one thread each, because on a small machine they share a core while
//! the proxy under test has the other: what they cost, they take from the measurement.

mod drive;
mod provider;

pub use self::{
    drive::{Figures, Mode, Plan, drive},
    provider::serve,
};

/// How many content chunks a streamed answer of the provider has.
pub const CHUNKS: usize = 100;
