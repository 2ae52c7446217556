//! One client connection, from its first bytes to its end.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io::{self, IoSlice},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep, timeout},
};

use super::{App, ServerSettings, body::RequestBody, http1, phase::Phase};

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
/// How long a client may take nothing of an answer that waits for it. Nobody else would notice: the
/// body of the answer is only asked for more when there is room.
const TAKES_WITHIN: Duration = Duration::from_secs(300);

/// How connections are served: both protocols with their bounds.
pub(super) struct Protocols {
    settings: ServerSettings,
    http2: http2::Builder<TokioExecutor>,
}

/// The bytes of a client's connection.
pub(super) type Stream = Begun<TcpStream>;

impl Protocols {
    pub(super) fn new(settings: &ServerSettings) -> Self {
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
        Self { settings: settings.clone(), http2 }
    }

    /// Serves a connection until it ends or the server cuts it.
    pub(super) async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        app: impl App,
        phase: &Arc<Phase>,
    ) {
        // Fails only on a connection that is gone already, which the next step sees.
        let _ = stream.set_nodelay(true);
        let begun = tokio::select! {
            biased;
            () = phase.draining() => return,
            begun = timeout(self.settings.header_timeout, begin(stream, TAKES_WITHIN)) => begun,
        };
        let Ok(Ok((begun, is_http2))) = begun else { return };
        if is_http2 {
            let service = service_fn(move |request: Request<Incoming>| {
                let (app, request) = (app.clone(), request.map(RequestBody::http2));
                async move { Ok::<_, Infallible>(app.call(request, peer).await) }
            });
            let connection = self.http2.serve_connection(TokioIo::new(begun), service);
            drive(pin!(connection), http2::Connection::graceful_shutdown, phase).await;
        } else {
            // It looks at the phase itself.
            let connection = http1::serve(begun, peer, app, &self.settings, phase);
            drive(pin!(connection), |_| {}, phase).await;
        }
    }
}

/// Drives a connection to its end. What goes wrong on it is the client's affair or was answered
/// with 4xx; there is nothing to log that a stranger could not make us log without end.
async fn drive<C>(
    mut connection: Pin<&mut C>,
    finish_calls_and_close: fn(Pin<&mut C>),
    phase: &Phase,
) where
    C: Future,
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

/// A connection of which a few bytes were read ahead; whoever reads gets them first.
pub(super) struct Begun<S> {
    start: [u8; HTTP2_START.len()],
    /// Of `start`: those between are still to be read.
    given: usize,
    read: usize,
    stream: S,
    takes_within: Duration,
    /// Set while the client takes nothing.
    late: Option<Pin<Box<Sleep>>>,
}

/// Reads ahead until it is clear whether the client speaks HTTP/2 without having negotiated it.
/// Sleeps until there are bytes: a client that sends one and no more costs one wake-up.
async fn begin<S: AsyncRead + Unpin>(
    stream: S,
    takes_within: Duration,
) -> io::Result<(Begun<S>, bool)> {
    let start = [0; HTTP2_START.len()];
    let mut begun = Begun { start, given: 0, read: 0, stream, takes_within, late: None };
    loop {
        match begun.stream.read(&mut begun.start[begun.read..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => begun.read += more,
        }
        if begun.start[..begun.read] != HTTP2_START[..begun.read] {
            return Ok((begun, false));
        }
        if begun.read == HTTP2_START.len() {
            return Ok((begun, true));
        }
    }
}

impl<S> Begun<S> {
    /// What a write came to, or that the client has taken nothing for too long.
    fn bounded(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.late = None;
            return written;
        }
        let within = self.takes_within;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(within)));
        late.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given == self.read {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let end = self.read.min(self.given + buf.remaining());
        buf.put_slice(&self.start[self.given..end]);
        self.given = end;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bounded(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin, time::Duration};

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        time::timeout,
    };

    use super::begin;

    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "the client's side of the connection")]
    async fn a_start_in_pieces_is_told_apart_without_being_polled_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for (first, second, http2) in
            [("P", "RI * HTTP/2.0", true), ("PRI", " * ", true), ("P", "OST / ", false)]
        {
            let mut client = TcpStream::connect(address).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            client.write_all(first.as_bytes()).await.unwrap();
            let mut beginning = pin!(begin(stream, Duration::MAX));
            let mut wakes = 0;
            let counted = poll_fn(|cx| {
                wakes += 1;
                beginning.as_mut().poll(cx)
            });
            assert!(timeout(Duration::from_millis(120), counted).await.is_err(), "{first}");
            assert!(wakes <= 3, "{first}: woken {wakes} times for nothing");
            client.write_all(second.as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
            let (mut begun, is_http2) = beginning.await.unwrap();
            assert_eq!(is_http2, http2, "{first}");
            let mut seen = String::new();
            begun.read_to_string(&mut seen).await.unwrap();
            assert_eq!(seen, format!("{first}{second}"));
        }
    }

    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "the client's side of the connection")]
    async fn a_client_that_takes_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(b"GET ").await.unwrap();
        let (mut begun, _) = begin(stream, Duration::from_millis(50)).await.unwrap();
        let answer = vec![0; 64 << 20];
        let writing = timeout(Duration::from_secs(10), begun.write_all(&answer)).await;
        let error = writing.expect("it is given up").expect_err("nobody took it");
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    }
}
