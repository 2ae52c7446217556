//! The whole binary, over sockets, as clients and operators meet it; on both database engines.

#![expect(clippy::unwrap_used, reason = "also in helpers: a failed step is a failed test")]

mod api;
mod apply;
mod audit;
mod bad_input;
mod canary;
mod canary_kms;
mod cluster;
mod command;
mod crash;
mod demo;
mod drain;
mod foreign;
mod journey;
mod key;
mod kms;
mod kms_kill;
mod pii;
mod proxy;
mod readme;
mod scale;
mod sealed;
mod world;
