//! One binary for all of the crate's integration tests.

mod addressing;
mod authentication;
mod bodies;
mod closings;
mod content;
mod failures;
mod hygiene;
mod models;
mod streaming;
mod support;
mod tracing_ids;
