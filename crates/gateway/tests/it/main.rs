//! One binary for all of the crate's integration tests.

#![expect(clippy::unwrap_used, reason = "also in helpers: a failed step is a failed test")]

mod addressing;
mod ask;
mod authentication;
mod batch_account;
mod batch_output;
mod bodies;
mod closings;
mod content;
mod failures;
mod heads;
mod hygiene;
mod masking;
mod models;
mod outages;
mod person;
mod realtime;
mod realtime_ends;
mod retries;
mod saved_only;
mod sign_in;
mod socket;
mod streaming;
mod support;
mod token;
mod tracing_ids;
mod window;
