//! One HTTP/1.1 connection of a client: reads a request, has it answered, writes the answer, and
//! again. All on one task, so that what is there together leaves together.

use std::{
    future::{Future as _, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONTENT_TYPE, EXPECT, UPGRADE},
    request, response,
};
use http_body::Body as _;
use tokio::{
    io::AsyncWrite as _,
    time::{Instant, timeout},
};

use super::{
    App, ResponseBody, ServerSettings,
    body::{Delivery, RequestBody, Streamed},
    connection::Stream,
    date::with_date,
    incoming::{Framing, Incoming, IncomingBody, MAX_PIECE, locked},
    outgoing::Outgoing,
    phase::Phase,
};
use crate::{
    http1::{self, Chunked, Length, Malformed, Parsed},
    patience::Patience,
    switched::Switched,
};

/// Bytes of next requests that are read while the present one is being answered.
const MAX_AHEAD: usize = 64 * 1024;
/// Bytes of a streamed answer that are gathered before they are written.
const MAX_GATHERED: usize = 64 * 1024;
/// Bytes that are still taken of a request whose answer needed no more of it: a client that is cut
/// off while it sends may never see the answer.
const MAX_DISCARDED: usize = 4 * 1024 * 1024;
/// For how long.
const DISCARD_WITHIN: Duration = Duration::from_secs(2);
/// Tells a client that waits for it to send its body (RFC 9110 §10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

struct Connection<'a> {
    /// Shared with the body of the present request.
    incoming: Arc<Mutex<Incoming>>,
    outgoing: Outgoing,
    phase: &'a Arc<Phase>,
    patience: Patience,
    header_timeout: Duration,
    max_head: usize,
    /// Bytes ahead in which no head ends.
    searched: usize,
}

/// What an answer has to know of its request.
struct Asked {
    method: Method,
    version: Version,
    /// Whether the client can send another request.
    keeps_alive: bool,
}

/// Why there is no further request.
enum End {
    /// The client is gone, or has sent nothing for too long, or the server drains.
    Silent,
    /// What it sends is not served, and why.
    Refused(StatusCode, &'static str),
}

type Call = (Request<RequestBody>, Asked);

/// Serves a connection until it ends.
pub(super) async fn serve(
    stream: Stream,
    peer: SocketAddr,
    app: impl App,
    settings: &ServerSettings,
    phase: &Arc<Phase>,
) {
    let mut connection = Connection {
        incoming: Arc::new(Mutex::new(Incoming::new(stream))),
        outgoing: Outgoing::default(),
        phase,
        patience: Patience::default(),
        header_timeout: settings.header_timeout,
        max_head: settings.max_header_bytes,
        searched: 0,
    };
    loop {
        connection.patience.begin(Instant::now() + connection.header_timeout);
        let (request, asked) = match poll_fn(|cx| connection.poll_call(cx)).await {
            Ok(call) => call,
            Err(End::Silent) => return,
            Err(End::Refused(status, why)) => return connection.refuse(status, why).await,
        };
        let answered = {
            let mut answering = pin!(app.call(request, peer));
            poll_fn(|cx| match answering.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending => connection.poll_gone(cx).map(|()| None),
            })
            .await
        };
        let Some(answer) = answered else { return };
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return connection.switch(answer).await;
        }
        match connection.answer(answer, &asked).await {
            Ok(true) => {}
            Ok(false) => return connection.close().await,
            // Neither the client nor anybody else could do anything about it.
            Err(_) => return,
        }
    }
}

/// Bytes that are read while a request is waited for: nearly always a whole one.
const FIRST_READ: usize = 16 << 10;

