//! From serving to stopped, one way.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

const SERVING: u8 = 0;
const DRAINING: u8 = 1;
const CUT: u8 = 2;
const STOPPED: u8 = 3;

/// Where a server stands on its way out. Asking costs one load, so that each step of a connection
/// can ask.
pub(super) struct Phase {
    now: AtomicU8,
    changed: Notify,
}

impl Phase {
    pub(super) fn new() -> Self {
        Self { now: AtomicU8::new(SERVING), changed: Notify::new() }
    }

    pub(super) fn drain(&self) {
        self.enter(DRAINING);
    }

    pub(super) fn cut(&self) {
        self.enter(CUT);
    }

    pub(super) fn stop(&self) {
        self.enter(STOPPED);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.now.load(Ordering::Acquire) >= DRAINING
    }

    pub(super) fn is_cut(&self) -> bool {
        self.now.load(Ordering::Acquire) >= CUT
    }

    /// Ready once the server drains.
    pub(super) async fn draining(&self) {
        self.reached(DRAINING).await;
    }

    /// Ready once what is left shall end.
    pub(super) async fn cutting(&self) {
        self.reached(CUT).await;
    }

    /// Ready once the threads shall end.
    pub(super) async fn stopped(&self) {
        self.reached(STOPPED).await;
    }

    async fn reached(&self, phase: u8) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Registered before the look, so that no change falls between.
            changed.as_mut().enable();
            if self.now.load(Ordering::Acquire) >= phase {
                return;
            }
            changed.await;
        }
    }

    fn enter(&self, phase: u8) {
        self.now.fetch_max(phase, Ordering::AcqRel);
        self.changed.notify_waiters();
    }
}
