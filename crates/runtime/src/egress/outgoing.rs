//! A request on its way out over HTTP/1.1.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, Method, header::CONTENT_LENGTH};
use http_body::Body as _;
use tokio::io::AsyncWrite as _;

use super::{OutboundBody, body::OutboundStream, error::chain, stream::Stream};
use crate::{
    http1::{CHUNK_END, LAST_CHUNK, Length, chunk_head},
    pieces,
};

/// What is left to write of one request.
pub(super) struct Outgoing {
    /// Bytes to be written before `data`: the request's head, then each chunk's.
    head: Vec<u8>,
    data: Bytes,
    /// Bytes to be written behind `data`.
    tail: &'static [u8],
    /// Where more data comes from.
    source: Option<Source>,
    progress: Progress,
}

struct Source {
    body: OutboundStream,
    /// Bytes still to come, unless the body is chunked.
    left: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Progress {
    /// Not a byte has left.
    Unsent,
    Sending,
    Sent,
    /// The provider takes no more.
    Refused(String),
    /// The body itself failed.
    Broken(String),
}

/// How long a request's body will be, as its head has to say.
pub(super) fn length(method: &Method, headers: &HeaderMap, body: &OutboundBody) -> Option<Length> {
    match body {
        // Without a length, some servers wait for one.
        OutboundBody::Empty if [Method::POST, Method::PUT, Method::PATCH].contains(method) => {
            Some(Length::Known(0))
        }
        OutboundBody::Empty => None,
        OutboundBody::Full(bytes) => Some(Length::Known(bytes.len() as u64)),
        OutboundBody::Stream(body) => {
            let declared = || headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
            let known = body.size_hint().exact().or_else(declared);
            Some(known.map_or(Length::Chunked, Length::Known))
        }
    }
}

impl Outgoing {
    pub(super) fn new(head: Vec<u8>, length: Option<Length>, body: OutboundBody) -> Self {
        let (data, source) = match body {
            OutboundBody::Empty => (Bytes::new(), None),
            OutboundBody::Full(bytes) => (bytes, None),
            OutboundBody::Stream(body) => {
                let left = match length {
                    Some(Length::Known(length)) => Some(length),
                    _ => None,
                };
                (Bytes::new(), Some(Source { body, left }))
            }
        };
        Self { head, data, tail: b"", source, progress: Progress::Unsent }
    }

    /// Whether not a byte was written.
    pub(super) fn is_unsent(&self) -> bool {
        self.progress == Progress::Unsent
    }

    /// Whether all of it was written.
    pub(super) fn is_sent(&self) -> bool {
        self.progress == Progress::Sent
    }

    /// Why it could not be written, if it could not.
    pub(super) fn failure(&self) -> Option<&str> {
        match &self.progress {
            Progress::Refused(detail) | Progress::Broken(detail) => Some(detail),
            _ => None,
        }
    }

    /// Whether there is nothing to wait for: the body failed, so the request will never be whole.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.progress, Progress::Broken(_))
    }

    /// The body of a request of which nothing was written.
    pub(super) fn into_body(self) -> OutboundBody {
        match self.source {
            Some(source) => OutboundBody::Stream(source.body),
            None if self.data.is_empty() => OutboundBody::Empty,
            None => OutboundBody::Full(self.data),
        }
    }

    /// Writes what can be written now. Ready once there is nothing more to do, be it that the
    /// writing failed: an answer may be there all the same.
    pub(super) fn poll(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_sent() || self.failure().is_some() {
            return Poll::Ready(());
        }
        match ready!(self.poll_all(stream, cx)) {
            Ok(()) => self.progress = Progress::Sent,
            // Where nothing was written, it stays unsent.
            Err(Progress::Refused(_)) if self.is_unsent() => {}
            Err(failure) => self.progress = failure,
        }
        Poll::Ready(())
    }

    fn poll_all(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Progress>> {
        let refused = |error: io::Error| Progress::Refused(error.to_string());
        let broken = |detail: &str| Poll::Ready(Err(Progress::Broken(detail.to_owned())));
        loop {
            if let Err(error) = ready!(self.poll_pieces(stream, cx)) {
                return Poll::Ready(Err(refused(error)));
            }
            let Some(source) = &mut self.source else { break };
            let Poll::Ready(frame) = source.body.as_mut().poll_frame(cx) else {
                // Nothing of what is there already waits for what is not.
                if let Poll::Ready(Err(error)) = Pin::new(stream).poll_flush(cx) {
                    return Poll::Ready(Err(refused(error)));
                }
                return Poll::Pending;
            };
            match frame {
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    match &mut source.left {
                        // A chunk without bytes would be the last one.
                        None if data.is_empty() => {}
                        None => {
                            self.head.clear();
                            chunk_head(&mut self.head, data.len());
                            self.data = data;
                            self.tail = CHUNK_END;
                        }
                        Some(left) => match left.checked_sub(data.len() as u64) {
                            Some(less) => {
                                *left = less;
                                self.data = data;
                            }
                            None => return broken(LENGTH_BROKEN),
                        },
                    }
                }
                Some(Err(error)) => return broken(&chain(&*error)),
                None => {
                    match source.left {
                        None => self.tail = LAST_CHUNK,
                        Some(0) => {}
                        Some(_) => return broken(LENGTH_BROKEN),
                    }
                    self.source = None;
                }
            }
        }
        Pin::new(stream).poll_flush(cx).map_err(refused)
    }

    fn poll_pieces(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut at = 0;
        loop {
            let head = &self.head[at..];
            if head.is_empty() && self.data.is_empty() && self.tail.is_empty() {
                self.head.clear();
                return Poll::Ready(Ok(()));
            }
            let slices = [head, &self.data, self.tail].map(IoSlice::new);
            let written = pieces::poll_write(stream, cx, &slices);
            let mut written = match written {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.head.drain(..at);
                    return Poll::Pending;
                }
            };
            self.progress = Progress::Sending;
            let of_head = written.min(head.len());
            at += of_head;
            written -= of_head;
            let of_data = written.min(self.data.len());
            self.data.advance(of_data);
            self.tail = &self.tail[written - of_data..];
        }
    }
}

const LENGTH_BROKEN: &str = "the body is not as long as was declared";
