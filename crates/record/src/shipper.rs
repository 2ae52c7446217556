//! The shipper: a thread that brings what is recorded to the sink.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use portcullis_domain::{Dice, LogState, NotSealed, Sealed};
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
};

use crate::{
    codec,
    dead_letter::DeadLetters,
    delivery::{Counts, Delivery, Stopped, Waiter},
    lane::Row,
    lanes::Lanes,
    node::{DeadNode, Node, StartError},
    recorder::SegmentRecorder,
    sink::{Batch, LogSink, ShippedLog},
    sync::drain_spill,
};

/// How the shipper works.
#[derive(Clone, Debug)]
pub struct ShipperSettings {
    /// How often it looks for something to ship.
    pub interval: Duration,
    /// The most logs in a batch.
    pub batch_logs: usize,
    /// A batch that has reached this many bytes is shipped.
    pub batch_bytes: usize,
    /// How long the sink may take for a batch.
    pub sink_timeout: Duration,
    /// How long it waits after the first failure; twice as long after each further one.
    pub retry_first: Duration,
    /// The longest wait between two tries.
    pub retry_most: Duration,
}

/// Ships what a [`SegmentRecorder`] records, and first what ended processes left. Dropping it ends
/// the thread at once; what is not shipped by then stays for the next start, so flush before.
pub struct Shipper {
    counts: Arc<Counts>,
    requests: Sender<Option<Waiter>>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// What the shipper has done since it started, and how far it is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShipperStats {
    /// Logs that the sink confirmed.
    pub shipped: u64,
    /// Parts of content that the sink confirmed.
    pub contents: u64,
    /// Calls of ended processes that were completed as interrupted.
    pub interrupted: u64,
    /// Logs that the sink refused, or that could not be read; kept in the dead-letter file.
    pub dead_lettered: u64,
    /// Bytes cut off segments of ended processes, kept beside the dead-letter file.
    pub torn_bytes: u64,
    /// Failed tries.
    pub failures: u64,
    /// Failed tries since the last success: zero when all is well.
    pub failures_in_a_row: u64,
    /// Ended processes whose segments could not be read; they are tried again at the next start.
    pub unrecovered: u64,
    /// Bytes recorded and not yet taken up for shipping.
    pub lag_bytes: u64,
    /// Calls opened and not yet closed, as far as the shipper has read.
    pub open_calls: u64,
}

/// Why not everything recorded is shipped.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FlushError {
    /// The sink or the disk failed; the shipper goes on trying.
    #[error("logs are recorded but not shipped yet: {0}")]
    Failed(String),
    /// The shipper has ended.
    #[error("logs are recorded but their shipper has ended; they are shipped at the next start")]
    Stopped,
}

impl Default for ShipperSettings {
    /// Every 100 ms, 250 logs or 512 KiB, half a minute for the sink, 100 ms to 10 s between tries.
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(100),
            batch_logs: 250,
            batch_bytes: 512 << 10,
            sink_timeout: Duration::from_secs(30),
            retry_first: Duration::from_millis(100),
            retry_most: Duration::from_secs(10),
        }
    }
}

impl Shipper {
    /// Starts shipping to `sink`. The sink's futures are polled on the shipper's own thread, of
    /// low priority; `runtime`, with time and I/O enabled, drives their sockets and timers and
    /// must outlive the shipper.
    pub fn start(
        recorder: &SegmentRecorder,
        sink: Arc<dyn LogSink>,
        dice: Arc<dyn Dice>,
        runtime: Handle,
        settings: ShipperSettings,
    ) -> Result<Self, StartError> {
        const NAME: &str = "record-ship";
        let counts = Arc::new(Counts::default());
        let (requests, received) = mpsc::channel();
        let (stop, stopped) = watch::channel(false);
        let node = Arc::clone(recorder.node());
        let work = Work {
            data: node.data.clone(),
            delivery: Delivery {
                sink,
                runtime,
                dice,
                settings,
                counts: Arc::clone(&counts),
                requests: received,
                stop: stopped,
                waiters: Vec::new(),
                arrived: Vec::new(),
            },
        };
        let thread = thread::Builder::new()
            .name(NAME.into())
            .spawn(move || work.run(&node))
            .map_err(|source| StartError::Thread { name: NAME, source })?;
        Ok(Self { counts, requests, stop, thread: Some(thread) })
    }

