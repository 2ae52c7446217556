//! Keeping keys in memory off the disk, for the process as a whole.

use std::io;

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit},
};

/// Forbids core dumps, also those that a privileged collector would take, and with them that
/// other processes of the same user attach to this one. Call it after reading a key from a file
/// descriptor: afterwards only root can use this process's entries in `/proc`.
pub fn forbid_core_dumps() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Keeps this process's memory out of swap where the system lets it lock all it wants
/// (`LimitMEMLOCK=infinity` in a systemd unit), and says whether it does. With a finite limit
/// nothing is locked, because allocations beyond it would fail.
pub fn lock_memory() -> io::Result<bool> {
    if getrlimit(Resource::Memlock).current.is_some() {
        return Ok(false);
    }
    // Locked as pages are touched, so that memory reserved but unused costs nothing.
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)?;
    Ok(true)
}
