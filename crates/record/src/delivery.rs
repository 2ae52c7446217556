//! Hands batches to the sink until each log is stored or set aside.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::Duration,
};

use futures_util::FutureExt;
use portcullis_domain::Dice;
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
};

use crate::{
    dead_letter::DeadLetters,
    lane::Row,
    shipper::{FlushError, ShipperSettings},
    sink::{Batch, LogSink, SinkError},
};

/// Somebody waits for everything recorded so far to be shipped.
pub(crate) type Waiter = oneshot::Sender<Result<(), FlushError>>;

/// The shipper is to end: whatever is not confirmed stays in its segments.
pub(crate) struct Stopped;

/// Counts that the shipper's thread keeps and anyone may read.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) shipped: AtomicU64,
    pub(crate) contents: AtomicU64,
    pub(crate) interrupted: AtomicU64,
    pub(crate) dead_lettered: AtomicU64,
    pub(crate) torn_bytes: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) failures_in_a_row: AtomicU64,
    pub(crate) unrecovered: AtomicU64,
    pub(crate) lag_bytes: AtomicU64,
    pub(crate) open_calls: AtomicU64,
}

/// The way to the sink, with its patience.
pub(crate) struct Delivery {
    pub(crate) sink: Arc<dyn LogSink>,
    pub(crate) runtime: Handle,
    pub(crate) dice: Arc<dyn Dice>,
    pub(crate) settings: ShipperSettings,
    pub(crate) counts: Arc<Counts>,
    /// Wakes the thread and brings those who wait for a flush.
    pub(crate) requests: Receiver<Option<Waiter>>,
    pub(crate) stop: watch::Receiver<bool>,
    /// Whose flush the present round answers.
    pub(crate) waiters: Vec<Waiter>,
    /// Whose flush the next round answers: they came after this one began.
    pub(crate) arrived: Vec<Waiter>,
}

impl Delivery {
    /// Ships all of a batch.
    pub(crate) fn deliver(
        &mut self,
        batch: Batch,
        dead_letters: &DeadLetters,
    ) -> Result<(), Stopped> {
        let mut parts = vec![batch];
        while let Some(batch) = parts.pop() {
            if batch.logs.is_empty() {
                continue;
            }
            match self.attempt(&batch)? {
                Ok(()) => {
                    self.succeeded();
                    self.counts.shipped.fetch_add(batch.logs.len() as u64, Ordering::Relaxed);
                    let contents = batch.logs.iter().filter(|log| log.content.is_some()).count();
                    self.counts.contents.fetch_add(contents as u64, Ordering::Relaxed);
                }
                Err(SinkError::Refused(reason)) if batch.logs.len() == 1 => {
                    let refused = &batch.logs[0];
                    let row = Row {
                        call: refused.log.id,
                        // As JSON: dead letters are for people to read.
                        fields: refused.fields.as_bytes().to_vec(),
                        content: refused.content.as_ref().map(|c| c.as_bytes().to_vec()),
                    };
                    self.set_aside(&row, &reason, dead_letters)?;
                }
                Err(SinkError::Refused(_)) => {
                    let (first, second) = batch.halve();
                    parts.extend([second, first]);
                }
                Err(SinkError::Unavailable(reason)) => {
                    parts.push(batch);
                    self.back_off(&reason)?;
                }
            }
        }
        Ok(())
    }

    /// Puts a log into the dead-letter file, waiting for the disk if need be.
    pub(crate) fn set_aside(
        &mut self,
        row: &Row,
        reason: &str,
        dead_letters: &DeadLetters,
    ) -> Result<(), Stopped> {
        while let Err(error) =
            dead_letters.put(row.call, &row.fields, row.content.as_deref(), reason)
        {
            self.back_off(&format!("the dead-letter file cannot be written: {error}"))?;
        }
        self.counts.dead_lettered.fetch_add(1, Ordering::Relaxed);
        tracing::error!(call = %row.call, reason, "a log was refused; it is kept as dead letter");
        Ok(())
    }

    /// Waits after a failure, longer each time, and tells those who wait for a flush.
    pub(crate) fn back_off(&mut self, reason: &str) -> Result<(), Stopped> {
        self.counts.failures.fetch_add(1, Ordering::Relaxed);
        let row = self.counts.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(reason, failures = row + 1, "logs cannot be shipped; trying again");
        for waiter in self.waiters.drain(..).chain(self.arrived.drain(..)) {
            // Whoever asked may have gone.
            let _ = waiter.send(Err(FlushError::Failed(reason.to_owned())));
        }
        let span = self
            .settings
            .retry_first
            .saturating_mul(1 << row.min(20))
            .min(self.settings.retry_most);
        let mut random = [0; 2];
        self.dice.fill(&mut random);
        // Between half and all of it, so that many nodes do not come back at once.
        let half = span / 2;
        self.wait(half + half * u32::from(u16::from_le_bytes(random)) / 65536)
    }

    /// Notes that the way is clear.
    pub(crate) fn succeeded(&self) {
        self.counts.failures_in_a_row.store(0, Ordering::Relaxed);
    }

    /// Waits until it is time for the next round or someone wants one now.
    pub(crate) fn next_round(&mut self) -> Result<(), Stopped> {
        loop {
            match self.requests.try_recv() {
                Ok(request) => self.arrived.extend(request),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(Stopped),
            }
        }
        if self.arrived.is_empty() {
            self.wait(self.settings.interval)?;
        }
        self.waiters.append(&mut self.arrived);
        if *self.stop.borrow() { Err(Stopped) } else { Ok(()) }
    }

    /// Tells whoever asked for the present round that it is done.
    pub(crate) fn answer(&mut self) {
        for waiter in self.waiters.drain(..) {
            // Whoever asked may have gone.
            let _ = waiter.send(Ok(()));
        }
    }

    fn wait(&mut self, span: Duration) -> Result<(), Stopped> {
        // Its request may have been taken already, by whoever looked for flushes.
        if *self.stop.borrow() {
            return Err(Stopped);
        }
        match self.requests.recv_timeout(span) {
            Ok(request) => self.arrived.extend(request),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Stopped),
        }
        if *self.stop.borrow() { Err(Stopped) } else { Ok(()) }
    }

    /// Ships once, within the time that the sink has.
    fn attempt(&self, batch: &Batch) -> Result<Result<(), SinkError>, Stopped> {
        let mut stop = self.stop.clone();
        let limit = self.settings.sink_timeout;
        self.runtime.block_on(async {
            // A sink that panics must not end the record's only way out.
            let shipping = AssertUnwindSafe(self.sink.ship(batch)).catch_unwind();
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => Err(Stopped),
                outcome = tokio::time::timeout(limit, shipping) => Ok(match outcome {
                    Ok(Ok(outcome)) => outcome,
                    Ok(Err(_)) => Err(SinkError::Unavailable("the sink panicked".into())),
                    Err(_) => Err(SinkError::Unavailable(format!("no answer in {limit:?}"))),
                }),
            }
        })
    }
}