    /// Waits until every call that closed before is shipped or set aside as refused. Fails as
    /// soon as the sink does; the shipper goes on trying.
    pub async fn flush(&self) -> Result<(), FlushError> {
        let (waiter, done) = oneshot::channel();
        self.requests.send(Some(waiter)).map_err(|_| FlushError::Stopped)?;
        done.await.unwrap_or(Err(FlushError::Stopped))
    }

    /// What has been shipped so far.
    pub fn stats(&self) -> ShipperStats {
        let counts = &self.counts;
        ShipperStats {
            shipped: counts.shipped.load(Ordering::Relaxed),
            contents: counts.contents.load(Ordering::Relaxed),
            interrupted: counts.interrupted.load(Ordering::Relaxed),
            dead_lettered: counts.dead_lettered.load(Ordering::Relaxed),
            torn_bytes: counts.torn_bytes.load(Ordering::Relaxed),
            failures: counts.failures.load(Ordering::Relaxed),
            failures_in_a_row: counts.failures_in_a_row.load(Ordering::Relaxed),
            unrecovered: counts.unrecovered.load(Ordering::Relaxed),
            lag_bytes: counts.lag_bytes.load(Ordering::Relaxed),
            open_calls: counts.open_calls.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        // The thread has ended already when this fails.
        let _ = self.requests.send(None);
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported by the panic hook already.
            let _ = thread.join();
        }
    }
}

/// What the thread works with.
struct Work {
    data: PathBuf,
    delivery: Delivery,
}

/// What is read and not yet shipped.
#[derive(Default)]
struct Load {
    batch: Batch,
    bytes: usize,
    /// Rows that cannot be understood, and why.
    unreadable: Vec<(Row, String)>,
}

impl Work {
    fn run(mut self, node: &Node) {
        // Calls come first. Where the system does not allow it, shipping competes with them.
        if let Err(error) = rustix::process::nice(19) {
            tracing::debug!(%error, "the shipper keeps its priority");
        }
        // An error means that the shipper is dropped: what is not confirmed stays on the disk.
        let _: Result<(), Stopped> = self.recover().and_then(|()| self.ship(node));
    }

    /// Ships what this process records, round by round.
    fn ship(&mut self, node: &Node) -> Result<(), Stopped> {
        let dead_letters = DeadLetters::new(&self.data, node.id.to_string());
        let mut lanes = loop {
            match Lanes::live(node) {
                Ok(lanes) => break lanes,
                Err(error) => {
                    self.delivery.back_off(&format!("the record cannot be read: {error}"))?;
                }
            }
        };
        loop {
            self.delivery.next_round()?;
            let spilled = drain_spill(node);
            let horizon = node.horizon();
            lanes.refresh(node);
            self.publish(&lanes);
            let round = self.drain(&mut lanes, &dead_letters, |lanes| lanes.next_closed(horizon));
            if let Err(error) = round? {
                self.delivery.back_off(&format!("a segment cannot be read: {error}"))?;
            } else if spilled > 0 {
                self.delivery.back_off(&format!("the disk refuses {spilled} ended calls"))?;
            } else if let Err(error) = discard(&mut lanes, node) {
                self.delivery.back_off(&format!("a segment cannot be deleted: {error}"))?;
            } else {
                // First the numbers: whoever waited may look at them.
                self.publish(&lanes);
                self.delivery.answer();
            }
        }
    }

