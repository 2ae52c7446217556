//! One binary for all of the crate's integration tests.

mod anthropic;
mod anthropic_properties;
mod price;
