//! An answer on its way out over HTTP/2: what was handed out of it is followed to where the connection
//! writes from. Of a piece of less than a kilobyte that is a buffer, whose last bytes may not have left
//! when the piece counts as written.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

use super::ResponseBody;
use crate::BoxError;

/// The body of an answer. It is asked for its next piece, and for its end, when the one before was
/// written: what it says of itself then is true of what the client got.
pub(super) struct Answer {
    body: ResponseBody,
    under_way: Arc<UnderWay>,
}

/// A piece of an answer, until it is written.
pub(super) struct Piece {
    bytes: Bytes,
    under_way: Arc<UnderWay>,
}

/// Bytes of an answer between its body and the socket: they wait there for the client to let them
/// come (RFC 9113 §5.2).
pub(super) struct UnderWay {
    within: Duration,
    state: Mutex<State>,
}

struct State {
    left: usize,
    /// When the client last took some, or they were handed out.
    moved: Instant,
    waiting: Option<Waker>,
}

impl Answer {
    pub(super) fn new(body: ResponseBody, under_way: Arc<UnderWay>) -> Self {
        Self { body, under_way }
    }
}

impl Body for Answer {
    type Data = Piece;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, BoxError>>> {
        ready!(self.under_way.poll_written(cx))?;
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let under_way = &self.under_way;
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|bytes| {
                    under_way.hand_out(bytes.len());
                    Piece { bytes, under_way: Arc::clone(under_way) }
                })
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.under_way.since().is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let ResponseBody::Stream(_, delivery) = &self.body {
            delivery.set_pending(self.under_way.since().is_some());
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(slices)
    }

    fn advance(&mut self, written: usize) {
        self.bytes.advance(written);
        self.under_way.written(written);
    }
}

impl UnderWay {
    /// Nothing yet; the client may let what will be wait `within` at most.
    pub(super) fn new(within: Duration) -> Self {
        let state = State { left: 0, moved: Instant::now(), waiting: None };
        Self { within, state: Mutex::new(state) }
    }

    /// Ready when the client has taken nothing for too long of what it could have.
    pub(super) async fn overdue(&self) {
        loop {
            let now = Instant::now();
            let due = self.since().unwrap_or(now) + self.within;
            if due <= now {
                return;
            }
            sleep_until(due).await;
        }
    }

    /// Since when the client has taken nothing; `None` if there is nothing to take.
    fn since(&self) -> Option<Instant> {
        let state = self.state();
        (state.left > 0).then_some(state.moved)
    }

    fn hand_out(&self, bytes: usize) {
        let mut state = self.state();
        state.left = bytes;
        state.moved = Instant::now();
    }

    fn written(&self, bytes: usize) {
        let mut state = self.state();
        state.left = state.left.saturating_sub(bytes);
        state.moved = Instant::now();
        if state.left == 0
            && let Some(waiting) = state.waiting.take()
        {
            waiting.wake();
        }
    }

    /// Ready when all was written, or is late.
    fn poll_written(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.left == 0 {
            return Poll::Ready(Ok(()));
        }
        if state.moved.elapsed() >= self.within {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use bytes::{Buf as _, Bytes};
    use tokio::time::{Instant, advance};

    use super::{Piece, UnderWay};

    #[tokio::test(start_paused = true)]
    async fn only_a_client_that_takes_nothing_is_late() {
        let within = Duration::from_secs(60);
        let under_way = Arc::new(UnderWay::new(within));
        let step = Duration::from_secs(45);
        advance(step * 2).await;
        let mut piece = Piece { bytes: Bytes::from_static(b"abcd"), under_way: under_way.clone() };
        under_way.hand_out(4);
        for _ in 0..3 {
            tokio::select! {
                () = under_way.overdue() => panic!("it was taking"),
                () = tokio::time::sleep(step) => piece.advance(1),
            }
        }
        let taken = Instant::now();
        under_way.overdue().await;
        assert_eq!(taken.elapsed(), within);
        // The last byte, and nothing is waited for.
        piece.advance(1);
        assert!(tokio::time::timeout(within * 5, under_way.overdue()).await.is_err());
    }
}
