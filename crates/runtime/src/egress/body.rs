//! The two directions of an outbound call's bytes.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{EgressError, error::chain, http1::Incoming, http2};
use crate::BoxError;

/// A body whose bytes come as they come.
pub(super) type OutboundStream = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// What is sent. A full body needs no allocation and no dynamic call.
#[derive(Default)]
pub enum OutboundBody {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes.
    Full(Bytes),
    /// Bytes as they come; when the body fails, the call fails as broken.
    Stream(OutboundStream),
}

/// What is received. Read to its end, its connection serves the next call; dropped before, the
/// provider sees the connection closed (HTTP/1) or the stream reset (HTTP/2) at once.
pub struct InboundBody(Source);

enum Source {
    H1(Incoming),
    H2 {
        incoming: hyper::body::Incoming,
        /// Dropped with the body: that is its whole work.
        _stream: http2::Stream,
    },
    Ended,
}

impl InboundBody {
    pub(super) fn http1(incoming: Incoming) -> Self {
        let mut body = Self(Source::H1(incoming));
        body.release_if_ended();
        body
    }

    pub(super) fn http2(incoming: hyper::body::Incoming, stream: http2::Stream) -> Self {
        let mut body = Self(Source::H2 { incoming, _stream: stream });
        body.release_if_ended();
        body
    }

    /// Nothing.
    pub(super) fn ended() -> Self {
        Self(Source::Ended)
    }

    /// Whether nothing but the connection's close ends it, so that one which was cut off looks whole
    /// (RFC 9112 §6.3). Asked before it is read.
    pub fn ends_by_close(&self) -> bool {
        matches!(&self.0, Source::H1(incoming) if incoming.ends_by_close())
    }

    /// Whoever reads a body of known length may never ask for the end.
    fn release_if_ended(&mut self) {
        if self.is_end_stream()
            && let Source::H1(incoming) = std::mem::replace(&mut self.0, Source::Ended)
        {
            incoming.release();
        }
    }
}

impl Body for InboundBody {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        let frame = match &mut self.0 {
            Source::H1(incoming) => {
                ready!(incoming.poll_piece(cx)).map(|piece| piece.map(Frame::data))
            }
            Source::H2 { incoming, .. } => ready!(Pin::new(incoming).poll_frame(cx))
                .map(|frame| frame.map_err(|error| EgressError::broken(true, chain(&error)))),
            Source::Ended => None,
        };
        match frame {
            Some(Ok(_)) => self.release_if_ended(),
            Some(Err(_)) => self.0 = Source::Ended,
            None => {
                self.release_if_ended();
                self.0 = Source::Ended;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::H1(incoming) => incoming.is_ended(),
            Source::H2 { incoming, .. } => incoming.is_end_stream(),
            Source::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::H1(incoming) => {
                incoming.left().map_or_else(SizeHint::default, SizeHint::with_exact)
            }
            Source::H2 { incoming, .. } => incoming.size_hint(),
            Source::Ended => SizeHint::with_exact(0),
        }
    }
}

impl fmt::Debug for InboundBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundBody").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}

impl Body for OutboundBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Stream(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

impl From<Bytes> for OutboundBody {
    fn from(bytes: Bytes) -> Self {
        Self::Full(bytes)
    }
}

impl fmt::Debug for OutboundBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundBody").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}
