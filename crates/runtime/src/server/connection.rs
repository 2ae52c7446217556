//! One client connection, from its first bytes to its end.

use std::{
    future::{Future, poll_fn},
    io::{self, IoSlice},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep, timeout},
};

use super::{App, ServerSettings, http1, http2, phase::Phase};

/// How HTTP/2 announces itself when it was not negotiated: nothing else starts like this.
const HTTP2_START: &[u8; 4] = b"PRI ";

/// The bytes of a client's connection.
pub(super) type Stream = Begun<TcpStream>;

/// Serves a connection until it ends or the server cuts it.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    app: impl App,
    settings: &ServerSettings,
    phase: &Arc<Phase>,
) {
    // Fails only on a connection that is gone already, which the next step sees.
    let _ = stream.set_nodelay(true);
    let begun = tokio::select! {
        biased;
        () = phase.draining() => return,
        begun = timeout(settings.header_timeout, begin(stream, settings.write_timeout)) => begun,
    };
    let Ok(Ok((begun, is_http2))) = begun else { return };
    if is_http2 {
        let connection = http2::serve(begun, peer, app, settings);
        drive(pin!(connection), http2::Connection::finish, phase).await;
    } else {
        // It looks at the phase itself.
        let connection = http1::serve(begun, peer, app, settings, phase);
        drive(pin!(connection), |_| {}, phase).await;
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
    written_within: Duration,
    /// Set while the client takes nothing.
    late: Option<Pin<Box<Sleep>>>,
}

/// Reads ahead until it is clear whether the client speaks HTTP/2 without having negotiated it.
/// Sleeps until there are bytes: a client that sends one and no more costs one wake-up.
async fn begin<S: AsyncRead + Unpin>(
    stream: S,
    written_within: Duration,
) -> io::Result<(Begun<S>, bool)> {
    let start = [0; HTTP2_START.len()];
    let mut begun = Begun { start, given: 0, read: 0, stream, written_within, late: None };
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
        let within = self.written_within;
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