impl Connection<'_> {
    /// Ready with the next request, and as much of its body as came along.
    fn poll_call(&mut self, cx: &mut Context<'_>) -> Poll<Result<Call, End>> {
        let shared = &self.incoming;
        let incoming = &mut *locked(shared);
        loop {
            // What came earlier: while the last request was being answered, or a part of a head.
            if !incoming.ahead.is_empty() {
                // A head that comes in many pieces is read once, not with each of them.
                let may_be_whole = http1::end(&incoming.ahead, self.searched).is_some();
                if may_be_whole || incoming.ahead.len() > self.max_head {
                    let ahead = std::mem::take(&mut incoming.ahead);
                    if let Some(parsed) = parse(&ahead, self.max_head)? {
                        self.searched = 0;
                        let rest = parsed.read;
                        return Poll::Ready(Ok(begin(shared, incoming, parsed, &ahead[rest..])));
                    }
                    incoming.ahead = ahead;
                }
                self.searched = incoming.ahead.len();
            } else if self.phase.is_draining() {
                return Poll::Ready(Err(End::Silent));
            }
            let call = http1::with_read_buffer(|buffer| {
                // Of a long body no more than must be: what comes along is copied, and the rest is
                // read to where it stays.
                let buffer = &mut buffer[..FIRST_READ];
                let read = match incoming.poll_read(cx, buffer) {
                    Poll::Ready(Ok(read @ 1..)) => read,
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(End::Silent)),
                    Poll::Pending => {
                        let end = match incoming.ahead.len() {
                            0 => End::Silent,
                            _ => End::Refused(
                                StatusCode::REQUEST_TIMEOUT,
                                "the request's headers took too long to come",
                            ),
                        };
                        return self.patience.poll(cx).map(|()| Err(end));
                    }
                };
                let bytes = &buffer[..read];
                // Nearly always a whole request comes at once, and nothing of it need be kept.
                if incoming.ahead.is_empty()
                    && let Some(parsed) = parse(bytes, self.max_head)?
                {
                    let rest = parsed.read;
                    return Poll::Ready(Ok(Some(begin(shared, incoming, parsed, &bytes[rest..]))));
                }
                incoming.ahead.extend_from_slice(bytes);
                Poll::Ready(Ok(None))
            });
            if let Some(call) = ready!(call)? {
                return Poll::Ready(Ok(call));
            }
        }
    }

    /// Ready when the client has hung up: nobody waits for the answer any more.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let incoming = &mut *locked(&self.incoming);
        match incoming.framing {
            Framing::Ended => {}
            // Whoever reads the body sees it end. Only then is there something to look at here.
            Framing::Known(_) | Framing::Chunked(_) => {
                if !incoming.waiting.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                    incoming.waiting = Some(cx.waker().clone());
                }
                return Poll::Pending;
            }
            Framing::Broken => return Poll::Pending,
        }
        while incoming.ahead.len() < MAX_AHEAD {
            let gone = http1::with_read_buffer(|buffer| {
                let read = ready!(incoming.poll_read(cx, buffer)).unwrap_or(0);
                incoming.ahead.extend_from_slice(&buffer[..read]);
                Poll::Ready(read == 0)
            });
            if ready!(gone) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Writes an answer. Says whether another request may follow.
    async fn answer(&mut self, answer: Response<ResponseBody>, asked: &Asked) -> io::Result<bool> {
        let (head, body) = answer.into_parts();
        let length = length(&body, asked.version);
        let keeps_alive = asked.keeps_alive
            && length != Length::UntilClose
            // A body that was not read stands before the next request.
            && locked(&self.incoming).is_ended()
            && !self.phase.is_draining();
        self.write_head(&head, length, asked, keeps_alive);
        let has_body = asked.method != Method::HEAD && may_have_body(head.status);
        match body {
            _ if !has_body => self.flush().await?,
            ResponseBody::Full(bytes) => {
                self.outgoing.push(bytes);
                self.flush().await?;
            }
            ResponseBody::Receipted(bytes, receipt) => {
                self.outgoing.push(bytes);
                self.flush().await?;
                receipt.handed_over();
            }
            ResponseBody::Stream(body, delivery) => self.stream(body, &delivery, length).await?,
            // Without a 101 it has no meaning.
            ResponseBody::Upgrade(_) => return Err(broken()),
        }
        Ok(keeps_alive)
    }

    /// Writes a 101 and goes on with the other protocol until that ends.
    async fn switch(mut self, answer: Response<ResponseBody>) {
        let (mut head, ResponseBody::Upgrade(upgrade)) = answer.into_parts() else { return };
        head.headers.insert(UPGRADE, HeaderValue::from_static(upgrade.protocol));
        with_date(|date| {
            let out = &mut self.outgoing.head;
            http1::response_head(out, head.status, &head.headers, None, Some("upgrade"), date);
        });
        if self.flush().await.is_err() {
            return;
        }
        // The request's body, which would still share it, is gone with the call.
        let Ok(incoming) = Arc::try_unwrap(self.incoming) else { return };
        let incoming = incoming.into_inner().unwrap_or_else(PoisonError::into_inner);
        let phase = Arc::clone(self.phase);
        let draining = Box::pin(async move { phase.draining().await });
        let client = Switched::new(incoming.stream, incoming.ahead);
        upgrade.begin(client, draining).await;
    }

    fn write_head(
        &mut self,
        head: &response::Parts,
        length: Length,
        asked: &Asked,
        keeps_alive: bool,
    ) {
        let connection = match (keeps_alive, asked.version) {
            (false, _) => Some("close"),
            (true, Version::HTTP_10) => Some("keep-alive"),
            (true, _) => None,
        };
        // How long the body would be that HEAD does without, nobody here knows (RFC 9110 §8.6).
        let has_body = asked.method != Method::HEAD && may_have_body(head.status);
        let length = has_body.then_some(length);
        with_date(|date| {
            let out = &mut self.outgoing.head;
            http1::response_head(out, head.status, &head.headers, length, connection, date);
        });
    }

    /// Writes a body as it comes. Its first piece leaves at once; of what follows, all that is there
    /// leaves together.
    async fn stream(
        &mut self,
        mut body: Streamed,
        delivery: &Delivery,
        length: Length,
    ) -> io::Result<()> {
        let mut left = match length {
            Length::Known(left) => Some(left),
            Length::Chunked | Length::UntilClose => None,
        };
        let mut is_first = true;
        loop {
            let most = if std::mem::take(&mut is_first) { 1 } else { MAX_GATHERED };
            let gathered = poll_fn(|cx| match self.poll_gather(&mut body, most, cx) {
                Poll::Ready(gathered) => Poll::Ready(gathered),
                // The head, and whatever else is there, is not to wait for what is not.
                Poll::Pending if !self.outgoing.is_empty() => Poll::Ready(Gathered::Some),
                Poll::Pending => self.poll_gone(cx).map(|()| Gathered::Failed),
            })
            .await;
            let ends = gathered == Gathered::All;
            if let Some(left) = &mut left {
                *left = left.checked_sub(self.outgoing.body_len() as u64).ok_or_else(broken)?;
            } else if length == Length::Chunked {
                self.outgoing.chunk(ends);
            }
            delivery.set_pending(self.outgoing.has_body());
            self.flush().await?;
            delivery.set_pending(false);
            match gathered {
                Gathered::Some => {}
                Gathered::All if left.is_none_or(|left| left == 0) => return Ok(()),
                // Broken off, so that it cannot be taken for complete.
                Gathered::All | Gathered::Failed => return Err(broken()),
            }
        }
    }

    /// Gathers pieces of a body for as long as more are there, up to `most` bytes.
    fn poll_gather(
        &mut self,
        body: &mut Streamed,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Gathered> {
        loop {
            match body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    if !data.is_empty()
                        && (!self.outgoing.push(data) || self.outgoing.body_len() >= most)
                    {
                        // Saves whoever asks the body for more from hearing that there is none.
                        let ends = body.is_end_stream();
                        return Poll::Ready(if ends { Gathered::All } else { Gathered::Some });
                    }
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Gathered::Failed),
                Poll::Ready(None) => return Poll::Ready(Gathered::All),
                Poll::Pending if self.outgoing.has_body() => return Poll::Ready(Gathered::Some),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let Self { incoming, outgoing, .. } = self;
        poll_fn(|cx| outgoing.poll(&mut locked(incoming).stream, cx)).await
    }

    /// Answers what cannot be served, in the form of the contract (data-plane reference §12), and
    /// closes.
    async fn refuse(mut self, status: StatusCode, why: &'static str) {
        let body = format!(
            r#"{{"status":"failure","message":"{why}","error":{{"message":"{why}","type":"invalid_request_error","param":null,"code":null}}}}"#
        );
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        with_date(|date| {
            let length = Some(Length::Known(body.len() as u64));
            let out = &mut self.outgoing.head;
            http1::response_head(out, status, &headers, length, Some("close"), date);
        });
        self.outgoing.push(body.into());
        if self.flush().await.is_ok() {
            self.discard().await;
        }
    }

    /// Closes behind the last answer.
    async fn close(self) {
        let is_ended = locked(&self.incoming).is_ended();
        if !is_ended {
            self.discard().await;
        }
    }

    /// Says that nothing more is read, and takes for a moment what comes all the same: with bytes
    /// unread, the system would reset the connection, and the answer could be lost with it.
    async fn discard(self) {
        let discarded = poll_fn(|cx| {
            let incoming = &mut *locked(&self.incoming);
            let _ = ready!(Pin::new(&mut incoming.stream).poll_shutdown(cx));
            Poll::Ready(())
        });
        let taken = async {
            discarded.await;
            let mut taken = 0;
            while taken < MAX_DISCARDED {
                let read = poll_fn(|cx| {
                    let incoming = &mut *locked(&self.incoming);
                    http1::with_read_buffer(|buffer| incoming.poll_read(cx, buffer))
                });
                match read.await {
                    Ok(read @ 1..) => taken += read,
                    Ok(0) | Err(_) => return,
                }
            }
        };
        // Whether it was in time or not, the connection ends.
        let _ = timeout(DISCARD_WITHIN, taken).await;
    }
}

/// What was gathered of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gathered {
    Some,
    /// Also its end.
    All,
    Failed,
}

