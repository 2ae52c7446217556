//! The whole binary, over sockets, as clients and operators meet it; on both database engines.

mod api;
mod bad_input;
mod canary;
mod command;
mod crash;
mod demo;
mod drain;
mod journey;
mod key;
mod readme;
mod scale;
mod world;
