//! One direction of a session: bytes from one side to the other, looked at as they pass.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use portcullis_runtime::{
    Switched,
    websocket::{FrameReader, Kind, Piece, Sender, Violation},
};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

/// Bytes under way in one direction.
const BUFFER: usize = 16 * 1024;

/// Where one direction stands.
pub(super) struct Lane {
    reader: FrameReader,
    buffer: Box<[u8]>,
    /// Of `buffer`: those still to be written.
    start: usize,
    end: usize,
    is_flushed: bool,
    /// Whether what was written ends with a frame.
    is_between: bool,
    /// Whether the sender has closed: nothing comes behind that.
    is_closed: bool,
    /// Whether to go no further than to the end of the present frame.
    is_stopping: bool,
}

/// Why a direction does not go on.
#[derive(Debug)]
pub(super) enum LaneEnd {
    /// The sender has sent its last message, and all is handed on.
    Closed,
    /// The sender is gone without one.
    Gone,
    /// What it sends are no frames.
    Violated(Violation),
    /// The other side takes no more.
    Refused,
    /// It was to stop, and stands between two frames.
    Stopped,
}

/// Who looks at what passes.
pub(super) trait Watch {
    /// So many bytes came.
    fn came(&mut self, sender: Sender, bytes: usize);
    /// A part of a message is among them. Says whether anything may follow its frame.
    fn piece(&mut self, sender: Sender, piece: &Piece, payload: &[u8]) -> bool;
}

impl Lane {
    pub(super) fn new(sender: Sender) -> Self {
        Self {
            reader: FrameReader::new(sender),
            buffer: vec![0; BUFFER].into(),
            start: 0,
            end: 0,
            is_flushed: true,
            is_between: true,
            is_closed: false,
            is_stopping: false,
        }
    }

    /// Whether the sender's last message has passed.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether a frame of ours could be put behind what was written.
    pub(super) fn is_between(&self) -> bool {
        self.is_between && !self.is_closed
    }

    /// From now on, goes no further than to the end of the present frame.
    pub(super) fn stop(&mut self) {
        self.is_stopping = true;
    }

    /// Moves what can be moved now.
    pub(super) fn poll(
        &mut self,
        sender: Sender,
        from: &mut Switched,
        to: &mut Switched,
        watch: &mut impl Watch,
        cx: &mut Context<'_>,
    ) -> Poll<LaneEnd> {
        loop {
            if ready!(self.poll_write(to, cx)).is_err() {
                return Poll::Ready(LaneEnd::Refused);
            }
            self.is_between = self.reader.is_between();
            if self.is_closed {
                return Poll::Ready(LaneEnd::Closed);
            }
            if self.is_stopping && self.is_between {
                return Poll::Ready(LaneEnd::Stopped);
            }
            let mut buffer = ReadBuf::new(&mut self.buffer);
            let read = match ready!(Pin::new(&mut *from).poll_read(cx, &mut buffer)) {
                Ok(()) => buffer.filled().len(),
                Err(_) => 0,
            };
            if read == 0 {
                return Poll::Ready(LaneEnd::Gone);
            }
            watch.came(sender, read);
            (self.start, self.end) = (0, read);
            if let Err(violation) = self.look(sender, watch) {
                return Poll::Ready(LaneEnd::Violated(violation));
            }
        }
    }

    /// Writes all that was read. What is written has left when nothing more is read.
    fn poll_write(&mut self, to: &mut Switched, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.start < self.end {
            let written = Pin::new(&mut *to).poll_write(cx, &self.buffer[self.start..self.end]);
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.start += written,
            }
            self.is_flushed = false;
        }
        if !self.is_flushed {
            ready!(Pin::new(to).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Looks at what was read, and cuts off what is not to go on.
    fn look(&mut self, sender: Sender, watch: &mut impl Watch) -> Result<(), Violation> {
        let mut at = 0;
        while at < self.end && !self.is_closed && !(self.is_stopping && self.reader.is_between()) {
            let step = self.reader.step(&self.buffer[at..self.end])?;
            at += step.read;
            if let Some(piece) = step.piece {
                let goes_on = watch.piece(sender, &piece, &self.buffer[at - piece.len..at]);
                self.is_stopping |= !goes_on;
                self.is_closed = piece.ends && piece.kind == Kind::Close;
            }
        }
        self.end = at;
        Ok(())
    }
}
