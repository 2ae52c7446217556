//! The thread that forces written entries to the disk, and writes what had to wait in memory.

use std::{
    fs::File,
    io,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{
    node::{Node, StartError},
    writer::Writer,
};

/// The running thread. Dropping it syncs once more and waits for the thread's end.
pub(crate) struct Syncer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    pub(crate) fn start(node: Arc<Node>) -> Result<Self, StartError> {
        const NAME: &str = "record-sync";
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name(NAME.into())
            .spawn(move || {
                while !stopped.load(Ordering::Acquire) {
                    thread::park_timeout(node.settings.sync_window);
                    node.ticks.fetch_add(1, Ordering::Relaxed);
                    drain_spill(&node);
                    sync(&node);
                }
            })
            .map_err(|source| StartError::Thread { name: NAME, source })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic in the thread has been reported by the panic hook already.
            let _ = thread.join();
        }
    }
}

/// Writes ended calls that the disk refused before. Says how many still wait.
pub(crate) fn drain_spill(node: &Node) -> usize {
    loop {
        // In this order, as everywhere: who writes with the reserve may have to spill.
        let mut reserve = node.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        let mut spill = node.spill.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((log, content)) = spill.front() else { return 0 };
        let writer = reserve.get_or_insert_with(|| Writer::new(node));
        if writer.closed_now(node, log, content.as_ref()).is_err() {
            return spill.len();
        }
        tracing::info!(call = %log.id, "the end of a call that waited in memory is recorded");
        spill.pop();
    }
}

fn sync(node: &Node) {
    for segment in node.segments() {
        let written = segment.written.load(Ordering::Acquire);
        if written == segment.synced.load(Ordering::Relaxed) {
            continue;
        }
        match segment.file.sync_data() {
            Ok(()) => segment.synced.store(written, Ordering::Relaxed),
            Err(error) => report(node, &error),
        }
    }
    // After the files: a name on the disk then never leads to less than was synced with it.
    if node.dir_changed.swap(false, Ordering::AcqRel)
        && let Err(error) = File::open(&node.dir).and_then(|dir| dir.sync_all())
    {
        node.dir_changed.store(true, Ordering::Release);
        report(node, &error);
    }
}

fn report(node: &Node, error: &io::Error) {
    node.counters.sync_failed.fetch_add(1, Ordering::Relaxed);
    tracing::error!(%error, "the record cannot be forced to the disk; a power cut would lose it");
}
