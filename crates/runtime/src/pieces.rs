//! Writing what lies in pieces.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::AsyncWrite;

/// Up to this many bytes, pieces are put together first: the system takes one piece with less ado
/// than a list of them, by more than copying a message of usual size takes.
const SMALL: usize = 2048;

/// Writes from the front of the pieces; says how many bytes were taken.
pub(crate) fn poll_write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    pieces: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    match pieces {
        [one] => stream.poll_write(cx, one),
        _ if len <= SMALL => {
            let mut whole = [0; SMALL];
            let mut at = 0;
            for piece in pieces {
                whole[at..at + piece.len()].copy_from_slice(piece);
                at += piece.len();
            }
            stream.poll_write(cx, &whole[..len])
        }
        _ => stream.poll_write_vectored(cx, pieces),
    }
}
