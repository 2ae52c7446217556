//! The record from outside: what is recorded arrives, whatever breaks in between.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod crash;
mod disk;
mod flow;
mod sample;
mod sink;
mod support;
mod torn;
