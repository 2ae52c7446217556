//! What tests and benchmarks share: a scripted provider, the binary under test as a process, and
//! a plain HTTP client. None of it is part of a release.
//!
//! - [`upstream::Upstream`] plays OpenAI, Azure OpenAI and Anthropic on the loopback interface and
//!   keeps a journal of what reached it.
//! - [`process::Portcullis`] starts, stops and kills the real binary on free ports.
//! - [`load`] is the provider and the client of benchmarks.
//! - [`kms`] starts emulators of key management services, and makes them fail.
//! - [`client`] sends exactly the bytes a test asks for.

#![expect(clippy::print_stderr, reason = "test tools talk to the person who runs them")]

pub mod client;
pub mod kms;
pub mod load;
pub mod postgres;
pub mod process;
pub mod token;
pub mod upstream;
