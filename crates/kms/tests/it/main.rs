//! Key management services: real ones as far as there are emulators, and recorded ones.
#![allow(clippy::unwrap_used, reason = "also in helpers: a failed step is a failed test")]

mod aws;
mod aws_faults;
mod contract;
mod recorded;
mod support;
mod transit;
