//! One binary for all of the crate's integration tests.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod anthropic;
mod azure_openai;
mod call;
mod catalog;
mod openai;
mod openai_answers;
mod price;
mod request;
mod sse;
