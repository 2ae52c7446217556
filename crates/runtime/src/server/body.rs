//! The bodies of calls and of answers.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{incoming::IncomingBody, upgrade::Upgrade};
use crate::BoxError;

/// What a client sends.
pub struct RequestBody(Source);

enum Source {
    /// All of it, which came with the head.
    Whole(Bytes),
    Http1(IncomingBody),
    Http2(Incoming),
}

/// What a client gets. A full body needs no dynamic call.
pub enum ResponseBody {
    /// These bytes; `content-length` is set.
    Full(Bytes),
    /// The same, and somebody who waits to hear whether the client got them.
    Receipted(Bytes, Receipt),
    /// Bytes as they come, each flushed at once. When the body fails, the connection breaks off,
    /// so that the client cannot take the answer for complete.
    Stream(Streamed, Delivery),
    /// None: the answer, a 101 to a request of HTTP/1.1, ends HTTP on this connection.
    Upgrade(Upgrade),
}

pub(super) type Streamed = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// Tells whoever makes an answer as it goes whether the client's connection has taken what there
/// is of it.
#[derive(Clone, Debug, Default)]
pub struct Delivery(Arc<AtomicBool>);

/// Is told once what became of an answer: `true` when all of it was handed to the client's
/// connection, `false` when it could not be.
pub struct Receipt {
    then: Option<Box<dyn FnOnce(bool) + Send>>,
    handed_over: bool,
}

impl RequestBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Source::Whole(bytes))
    }

    pub(super) fn http1(body: IncomingBody) -> Self {
        Self(Source::Http1(body))
    }

    pub(super) fn http2(body: Incoming) -> Self {
        Self(Source::Http2(body))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Source::Whole(bytes) => Poll::Ready(whole(bytes)),
            Source::Http1(body) => body
                .poll_piece(cx)
                .map(|piece| piece.map(|piece| piece.map(Frame::data).map_err(BoxError::from))),
            Source::Http2(body) => {
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(|f| f.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Whole(bytes) => bytes.is_empty(),
            Source::Http1(body) => body.is_ended(),
            Source::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Http1(body) => body.left().map_or_else(SizeHint::default, SizeHint::with_exact),
            Source::Http2(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}

impl ResponseBody {
    /// No bytes.
    pub const fn empty() -> Self {
        Self::Full(Bytes::new())
    }

    /// These bytes; `then` is told once what became of them, see [`Receipt`].
    pub fn receipted(bytes: Bytes, then: impl FnOnce(bool) + Send + 'static) -> Self {
        // Nobody asks for a body that is not there: it is handed over with the head.
        let handed_over = bytes.is_empty();
        Self::Receipted(bytes, Receipt { then: Some(Box::new(then)), handed_over })
    }

    /// A body that streams.
    pub fn stream(body: impl Body<Data = Bytes, Error = BoxError> + Send + 'static) -> Self {
        Self::followed(body, Delivery::default())
    }

    /// A body that streams, and asks `delivery` when it is dropped whether all was taken.
    pub fn followed(
        body: impl Body<Data = Bytes, Error = BoxError> + Send + 'static,
        delivery: Delivery,
    ) -> Self {
        Self::Stream(Box::pin(body), delivery)
    }
}

impl Delivery {
    /// Whether the body has handed out a piece that was not handed over.
    pub fn is_pending(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set_pending(&self, is_pending: bool) {
        self.0.store(is_pending, Ordering::Relaxed);
    }
}

impl Receipt {
    /// All of the answer was handed over.
    pub(super) fn handed_over(mut self) {
        self.handed_over = true;
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(then) = self.then.take() {
            then(self.handed_over);
        }
    }
}

impl Default for ResponseBody {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self::Full(bytes)
    }
}

impl From<String> for ResponseBody {
    fn from(text: String) -> Self {
        Self::Full(text.into())
    }
}

impl From<&'static str> for ResponseBody {
    fn from(text: &'static str) -> Self {
        Self::Full(Bytes::from_static(text.as_bytes()))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Full(bytes) => Poll::Ready(whole(bytes)),
            Self::Receipted(bytes, receipt) => {
                // Whoever asks for the end has got rid of the bytes.
                receipt.handed_over = bytes.is_empty();
                Poll::Ready(whole(bytes))
            }
            Self::Stream(body, _) => body.as_mut().poll_frame(cx),
            Self::Upgrade(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Upgrade(_) => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Receipted(_, receipt) => receipt.handed_over,
            Self::Stream(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) | Self::Receipted(bytes, _) => {
                SizeHint::with_exact(bytes.len() as u64)
            }
            Self::Stream(body, _) => body.size_hint(),
            Self::Upgrade(_) => SizeHint::with_exact(0),
        }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}

fn whole<E>(bytes: &mut Bytes) -> Option<Result<Frame<Bytes>, E>> {
    let bytes = std::mem::take(bytes);
    (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)))
}
