//! Trying the same target again, where the caller asks for it (data-plane reference §6).

use std::time::Duration;

use http::{Request, Response, StatusCode};
use portcullis_domain::{Fault, FaultKind, Retry};
use portcullis_runtime::egress::OutboundBody;

use crate::{client_headers::ClientHeaders, header};

/// The most retries that a call may ask for.
const MOST: u8 = 5;

/// How many retries the call asks for.
pub(crate) fn asked(headers: &ClientHeaders) -> Result<u8, Fault> {
    if !headers.contains_key(&header::RETRY_COUNT) {
        return Ok(0);
    }
    let count = header::text(headers, header::RETRY_COUNT).and_then(|text| text.parse().ok());
    count.filter(|count| *count <= MOST).ok_or_else(|| {
        let text = format!("x-portkey-retry-count must be a whole number from 0 to {MOST}");
        Fault::client(FaultKind::BadRequest, text)
    })
}

/// The retries that one request has left.
pub(crate) struct Retries {
    left: u8,
    /// What to send again. In a box: hardly any call has one.
    request: Option<Box<Request<OutboundBody>>>,
}

impl Retries {
    /// At most `left` more, and none where the body streams by: it cannot be sent twice.
    pub(crate) fn new(left: u8, request: &Request<OutboundBody>) -> Self {
        let request = if left == 0 { None } else { copy(request) };
        Self { left, request }
    }

    /// The request to send again after this outcome, unless it stands.
    pub(crate) fn next<B>(
        &mut self,
        outcome: &Result<Response<B>, Fault>,
    ) -> Option<Box<Request<OutboundBody>>> {
        let request = self.request.take()?;
        if !may_pass(outcome) {
            return None;
        }
        self.left -= 1;
        if self.left > 0 {
            self.request = copy(&request);
        }
        Some(request)
    }
}

/// How long to wait before the retry after `made` others: 1, 2, 4, 8 and 16 times the first wait.
pub(crate) fn wait(first: Duration, made: u8) -> Duration {
    first * (1 << made.min(MOST))
}

/// Whether the same target may do better next time. Never when something of the request may have
/// been done without an answer.
fn may_pass<B>(outcome: &Result<Response<B>, Fault>) -> bool {
    match outcome {
        Ok(response) => is_passing(response.status()),
        Err(fault) => fault.retry == Retry::SameTarget,
    }
}

fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504 | 529)
}

fn copy(request: &Request<OutboundBody>) -> Option<Box<Request<OutboundBody>>> {
    let body = match request.body() {
        OutboundBody::Empty => OutboundBody::Empty,
        OutboundBody::Full(bytes) => OutboundBody::Full(bytes.clone()),
        OutboundBody::Stream(_) => return None,
    };
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(Box::new(copy))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;

    use super::{is_passing, wait};

    #[test]
    fn each_wait_is_twice_as_long() {
        let waits = [0, 1, 2, 3, 4].map(|made| wait(Duration::from_secs(1), made).as_secs());
        assert_eq!(waits, [1, 2, 4, 8, 16]);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let passing: Vec<u16> =
            (100..600).filter(|code| is_passing(StatusCode::from_u16(*code).unwrap())).collect();
        assert_eq!(passing, [429, 500, 502, 503, 504, 529]);
    }
}