    /// Ships what processes left that have ended.
    fn recover(&mut self) -> Result<(), Stopped> {
        let nodes = match DeadNode::claim_all(&self.data) {
            Ok(nodes) => nodes,
            Err(error) => {
                self.delivery.counts.unrecovered.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%error, "cannot look for what earlier processes recorded");
                return Ok(());
            }
        };
        for node in nodes {
            let name = node.name.clone();
            if let Err(error) = self.recover_one(node)? {
                self.delivery.counts.unrecovered.fetch_add(1, Ordering::Relaxed);
                tracing::error!(node = name, %error, "an earlier process's record stays unshipped");
            }
        }
        Ok(())
    }

    fn recover_one(&mut self, node: DeadNode) -> Result<io::Result<()>, Stopped> {
        let dead_letters = DeadLetters::new(&self.data, node.name.clone());
        let mut lanes = match Lanes::dead(&node.dir) {
            Ok(lanes) => lanes,
            Err(error) => return Ok(Err(error)),
        };
        let closed = self.drain(&mut lanes, &dead_letters, |lanes| lanes.next_closed(u64::MAX));
        if let Err(error) = closed? {
            return Ok(Err(error));
        }
        // Only now is it certain that what is still open was never closed.
        let counts = Arc::clone(&self.delivery.counts);
        let interrupted = self.drain(&mut lanes, &dead_letters, |lanes| {
            let row = lanes.next_interrupted()?.map(interrupt);
            counts.interrupted.fetch_add(u64::from(row.is_some()), Ordering::Relaxed);
            Ok(row)
        });
        if let Err(error) = interrupted? {
            return Ok(Err(error));
        }
        for (segment, at) in lanes.damaged() {
            match dead_letters.keep_torn(&node.dir, segment, at) {
                Ok(bytes) => counts.torn_bytes.fetch_add(bytes, Ordering::Relaxed),
                Err(error) => return Ok(Err(error)),
            };
        }
        Ok(node.remove().map_err(io::Error::other))
    }

    /// Ships all rows that `next` yields, batch by batch, moving the cursor behind each.
    fn drain(
        &mut self,
        lanes: &mut Lanes,
        dead_letters: &DeadLetters,
        mut next: impl FnMut(&mut Lanes) -> io::Result<Option<Row>>,
    ) -> Result<io::Result<()>, Stopped> {
        loop {
            let mut load = Load::default();
            let mut failure = None;
            while load.batch.logs.len() < self.delivery.settings.batch_logs
                && load.bytes < self.delivery.settings.batch_bytes
            {
                match next(lanes) {
                    Ok(Some(row)) => load.push(row),
                    Ok(None) => break,
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                }
            }
            if load.bytes == 0 {
                return Ok(failure.map_or(Ok(()), Err));
            }
            for (row, reason) in &load.unreadable {
                self.delivery.set_aside(row, reason, dead_letters)?;
            }
            self.delivery.deliver(load.batch, dead_letters)?;
            while let Err(error) = lanes.cursor().save(lanes.dir()) {
                self.delivery.back_off(&format!("the cursor cannot be saved: {error}"))?;
            }
            self.delivery.succeeded();
            self.publish(lanes);
        }
    }

    fn publish(&self, lanes: &Lanes) {
        self.delivery.counts.lag_bytes.store(lanes.lag(), Ordering::Relaxed);
        self.delivery.counts.open_calls.store(lanes.open_calls(), Ordering::Relaxed);
    }
}

impl Load {
    fn push(&mut self, row: Row) {
        // Counted generously, so that a row is never nothing.
        self.bytes += 1024 + row.fields.len() + row.content.as_ref().map_or(0, Vec::len);
        match read(&row) {
            Ok(shipped) => self.batch.logs.push(shipped),
            Err(reason) => self.unreadable.push((row, reason)),
        }
    }
}

/// A row as the sink takes it.
fn read(row: &Row) -> Result<ShippedLog, String> {
    let log = codec::decode(&row.fields).map_err(|malformed| malformed.to_string())?;
    let fields = serde_json::to_string(&log).map_err(|error| format!("not a log: {error}"))?;
    let content = row.content.clone().map(Sealed::from_bytes).transpose();
    let content = content.map_err(|error: NotSealed| error.to_string())?;
    Ok(ShippedLog { log, fields: fields.into(), content })
}

/// Deletes segments that are shipped to their end, the cursor first.
fn discard(lanes: &mut Lanes, node: &Node) -> io::Result<()> {
    let spent = lanes.spent();
    if spent.is_empty() {
        return Ok(());
    }
    lanes.cursor().save(lanes.dir())?;
    for name in spent {
        // First, or the next round would find it again, from its beginning.
        node.forget(name);
        lanes.delete(name)?;
    }
    Ok(())
}

/// An opened call's log, completed: nothing is known beyond the opening.
fn interrupt(mut row: Row) -> Row {
    // What cannot be read stays as it is and goes to the dead letters.
    if let Ok(mut log) = codec::decode(&row.fields) {
        log.state = LogState::Interrupted;
        log.response_status = None;
        log.is_success = false;
        row.fields.clear();
        codec::encode(&log, &mut row.fields);
    }
    row
}
