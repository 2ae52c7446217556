//! One binary for all of the crate's integration tests.

#![expect(clippy::unwrap_used, reason = "also in helpers: a failed step is a failed test")]

mod token;
