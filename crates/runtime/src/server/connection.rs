//! One client connection, from its first bytes to its end.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use http::Request;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::timeout};

use super::{App, ServerSettings, phase::Phase};

/// Bytes of a request that are read ahead of who consumes them.
const MAX_BUFFER: usize = 128 * 1024;
/// Bytes read ahead of one HTTP/2 request's consumer.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Bytes read ahead on one HTTP/2 connection.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of an answer that wait for a slow HTTP/2 client.
const SEND_BUFFER: usize = 128 * 1024;
/// How HTTP/2 announces itself when it was not negotiated: nothing else starts like this.
const HTTP2_START: &[u8; 4] = b"PRI ";
/// How often a silent HTTP/2 client is asked whether it is there, and how long it may take.
const PING_EVERY: Duration = Duration::from_secs(30);

/// How connections are served: both protocols with their bounds.
pub(super) struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    first_byte_within: Duration,
}

impl Protocols {
    pub(super) fn new(settings: &ServerSettings) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(settings.header_timeout)
            .max_header_size(settings.max_header_bytes)
            .max_buf_size(MAX_BUFFER.max(settings.max_header_bytes))
            // A client that hung up must not keep a provider busy.
            .half_close(false)
            // It would also lift the bound on what waits for a client that does not read.
            .pipeline_flush(false);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(settings.max_header_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(settings.max_streams)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_EVERY);
        Self { http1, http2, first_byte_within: settings.header_timeout }
    }

    /// Serves a connection until it ends or the server cuts it.
    pub(super) async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        app: impl App,
        phase: &Phase,
    ) {
        // Fails only on a connection that is gone already, which the next step sees.
        let _ = stream.set_nodelay(true);
        let announced = tokio::select! {
            biased;
            () = phase.draining() => return,
            announced = timeout(self.first_byte_within, starts_http2(&stream)) => announced,
        };
        let Ok(Ok(is_http2)) = announced else { return };
        let io = TokioIo::new(stream);
        let service = service_fn(move |request: Request<Incoming>| {
            let app = app.clone();
            async move { Ok::<_, Infallible>(app.call(request, peer).await) }
        });
        if is_http2 {
            let connection = pin!(self.http2.serve_connection(io, service));
            drive(connection, http2::Connection::graceful_shutdown, phase).await;
        } else {
            let connection = pin!(self.http1.serve_connection(io, service));
            drive(connection, http1::Connection::graceful_shutdown, phase).await;
        }
    }
}

/// Drives a connection to its end. What goes wrong on it is the client's affair or was answered
/// with 4xx by hyper; there is nothing to log that a stranger could not make us log without end.
async fn drive<C>(
    mut connection: Pin<&mut C>,
    finish_calls_and_close: fn(Pin<&mut C>),
    phase: &Phase,
) where
    C: Future<Output = hyper::Result<()>>,
{
    let mut draining = pin!(phase.draining());
    let mut cutting = pin!(phase.cutting());
    let mut is_told = false;
    let mut is_registered = false;
    poll_fn(|cx| {
        // Polled once to be woken by the change; afterwards the load says whether to look again.
        if !is_told && (!is_registered || phase.is_draining()) {
            is_registered = true;
            if draining.as_mut().poll(cx).is_ready() {
                is_told = true;
                is_registered = false;
                finish_calls_and_close(connection.as_mut());
            }
        }
        if is_told && (!is_registered || phase.is_cut()) {
            is_registered = true;
            if cutting.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        connection.as_mut().poll(cx).map(|_| ())
    })
    .await;
}

/// Whether the client speaks HTTP/2 without having negotiated it. Looks at the first bytes and
/// leaves them where they are.
async fn starts_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; HTTP2_START.len()];
    loop {
        let seen = stream.peek(&mut start).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if start[..seen] != HTTP2_START[..seen] {
            return Ok(false);
        }
        if seen == start.len() {
            return Ok(true);
        }
        // A start cut in two: the kernel cannot say when there is more than we have seen.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
