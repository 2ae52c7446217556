//! The client that measures.

use std::{
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use memchr::memmem;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
};

use crate::client::connect;

/// What to send, how, and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to.
    pub target: SocketAddr,
    /// The request, head and body, as it goes over the wire.
    pub request: Vec<u8>,
    /// Keep-alive connections, each with at most one request at a time.
    pub connections: usize,
    /// When to send.
    pub mode: Mode,
    /// How long to measure, after the warm-up.
    pub measure: Duration,
    /// How long to send before measuring.
    pub warm_up: Duration,
}

/// When the next request of a connection leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// As soon as the last one is answered: how much can be served.
    Saturate,
    /// On a schedule of so many a second over all connections, whether or not the last one is
    /// answered in time. Latency counts from the planned instant, so that waiting in line shows.
    Rate(f64),
}

/// What was measured. Times are microseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Answers with status 200, read to their end.
    pub answered: u64,
    /// Anything else.
    pub failed: u64,
    /// How long the measuring took, in seconds.
    pub seconds: f64,
    /// Time to the end of the answer: median.
    pub p50: f64,
    /// Time to the end of the answer: 99th percentile.
    pub p99: f64,
    /// Time to the first byte of the body: median.
    pub first_p50: f64,
    /// Time to the first byte of the body: 99th percentile.
    pub first_p99: f64,
}

impl Figures {
    /// Answers a second.
    pub fn per_second(&self) -> f64 {
        self.answered as f64 / self.seconds
    }
}

/// Carries out a plan.
///
/// # Errors
/// When the target cannot be reached at all.
pub async fn drive(plan: &Plan) -> io::Result<Figures> {
    // Refuses early, with the reason, when nobody is there.
    drop(connect(plan.target).await?);
    let start = Instant::now();
    let mut workers = JoinSet::new();
    let mut lanes = Vec::new();
    for _ in 0..plan.connections {
        let (lane, turns) = mpsc::unbounded_channel();
        let turns = matches!(plan.mode, Mode::Rate(_)).then_some(turns);
        workers.spawn(worker(plan.clone(), turns, start));
        lanes.push(lane);
    }
    if let Mode::Rate(rate) = plan.mode {
        let end = start + plan.warm_up + plan.measure;
        thread::spawn(move || pace(rate, start, end, &lanes));
    }
    let mut seen = Seen::default();
    while let Some(worker) = workers.join_next().await {
        let worker = worker.map_err(io::Error::other)?;
        seen.whole.extend(worker.whole);
        seen.first.extend(worker.first);
        seen.failed += worker.failed;
    }
    Ok(seen.figures(plan.measure.as_secs_f64()))
}

#[derive(Default)]
struct Seen {
    whole: Vec<Duration>,
    first: Vec<Duration>,
    failed: u64,
}

/// One connection: its turns come from the schedule, or without one as soon as it is free.
async fn worker(
    plan: Plan,
    mut schedule: Option<mpsc::UnboundedReceiver<Instant>>,
    start: Instant,
) -> Seen {
    let measured_from = start + plan.warm_up;
    let end = measured_from + plan.measure;
    let mut seen = Seen::default();
    let mut connection = None;
    let mut buffer = Vec::with_capacity(64 << 10);
    loop {
        let planned = match &mut schedule {
            None => Instant::now(),
            Some(schedule) => match schedule.recv().await {
                Some(planned) => planned,
                None => break,
            },
        };
        if planned >= end {
            break;
        }
        let exchanged = exchange(&mut connection, &plan, &mut buffer).await;
        let done = Instant::now();
        if exchanged.is_err() {
            connection = None;
        }
        // What began in the warm-up or ended after the end belongs to neither count.
        if planned < measured_from || done > end {
            continue;
        }
        match exchanged {
            Ok(first) => {
                seen.whole.push(done - planned);
                seen.first.push(first - planned);
            }
            Err(_) => seen.failed += 1,
        }
    }
    seen
}

/// Hands out the schedule's instants in turn, from a thread of its own: it wakes to some ten
/// microseconds, where the runtime's timer rounds to milliseconds, longer than most answers take.
fn pace(rate: f64, start: Instant, end: Instant, lanes: &[mpsc::UnboundedSender<Instant>]) {
    for turn in 0_u32.. {
        let planned = start + Duration::from_secs_f64(f64::from(turn) / rate);
        if planned >= end {
            return;
        }
        thread::sleep(planned.saturating_duration_since(Instant::now()));
        if lanes[turn as usize % lanes.len()].send(planned).is_err() {
            return;
        }
    }
}

/// One request and its answer; the instant of the body's first byte.
async fn exchange(
    connection: &mut Option<TcpStream>,
    plan: &Plan,
    buffer: &mut Vec<u8>,
) -> io::Result<Instant> {
    let stream = match connection {
        Some(stream) => stream,
        None => connection.insert(connect(plan.target).await?),
    };
    stream.write_all(&plan.request).await?;
    buffer.clear();
    let head = loop {
        read(stream, buffer).await?;
        if let Some(head) = memmem::find(buffer, b"\r\n\r\n") {
            break head + 4;
        }
    };
    if !buffer.starts_with(b"HTTP/1.1 200") {
        return Err(io::Error::other("not the status wanted"));
    }
    let length = content_length(&buffer[..head]);
    while buffer.len() == head {
        read(stream, buffer).await?;
    }
    let first = Instant::now();
    match length {
        Some(length) => {
            while buffer.len() < head + length {
                read(stream, buffer).await?;
            }
        }
        // Only the last chunk is empty, and the events hold no such line.
        None => {
            while !buffer.ends_with(b"\r\n0\r\n\r\n") {
                read(stream, buffer).await?;
            }
            if memmem::find(buffer, b"data: [DONE]").is_none() {
                return Err(io::Error::other("the stream ended early"));
            }
        }
    }
    Ok(first)
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}

impl Seen {
    fn figures(mut self, seconds: f64) -> Figures {
        self.whole.sort_unstable();
        self.first.sort_unstable();
        let at = |times: &[Duration], part: f64| {
            let last = times.len().saturating_sub(1);
            times.get((last as f64 * part) as usize).map_or(0.0, |t| t.as_secs_f64() * 1e6)
        };
        Figures {
            answered: self.whole.len() as u64,
            failed: self.failed,
            seconds,
            p50: at(&self.whole, 0.5),
            p99: at(&self.whole, 0.99),
            first_p50: at(&self.first, 0.5),
            first_p99: at(&self.first, 0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let times: Vec<Duration> = (1..=101).rev().map(Duration::from_micros).collect();
        let seen = Seen { whole: times.clone(), first: times, failed: 2 };
        let figures = seen.figures(10.0);
        assert_eq!((figures.answered, figures.failed), (101, 2));
        assert!((figures.p50 - 51.0).abs() < 0.01);
        assert!((figures.p99 - 100.0).abs() < 0.01);
        assert!((figures.per_second() - 10.1).abs() < 1e-9);
    }
}
