//! The vault, seen from outside.

mod envelope;
mod local_key;
mod outages;
mod rotation;
mod secrecy;
mod support;
mod vault;
