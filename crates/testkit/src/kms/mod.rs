//! Key management services to test against: two emulators of AWS KMS, one that checks signatures
//! and permissions (moto) and one that is strict about the states of keys (LocalStack), a proxy that
//! makes them fail as real ones do, a stand-in for transit, and a server that replays exchanges with
//! services that cannot be run here.

mod aws;
mod emulator;
mod proxy;
mod replay;
mod serving;
mod sign;
mod transit;

pub use aws::{Account, Key, KeyKind};
pub use emulator::{Emulator, install_command, requirements};
pub use proxy::{Fault, FaultProxy, Seen};
pub use replay::Replay;
pub use transit::Transit;
