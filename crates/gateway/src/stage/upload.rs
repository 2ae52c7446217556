//! A body that streams by without being held: bounded in size and in how long its sender may pause.

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use portcullis_domain::{Fault, FaultKind};

use crate::{BoxError, idle::Idle, stage::receive};

/// The caller's body on its way to the provider.
pub(crate) struct Upload<B> {
    body: B,
    /// Bytes.
    limit: u64,
    within: Duration,
    idle: Idle,
    progress: Arc<Progress>,
}

/// How far an upload came, for those who only see that the call broke off.
#[derive(Default)]
pub(crate) struct Progress {
    bytes: AtomicU64,
    fault: OnceLock<Fault>,
}

impl Progress {
    /// Bytes that passed by.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Why the upload ended early, if it did by the caller's fault.
    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.fault.get()
    }
}

impl<B> Upload<B> {
    pub(crate) fn new(body: B, limit: u64, within: Duration, progress: Arc<Progress>) -> Self {
        Self { body, limit, within, idle: Idle::new(within), progress }
    }

    fn end<T>(&self, fault: Fault) -> Poll<Option<Result<T, BoxError>>> {
        let error = fault.to_string();
        // Only the first reason counts.
        let _ = self.progress.fault.set(fault);
        Poll::Ready(Some(Err(error.into())))
    }
}

impl<B> Body for Upload<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.body).poll_frame(context);
        let Some(frame) = ready!(this.idle.bound(polled, context)) else {
            return this.end(receive::paused(this.within));
        };
        match frame {
            None => Poll::Ready(None),
            Some(Err(error)) => {
                let fault = Fault::client(FaultKind::BadRequest, "the request body broke off");
                this.end(fault.with_detail(error.into()))
            }
            Some(Ok(frame)) => {
                let len = frame.data_ref().map_or(0, |data| data.len() as u64);
                let before = this.progress.bytes.fetch_add(len, Relaxed);
                if before + len > this.limit {
                    return this.end(receive::too_large(this.limit));
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
