//! Key management services to test against: two emulators of AWS KMS, one that checks signatures
//! and permissions (moto) and one that is strict about the states of keys (LocalStack), and a proxy
//! that makes them fail as real ones do.

mod aws;
mod emulator;
mod proxy;
mod sign;

pub use aws::{Account, Key, KeyKind};
pub use emulator::{Emulator, install_command, requirements};
pub use proxy::{Fault, FaultProxy, Seen};
