//! A share of an HTTP/2 connection to a provider, and the task that moves the connection's bytes.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::task::AtomicWaker;
use http::{Request, Version, header::HOST, response};
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::TokioExecutor;
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};

use super::{EgressError, OutboundBody, connection::Failed, error::chain};

/// A share of an HTTP/2 connection. Dropping the last one closes it.
#[derive(Clone)]
pub(super) struct H2 {
    sender: http2::SendRequest<OutboundBody>,
    driver: Arc<Driver>,
    streams: Arc<Streams>,
}

/// How many calls an HTTP/2 connection has and may have.
struct Streams {
    open: AtomicUsize,
    limit: AtomicUsize,
    /// Whether the first answer was seen: the provider's settings came before it.
    is_answered: AtomicBool,
    /// Wakes the driver to look at the limit.
    look: AtomicWaker,
}

/// One call on an HTTP/2 connection.
pub(super) struct Stream(H2);

impl H2 {
    /// Takes over a connection after its handshake.
    pub(super) fn start<T>(
        sender: http2::SendRequest<OutboundBody>,
        mut connection: http2::Connection<T, OutboundBody, TokioExecutor>,
        idle_timeout: Duration,
    ) -> Self
    where
        T: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    {
        let streams = Arc::new(Streams {
            open: AtomicUsize::new(0),
            limit: AtomicUsize::new(connection.current_max_send_streams()),
            is_answered: AtomicBool::new(false),
            look: AtomicWaker::new(),
        });
        let watched = streams.clone();
        // Only the connection knows the limit. It is polled for each call, and once more after
        // the first answer.
        let connection = poll_fn(move |cx| {
            watched.look.register(cx.waker());
            let polled = Pin::new(&mut connection).poll(cx);
            watched.limit.store(connection.current_max_send_streams(), Relaxed);
            polled
        });
        let driver = Arc::new(Driver::start(connection, idle_timeout));
        driver.activity.idle();
        Self { sender, driver, streams }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Makes one call.
    pub(super) async fn call(
        self,
        request: &mut Request<OutboundBody>,
        sent: &mut bool,
    ) -> Result<(response::Parts, Incoming, Stream), Failed> {
        *sent = true;
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().remove(HOST);
        let mut stream = Stream::open(self);
        let whole = std::mem::take(request);
        let answered = stream.0.sender.try_send_request(whole).await;
        if !stream.0.streams.is_answered.swap(true, Relaxed) {
            stream.0.streams.look.wake();
        }
        match answered {
            Ok(answer) => {
                let (head, incoming) = answer.into_parts();
                Ok((head, incoming, stream))
            }
            Err(mut error) => Err(match error.take_message() {
                Some(whole) => {
                    (*sent, *request) = (false, whole);
                    Failed::Unsent(EgressError::broken(false, chain(error.error())))
                }
                None => Failed::Lost(EgressError::broken(true, chain(error.error()))),
            }),
        }
    }

    /// Whether the provider lets another call in beside those under way.
    pub(super) fn has_room(&self) -> bool {
        self.streams.open.load(Relaxed) < self.streams.limit.load(Relaxed)
    }
}

impl Stream {
    fn open(h2: H2) -> Self {
        h2.streams.open.fetch_add(1, Relaxed);
        h2.driver.activity.busy();
        Self(h2)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.0.streams.open.fetch_sub(1, Relaxed) == 1 {
            self.0.driver.activity.idle();
        }
    }
}

/// The task that moves a connection's bytes. Dropping this ends it, and with it the connection.
struct Driver {
    task: AbortHandle,
    activity: Arc<Activity>,
}

impl Driver {
    fn start<C>(connection: C, idle_timeout: Duration) -> Self
    where
        C: Future<Output = hyper::Result<()>> + Send + 'static,
    {
        let activity = Arc::new(Activity { epoch: Instant::now(), idle_since: AtomicU64::new(0) });
        let watched = activity.clone();
        let task = spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let mut look = std::pin::pin!(sleep_until(watched.epoch + idle_timeout));
            loop {
                tokio::select! {
                    biased;
                    // Its error reaches whoever has a call on it; an idle one has nobody to tell.
                    _ = &mut connection => return,
                    () = &mut look => match watched.closes_at(idle_timeout) {
                        Some(at) if at <= Instant::now() => return,
                        Some(at) => look.as_mut().reset(at),
                        None => look.as_mut().reset(Instant::now() + idle_timeout),
                    },
                }
            }
        });
        Self { task, activity }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Since when a connection has been idle. The driver looks at it once per idle timeout, so that a
/// call costs one store and no timer.
struct Activity {
    epoch: Instant,
    /// Milliseconds after `epoch`, plus one; zero while busy.
    idle_since: AtomicU64,
}

impl Activity {
    fn busy(&self) {
        self.idle_since.store(0, Relaxed);
    }

    fn idle(&self) {
        let millis = self.epoch.elapsed().as_millis() as u64;
        self.idle_since.store(millis + 1, Relaxed);
    }

    fn closes_at(&self, idle_timeout: Duration) -> Option<Instant> {
        let since = self.idle_since.load(Relaxed).checked_sub(1)?;
        Some(self.epoch + Duration::from_millis(since) + idle_timeout)
    }
}

/// Starts a task that belongs to a connection, not to the process: it ends with its connection,
/// and shutdown has nothing to wait for in it.
#[allow(clippy::disallowed_methods, reason = "a connection owns its driver and aborts it")]
fn spawn(future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    tokio::spawn(future).abort_handle()
}