fn parse(bytes: &[u8], max_head: usize) -> Result<Option<Parsed<request::Parts>>, End> {
    const TOO_LARGE: StatusCode = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    let refused = |malformed| match malformed {
        Malformed::TooManyHeaders => End::Refused(TOO_LARGE, "the request has too many headers"),
        Malformed::Host => {
            End::Refused(StatusCode::BAD_REQUEST, "the request must have exactly one host header")
        }
        Malformed::Length => {
            End::Refused(StatusCode::BAD_REQUEST, "the length of the request's body is ambiguous")
        }
        Malformed::Head | Malformed::Chunk => {
            End::Refused(StatusCode::BAD_REQUEST, "this is not a well-formed HTTP request")
        }
    };
    let parsed = http1::request(bytes).map_err(refused)?;
    let head = parsed.as_ref().map_or(bytes.len(), |parsed| parsed.read);
    if head > max_head {
        return Err(End::Refused(TOO_LARGE, "the request's headers are too large"));
    }
    Ok(parsed)
}

/// Begins a request whose head was read; `rest` is what was read behind it.
fn begin(
    shared: &Arc<Mutex<Incoming>>,
    incoming: &mut Incoming,
    parsed: Parsed<request::Parts>,
    rest: &[u8],
) -> Call {
    let Parsed { head, length, keeps_alive, .. } = parsed;
    let asked = Asked { method: head.method.clone(), version: head.version, keeps_alive };
    let whole = match length {
        Length::Known(length) => {
            usize::try_from(length).ok().filter(|length| *length <= rest.len())
        }
        Length::Chunked | Length::UntilClose => None,
    };
    let body = if let Some(whole) = whole {
        incoming.framing = Framing::Ended;
        incoming.ahead = rest[whole..].to_vec();
        RequestBody::whole(Bytes::copy_from_slice(&rest[..whole]))
    } else {
        incoming.framing = match length {
            Length::Known(length) => Framing::Known(length),
            Length::Chunked | Length::UntilClose => Framing::Chunked(Chunked::new()),
        };
        // With room for what else is sure to come soon, and a byte to spare: see `Incoming::fill`.
        let room = match incoming.framing {
            Framing::Known(length) => {
                usize::try_from(length).unwrap_or(usize::MAX).min(MAX_PIECE) + 1
            }
            _ => 0,
        };
        incoming.ahead = Vec::with_capacity(if rest.is_empty() { 0 } else { room.max(rest.len()) });
        incoming.ahead.extend_from_slice(rest);
        let waits = rest.is_empty() && head.version == Version::HTTP_11 && expects(&head.headers);
        incoming.go_on = if waits { CONTINUE } else { b"" };
        RequestBody::http1(IncomingBody::new(shared))
    };
    (Request::from_parts(head, body), asked)
}

fn expects(headers: &HeaderMap) -> bool {
    let expectation = headers.get(EXPECT).map(HeaderValue::as_bytes);
    expectation.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"))
}

fn length(body: &ResponseBody, version: Version) -> Length {
    match body.size_hint().exact() {
        Some(length) => Length::Known(length),
        None if version == Version::HTTP_11 => Length::Chunked,
        None => Length::UntilClose,
    }
}

/// Whether an answer of this status can have a body (RFC 9110 §6.4.1).
fn may_have_body(status: StatusCode) -> bool {
    !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

fn broken() -> io::Error {
    io::ErrorKind::InvalidData.into()
}
