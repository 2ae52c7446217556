//! Contact with the outside, tested over real sockets.

#![allow(clippy::disallowed_methods, reason = "tests play the outside world")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod calls;
mod framing;
mod policy;
mod rebinding;
mod serving;
mod slow_clients;
mod tls;
mod upgrade;
mod world;
