//! One HTTP/2 connection of a client. hyper speaks the protocol; a connection that nobody uses, and
//! a client that takes nothing of its answer, it would keep for as long as the client answers its
//! pings.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use http::Request;
use hyper::{
    body::Incoming, rt::Executor, server::conn::http2, service::HttpService, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, Sleep, sleep};

use super::{
    App, ServerSettings,
    body::RequestBody,
    connection::Stream,
    under_way::{Answer, UnderWay},
};

/// Bytes read ahead of one request's consumer.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Bytes read ahead on one connection.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of an answer that wait for a slow client.
const SEND_BUFFER: usize = 128 * 1024;
/// How often a silent client is asked whether it is there, and how long it may take.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long a client that was told that there will be no further call, and has none, may take to
/// confirm it.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

tokio::task_local! {
    /// What is under way of the answer to the call that this task serves. hyper makes the task and
    /// asks the service within it, and has no other way to tell one about the other.
    static UNDER_WAY: Arc<UnderWay>;
}

type Served<S> = http2::Connection<TokioIo<Stream>, S, Calls>;

/// A connection that ends when it has had no call for too long.
pub(super) struct Connection<S: HttpService<Incoming>> {
    served: Served<S>,
    calls: Calls,
    unused_within: Duration,
    /// When to look next whether it is used.
    look: Pin<Box<Sleep>>,
    /// Whether the client was told that there will be no further call.
    is_told: bool,
}

/// Serves the calls of a connection.
pub(super) fn serve<A: App>(
    stream: Stream,
    peer: SocketAddr,
    app: A,
    settings: &ServerSettings,
) -> Connection<
    impl HttpService<Incoming, ResBody = Answer, Error = Infallible, Future: Send> + use<A>,
> {
    let calls = Calls {
        taken_within: settings.write_timeout,
        state: Arc::new(Mutex::new(State { open: 0, ended: Instant::now() })),
    };
    let mut builder = http2::Builder::new(calls.clone());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(settings.max_header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(settings.max_streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY);
    let service = service_fn(move |request: Request<Incoming>| {
        let (app, request) = (app.clone(), request.map(RequestBody::http2));
        async move {
            let answer = app.call(request, peer).await;
            Ok::<_, Infallible>(answer.map(|body| Answer::new(body, UNDER_WAY.get())))
        }
    });
    Connection {
        served: builder.serve_connection(TokioIo::new(stream), service),
        calls,
        unused_within: settings.header_timeout,
        look: Box::pin(sleep(settings.header_timeout)),
        is_told: false,
    }
}

impl<S> Connection<S>
where
    S: HttpService<Incoming, ResBody = Answer, Error = Infallible, Future: Send + 'static>,
{
    /// Tells the client that there will be no further call; the connection ends with those under
    /// way.
    pub(super) fn finish(mut self: Pin<&mut Self>) {
        self.is_told = true;
        self.unused_within = self.unused_within.min(GOODBYE_WITHIN);
        let look = Instant::now() + self.unused_within;
        self.look.as_mut().reset(look);
        Pin::new(&mut self.served).graceful_shutdown();
    }
}

impl<S> Future for Connection<S>
where
    S: HttpService<Incoming, ResBody = Answer, Error = Infallible, Future: Send + 'static>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if Pin::new(&mut self.served).poll(cx).is_ready() {
                return Poll::Ready(());
            }
            ready!(self.look.as_mut().poll(cx));
            let now = Instant::now();
            let due = self.calls.unused_since().unwrap_or(now) + self.unused_within;
            if due > now {
                self.look.as_mut().reset(due);
            } else if self.is_told {
                return Poll::Ready(());
            } else {
                // As politely as it can be: a call that crosses the news is still served.
                self.as_mut().finish();
            }
        }
    }
}

/// The calls of one connection, each on a task of its own, which ends when the client takes nothing
/// of the answer for too long: the stream is reset, and the answer dropped.
#[derive(Clone)]
struct Calls {
    taken_within: Duration,
    state: Arc<Mutex<State>>,
}

struct State {
    open: usize,
    /// When the last one ended.
    ended: Instant,
}

/// Counts a call for as long as it lives.
struct Open(Calls);

impl Calls {
    fn begin(&self) -> Open {
        self.state().open += 1;
        Open(self.clone())
    }

    /// Since when there has been no call; `None` if there is one.
    fn unused_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.open == 0).then_some(state.ended)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.open -= 1;
        state.ended = Instant::now();
    }
}

impl<F> Executor<F> for Calls
where
    F: Future + Send + 'static,
{
    #[allow(clippy::disallowed_methods, reason = "ends with the connection, which is counted")]
    fn execute(&self, call: F) {
        let open = self.begin();
        let under_way = Arc::new(UnderWay::new(self.taken_within));
        tokio::spawn(UNDER_WAY.scope(under_way.clone(), async move {
            let _open = open;
            tokio::select! {
                // The answer itself sees first that it is late, if hyper asks it for more.
                biased;
                _ = call => {}
                () = under_way.overdue() => {}
            }
        }));
    }
}
