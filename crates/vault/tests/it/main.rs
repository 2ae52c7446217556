//! The vault, seen from outside.
#![allow(clippy::unwrap_used, reason = "also in helpers: a failed step is a failed test")]

mod envelope;
mod forgetting;
mod local_key;
mod moving;
mod outages;
mod resealing;
mod rotation;
mod secrecy;
mod support;
mod vault;
