//! One HTTP/1.1 connection to a provider. Whoever makes the call reads and writes it, on the call's
//! own task: bytes that came together leave together, and nothing is woken in between.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, response};
use tokio::{
    io::{AsyncRead as _, ReadBuf},
    time::Instant,
};

use super::{
    EgressError, OutboundBody,
    connection::Failed,
    outgoing::{self, Outgoing},
    pool::{self, Key},
    stream::Stream,
};
use crate::{
    http1::{self, Chunked, Length, Parsed},
    patience::Patience,
    switched::Switched,
};

/// Bytes of an answer's head.
const MAX_HEAD: usize = 128 * 1024;
/// Bytes of a request's head that are made room for.
const USUAL_HEAD: usize = 1024;

/// A connection for one call at a time. Dropping it closes it.
pub(super) struct H1 {
    stream: Stream,
    host: HeaderValue,
    idle_timeout: Duration,
    max_idle: usize,
    idle_since: Instant,
    /// Whether the call that it makes now asks for another protocol.
    upgrades: bool,
    /// With the answer that is waited for.
    patience: Patience,
}

/// How a call ends without an answer.
enum End {
    Unsent,
    Late,
    Lost(String),
}

/// An answer's body on its way in, with what may be left of the request.
pub(super) struct Incoming {
    h1: Box<H1>,
    key: Key,
    outgoing: Outgoing,
    /// What was read together with the head.
    first: Vec<u8>,
    framing: Framing,
    /// Whether the connection can serve another call once the body has ended.
    keeps_alive: bool,
}

enum Framing {
    Known { left: u64 },
    Chunked(Chunked),
    UntilClose,
    Ended,
}

impl H1 {
    pub(super) fn new(
        stream: Stream,
        host: HeaderValue,
        idle_timeout: Duration,
        max_idle: usize,
    ) -> Self {
        let (idle_since, patience) = (Instant::now(), Patience::default());
        Self { stream, host, idle_timeout, max_idle, idle_since, upgrades: false, patience }
    }

    /// For a call that asks for another protocol.
    pub(super) fn upgrading(mut self: Box<Self>) -> Box<Self> {
        self.upgrades = true;
        self
    }

    /// How long it may wait for its next call.
    pub(super) fn idle_timeout(&self) -> Duration {
        self.idle_timeout
    }

    /// Whether the connection can serve a call: the provider has not closed it, nor sent what
    /// nobody asked for. Costs no system call while nothing has come.
    pub(super) fn is_open(&mut self) -> bool {
        if self.idle_since.elapsed() >= self.idle_timeout {
            return false;
        }
        let mut byte = [0];
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut self.stream).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    /// Makes one call.
    pub(super) async fn call(
        mut self: Box<Self>,
        request: &mut Request<OutboundBody>,
        key: &Key,
        until: Instant,
        sent: &mut bool,
    ) -> Result<(response::Parts, Incoming), Failed> {
        let body = std::mem::take(request.body_mut());
        let (method, headers) = (request.method(), request.headers());
        let length = outgoing::length(method, headers, &body);
        let mut head = Vec::with_capacity(USUAL_HEAD);
        let target = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let connection = self.upgrades.then_some("upgrade");
        http1::request_head(&mut head, method, target, &self.host, headers, length, connection);
        let mut outgoing = Outgoing::new(head, length, body);
        let mut carried = Vec::new();
        self.patience.begin(until);
        let answered = poll_fn(|cx| {
            let written = outgoing.poll(&mut self.stream, cx);
            *sent = !outgoing.is_unsent();
            if written.is_ready() && outgoing.is_unsent() {
                return Poll::Ready(Err(End::Unsent));
            }
            if outgoing.is_broken() {
                return Poll::Ready(Err(End::Lost(String::new())));
            }
            // Also while the request is still on its way: a refusal may come before its end.
            match poll_head(&mut self.stream, method, &mut carried, cx) {
                Poll::Ready(head) => Poll::Ready(head.map_err(End::Lost)),
                Poll::Pending => self.patience.poll(cx).map(|()| Err(End::Late)),
            }
        });
        match answered.await {
            Ok((parsed, _))
                if parsed.head.status == StatusCode::SWITCHING_PROTOCOLS && !self.upgrades =>
            {
                let detail = "it switched protocols without having been asked to".to_owned();
                Err(Failed::Lost(EgressError::broken(true, detail)))
            }
            Ok((parsed, first)) => {
                let keeps_alive = parsed.keeps_alive;
                let framing = match parsed.length {
                    Length::Known(left) => Framing::Known { left },
                    Length::Chunked => Framing::Chunked(Chunked::new()),
                    Length::UntilClose => Framing::UntilClose,
                };
                let key = key.clone();
                let incoming = Incoming { h1: self, key, outgoing, first, framing, keeps_alive };
                Ok((parsed.head, incoming))
            }
            Err(End::Late) => Err(Failed::Late),
            Err(End::Unsent) => {
                *request.body_mut() = outgoing.into_body();
                let error = EgressError::broken(false, "the connection was closed".to_owned());
                Err(Failed::Unsent(error))
            }
            Err(End::Lost(detail)) => {
                let detail = outgoing.failure().map_or(detail, str::to_owned);
                Err(Failed::Lost(EgressError::broken(true, detail)))
            }
        }
    }
}

