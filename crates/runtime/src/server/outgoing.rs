//! An answer on its way out over HTTP/1.1.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::AsyncWrite as _;

use super::connection::Stream;
use crate::{http1, pieces};

/// Pieces of body that are written together.
pub(super) const MAX_PIECES: usize = 30;

/// What is to be written next: some bytes of ours, pieces of a body, and a few bytes behind them.
#[derive(Default)]
pub(super) struct Outgoing {
    /// A head, or the line before a chunk, or both. Kept from one answer to the next.
    pub(super) head: Vec<u8>,
    pieces: Vec<Bytes>,
    /// Bytes of `pieces`.
    len: usize,
    tail: &'static [u8],
    /// Bytes of it all that were written.
    written: usize,
}

impl Outgoing {
    /// Adds a piece of body; says whether there is room for another.
    pub(super) fn push(&mut self, piece: Bytes) -> bool {
        self.len += piece.len();
        self.pieces.push(piece);
        self.pieces.len() < MAX_PIECES
    }

    /// Bytes of body that are to be written.
    pub(super) fn body_len(&self) -> usize {
        self.len
    }

    /// Whether there is body to write.
    pub(super) fn has_body(&self) -> bool {
        self.len > 0
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.pieces.is_empty() && self.tail.is_empty()
    }

    /// Makes one chunk of the pieces, and the end of the body behind them if it `ends`.
    pub(super) fn chunk(&mut self, ends: bool) {
        if self.len > 0 {
            http1::chunk_head(&mut self.head, self.len);
        }
        self.tail = match (self.len > 0, ends) {
            (true, true) => http1::CHUNK_END_AND_LAST,
            (true, false) => http1::CHUNK_END,
            (false, true) => http1::LAST_CHUNK,
            (false, false) => b"",
        };
    }

    /// Writes until nothing is left.
    pub(super) fn poll(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let total = self.head.len() + self.len + self.tail.len();
        while self.written < total {
            let mut slices = [IoSlice::new(&[]); MAX_PIECES + 2];
            let mut used = 0;
            let mut skip = self.written;
            let parts = [&self.head[..]]
                .into_iter()
                .chain(self.pieces.iter().map(|piece| &piece[..]))
                .chain([self.tail]);
            for part in parts {
                match part.get(skip..) {
                    Some(rest) if !rest.is_empty() => {
                        slices[used] = IoSlice::new(rest);
                        used += 1;
                        skip = 0;
                    }
                    _ => skip -= part.len(),
                }
            }
            match ready!(pieces::poll_write(stream, cx, &slices[..used]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        ready!(Pin::new(stream).poll_flush(cx))?;
        self.clear();
        Poll::Ready(Ok(()))
    }

    fn clear(&mut self) {
        self.head.clear();
        self.pieces.clear();
        self.len = 0;
        self.tail = b"";
        self.written = 0;
    }
}
