//! Contact with the outside, except SQL: time and chance, tracked tasks and shutdown, outbound
//! calls, the listeners, and what the process says about itself.
//!
//! Invariants: no business rule lives here. Every outbound byte goes through [`egress::Egress`],
//! every background task through [`Tasks`]. On the path of a call there is no lock shared between
//! worker threads: each worker owns its connections in both directions.

mod ambient;
pub mod egress;
mod http1;
mod patience;
mod pieces;
pub mod server;
mod switched;
mod tasks;
pub mod telemetry;
pub mod websocket;

pub use ambient::{SystemClock, SystemDice};
pub use switched::Switched;
pub use tasks::{ShutdownSignal, Tasks};

/// Any error, as bodies carry it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