/// The head of an answer, and what was read behind it.
type Begun = (Parsed<response::Parts>, Vec<u8>);

/// Reads until a final head is there; with it comes what was read behind it.
fn poll_head(
    stream: &mut Stream,
    asked: &Method,
    carried: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> Poll<Result<Begun, String>> {
    http1::with_read_buffer(|buffer| {
        loop {
            let read = match ready!(poll_read(stream, cx, buffer)) {
                Ok(0) => return Poll::Ready(Err("it was closed without an answer".to_owned())),
                Ok(read) => read,
                Err(error) => return Poll::Ready(Err(error.to_string())),
            };
            let mut bytes = &buffer[..read];
            if !carried.is_empty() {
                carried.extend_from_slice(bytes);
                bytes = carried;
            }
            loop {
                match http1::response(bytes, asked) {
                    // "Go on" and the like: the answer proper comes behind it.
                    Ok(Some(parsed))
                        if parsed.head.status.is_informational()
                            && parsed.head.status != StatusCode::SWITCHING_PROTOCOLS =>
                    {
                        bytes = &bytes[parsed.read..];
                    }
                    Ok(Some(parsed)) => {
                        let rest = bytes[parsed.read..].to_vec();
                        return Poll::Ready(Ok((parsed, rest)));
                    }
                    Ok(None) => break,
                    Err(malformed) => return Poll::Ready(Err(malformed.to_string())),
                }
            }
            if bytes.len() > MAX_HEAD {
                return Poll::Ready(Err("the head of the answer is too long".to_owned()));
            }
            *carried = bytes.to_vec();
        }
    })
}

fn poll_read(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(buffer);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}

impl Incoming {
    /// Whether nothing more comes.
    pub(super) fn is_ended(&self) -> bool {
        match self.framing {
            Framing::Known { left } => left == 0,
            Framing::Ended => true,
            Framing::Chunked(_) | Framing::UntilClose => false,
        }
    }

    /// Whether neither a length nor chunks tell the end.
    pub(super) fn ends_by_close(&self) -> bool {
        matches!(self.framing, Framing::UntilClose)
    }

    /// Bytes still to come, where that is known.
    pub(super) fn left(&self) -> Option<u64> {
        match self.framing {
            Framing::Known { left } => Some(left),
            Framing::Ended => Some(0),
            Framing::Chunked(_) | Framing::UntilClose => None,
        }
    }

    /// The next piece: all that has come by now, up to the size of one read.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, EgressError>>> {
        loop {
            if self.is_ended() {
                return Poll::Ready(None);
            }
            if !self.first.is_empty() {
                let mut bytes = std::mem::take(&mut self.first);
                match self.take(&mut bytes) {
                    Ok(0) => continue,
                    Ok(data) => {
                        bytes.truncate(data);
                        return Poll::Ready(Some(Ok(bytes.into())));
                    }
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            }
            // The provider may have begun to answer before it had all of the request. That it takes
            // no more of it is for the answer to say.
            let _ = self.outgoing.poll(&mut self.h1.stream, cx);
            let piece = http1::with_read_buffer(|buffer| {
                let read = ready!(poll_read(&mut self.h1.stream, cx, buffer));
                let data = match read {
                    Ok(read) => self.take(&mut buffer[..read]),
                    Err(error) => Err(EgressError::broken(true, error.to_string())),
                };
                Poll::Ready(data.map(|data| Bytes::copy_from_slice(&buffer[..data])))
            });
            match ready!(piece) {
                Ok(data) if data.is_empty() => {}
                piece => return Poll::Ready(Some(piece)),
            }
        }
    }

    /// Decodes what was read; how many bytes of data are now at its front. Nothing read is the end
    /// of the connection.
    fn take(&mut self, bytes: &mut [u8]) -> Result<usize, EgressError> {
        let broken = |detail: &str| Err(EgressError::broken(true, detail.to_owned()));
        let (read, data) = match &mut self.framing {
            Framing::Ended => (0, 0),
            Framing::UntilClose if bytes.is_empty() => {
                self.framing = Framing::Ended;
                (0, 0)
            }
            Framing::UntilClose => (bytes.len(), bytes.len()),
            _ if bytes.is_empty() => return broken("it was closed in the middle of the answer"),
            Framing::Known { left } => {
                let data = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= data as u64;
                (data, data)
            }
            Framing::Chunked(chunked) => match chunked.decode(bytes) {
                Ok(decoded) => {
                    if chunked.is_done() {
                        self.framing = Framing::Ended;
                    }
                    (decoded.read, decoded.data)
                }
                Err(malformed) => return broken(&malformed.to_string()),
            },
        };
        // What nobody asked for would be taken for the next call's answer.
        self.keeps_alive &= read == bytes.len();
        Ok(data)
    }

    /// The connection, once its protocol is switched.
    pub(super) fn into_switched(self) -> Switched {
        Switched::new(self.h1.stream, self.first)
    }

    /// Ends the use of a connection whose answer was read to its end.
    pub(super) fn release(mut self) {
        let is_clean = self.keeps_alive && self.first.is_empty() && self.outgoing.is_sent();
        if is_clean {
            self.h1.idle_since = Instant::now();
            // The next call's protocol is the usual one.
            self.h1.upgrades = false;
            let max_idle = self.h1.max_idle;
            pool::put_h1(self.key, self.h1, max_idle);
        }
    }
}
