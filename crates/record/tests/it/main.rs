//! The record from outside: what is recorded arrives, whatever breaks in between.

mod crash;
mod disk;
mod flow;
mod sample;
mod sink;
mod support;
mod torn;
