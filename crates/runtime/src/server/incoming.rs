//! What a client sends over HTTP/1.1: shared by the connection and the body of its present request.

use std::{
    future::Future as _,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::{BufMut as _, Bytes};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, ReadBuf};

use super::connection::Stream;
use crate::http1::{self, Chunked, Malformed};

/// Bytes of a piece of body at most.
pub(super) const MAX_PIECE: usize = 256 * 1024;

/// The stream, and how far the present request has been read.
pub(super) struct Incoming {
    pub(super) stream: Stream,
    /// Bytes that were read and belong to nobody yet.
    pub(super) ahead: Vec<u8>,
    pub(super) framing: Framing,
    /// What is still to be written before the client sends its body.
    pub(super) go_on: &'static [u8],
    /// Wakes the connection once the body has ended, if it waits for that.
    pub(super) waiting: Option<Waker>,
}

/// What is still to come of the present request.
pub(super) enum Framing {
    Known(u64),
    Chunked(Chunked),
    Ended,
    /// The client broke off, or nobody can tell where its request ends.
    Broken,
}

/// The body of a request that did not come whole with its head.
pub(super) struct IncomingBody(Arc<Mutex<Incoming>>);

/// Nobody ever waits here: a connection is one task's, and while another task reads a body the
/// connection does nothing.
pub(super) fn locked(incoming: &Mutex<Incoming>) -> MutexGuard<'_, Incoming> {
    incoming.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Incoming {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, ahead: Vec::new(), framing: Framing::Ended, go_on: b"", waiting: None }
    }

    /// Reads into `buffer`; zero bytes are the end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Whether the present request has been read to its end.
    pub(super) fn is_ended(&self) -> bool {
        matches!(self.framing, Framing::Ended)
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match self.framing {
                Framing::Ended => return Poll::Ready(None),
                Framing::Broken => return Poll::Ready(Some(Err(broken_off()))),
                Framing::Known(_) | Framing::Chunked(_) => {}
            }
            let piece = if self.ahead.is_empty() {
                ready!(self.poll_new(cx))
            } else {
                let mut bytes = std::mem::take(&mut self.ahead);
                self.fill(&mut bytes, cx);
                self.take(&mut bytes).map(|(read, data)| {
                    self.ahead = bytes.split_off(read);
                    bytes.truncate(data);
                    Bytes::from(bytes)
                })
            };
            match piece {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Poll::Ready(Some(Ok(data))),
                Err(error) => {
                    self.enter(Framing::Broken);
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    /// Adds to the beginning of a body of known length what else of it is there by now: a piece that
    /// is whole need not be put together.
    fn fill(&mut self, bytes: &mut Vec<u8>, cx: &mut Context<'_>) {
        let Framing::Known(left) = self.framing else { return };
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let most = left.min(MAX_PIECE);
        // What leaves room in the buffer was all there is: with a byte to spare for what should not
        // come yet, it need not be asked for again.
        let spare = usize::from(most == left);
        while let Some(room @ 1..) = most.checked_sub(bytes.len()) {
            let mut bytes = bytes.limit(room + spare);
            let read = pin!(self.stream.read_buf(&mut bytes)).poll(cx);
            // Whatever is wrong shows again when there is nothing else to give.
            if !matches!(read, Poll::Ready(Ok(1..))) {
                return;
            }
        }
    }

    /// Reads more from the client.
    fn poll_new(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        while !self.go_on.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, self.go_on))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.go_on = &self.go_on[written..],
            }
        }
        http1::with_read_buffer(|buffer| {
            let read = ready!(self.poll_read(cx, buffer))?;
            if read == 0 {
                return Poll::Ready(Err(broken_off()));
            }
            let (used, data) = self.take(&mut buffer[..read])?;
            self.ahead.extend_from_slice(&buffer[used..read]);
            Poll::Ready(Ok(Bytes::copy_from_slice(&buffer[..data])))
        })
    }

    /// Decodes what was read of the body: how many bytes belong to it, and how many bytes of data
    /// there are now at the front.
    fn take(&mut self, bytes: &mut [u8]) -> io::Result<(usize, usize)> {
        let malformed = |error: Malformed| io::Error::new(io::ErrorKind::InvalidData, error);
        let (used, data, ended) = match &mut self.framing {
            Framing::Ended | Framing::Broken => (0, 0, false),
            Framing::Known(left) => {
                let here = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= here as u64;
                (here, here, *left == 0)
            }
            Framing::Chunked(chunked) => {
                let decoded = chunked.decode(bytes).map_err(malformed)?;
                (decoded.read, decoded.data, chunked.is_done())
            }
        };
        if ended {
            self.enter(Framing::Ended);
        }
        Ok((used, data))
    }

    fn enter(&mut self, framing: Framing) {
        self.framing = framing;
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }
}

impl IncomingBody {
    pub(super) fn new(incoming: &Arc<Mutex<Incoming>>) -> Self {
        Self(Arc::clone(incoming))
    }

    /// The next piece: all that has come by now, up to the size of one read.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        locked(&self.0).poll_piece(cx)
    }

    pub(super) fn is_ended(&self) -> bool {
        locked(&self.0).is_ended()
    }

    /// Bytes still to come, where that is known.
    pub(super) fn left(&self) -> Option<u64> {
        match locked(&self.0).framing {
            Framing::Known(left) => Some(left),
            Framing::Ended => Some(0),
            Framing::Chunked(_) | Framing::Broken => None,
        }
    }
}

fn broken_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the client broke off its request")
}
