//! What is noted of a session as it goes on, for its one log.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use portcullis_domain::{Fault, FaultKind, Integration, Retry};
use portcullis_providers::adapter::realtime::{Heard, MAX_TYPE_AT, may_tell};
use portcullis_runtime::websocket::{Kind, MAX_CONTROL, Piece, Sender};

use crate::{
    closing::Closing,
    session::{lane::Watch, relay::End},
    stage::allow_list::not_enabled,
};

/// Bytes of an event that is read; one that tells usage has some thousand.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// Closes the call's record with the session, also when the session is cut.
pub(super) struct Ledger {
    /// Taken when the call has been recorded.
    closing: Option<Closing>,
    /// The provider's name for people.
    title: &'static str,
    /// With models that may not be used.
    restricted: Option<Arc<Integration>>,
    heard: Heard,
    event: Event,
    client: Side,
    provider: Side,
}

/// What one side has sent.
#[derive(Default)]
struct Side {
    bytes: u64,
    /// Messages that are no control frames.
    messages: u32,
    /// Its text, a line a message, where content is kept.
    transcript: Option<Transcript>,
    /// The payload of the frame that closes.
    close: Vec<u8>,
}

struct Transcript {
    text: Vec<u8>,
    limit: usize,
}

/// The provider's present text event, as far as it must be held.
#[derive(Default)]
struct Event {
    held: Vec<u8>,
    fate: Fate,
    /// Whether one that may have told something was too large to be held.
    is_missed: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Fate {
    /// Its type has not been seen.
    #[default]
    Open,
    /// It is read at its end.
    Read,
    /// It tells nothing.
    Passed,
}

impl Ledger {
    pub(super) fn new(
        closing: Closing,
        title: &'static str,
        integration: Option<Arc<Integration>>,
    ) -> Self {
        let kept = closing.max_kept_bytes();
        // One byte more than is kept shows that there was more.
        let transcript =
            || kept.map(|limit| Transcript { text: Vec::new(), limit: limit.saturating_add(1) });
        let side = || Side { transcript: transcript(), ..Side::default() };
        let (client, provider) = (side(), side());
        let (heard, event) = (Heard::default(), Event::default());
        let restricted = integration.filter(|integration| integration.models.is_restricted());
        Self { closing: Some(closing), title, restricted, heard, event, client, provider }
    }

    /// Records the session's end.
    pub(super) fn end(&mut self, end: End) {
        let Some(mut closing) = self.closing.take() else { return };
        let text = |side: &mut Side| {
            let transcript = side.transcript.take().filter(|kept| !kept.text.is_empty());
            transcript.map(|kept| Bytes::from(kept.text))
        };
        let texts = (text(&mut self.client), text(&mut self.provider));
        let bytes = (self.client.bytes, self.provider.bytes);
        closing.session(bytes, self.provider.messages, texts);
        let observed = self.heard.observed();
        let status = StatusCode::SWITCHING_PROTOCOLS;
        match end {
            End::Closed => {
                observed.error = failure(&self.provider.close);
                closing.finish(status, observed);
            }
            End::Ended(_) => closing.finish(status, observed),
            End::ClientGone => closing.hung_up(observed),
            End::ProviderGone => {
                let text = format!("{} broke off the session", self.title);
                let fault = Fault::upstream(FaultKind::UpstreamBroken, Retry::Stop, text);
                closing.fail(&fault, status.as_u16(), observed);
            }
            End::ProviderViolated(violation) => {
                let text = format!("{} sent what is no WebSocket message", self.title);
                let fault = Fault::upstream(FaultKind::UpstreamBroken, Retry::Stop, text);
                closing.fail(&fault.with_detail(violation), status.as_u16(), observed);
            }
            End::ClientViolated(violation) => {
                let text = "the client sent what is no WebSocket message";
                let fault = Fault::client(FaultKind::BadRequest, text).with_detail(violation);
                closing.fail(&fault, status.as_u16(), observed);
            }
            End::TakenBack(fault) => closing.fail(&fault, status.as_u16(), observed),
        }
    }
}

/// Why the provider closed, if not because all was well (RFC 6455 §7.4.1).
fn failure(close: &[u8]) -> Option<String> {
    let (code, reason) = close.split_first_chunk()?;
    let code = u16::from_be_bytes(*code);
    let reason = String::from_utf8_lossy(reason);
    (!matches!(code, 1000 | 1001)).then(|| format!("closed with {code}: {reason}"))
}

impl Watch for Ledger {
    fn came(&mut self, sender: Sender, bytes: usize) {
        self.side(sender).bytes += bytes as u64;
    }

    fn piece(&mut self, sender: Sender, piece: &Piece, payload: &[u8]) -> bool {
        let side = self.side(sender);
        match piece.kind {
            Kind::Close => {
                if side.close.len() + payload.len() <= MAX_CONTROL {
                    piece.append(payload, &mut side.close);
                }
            }
            Kind::Ping | Kind::Pong => {}
            Kind::Text | Kind::Binary => {
                side.messages = side.messages.saturating_add(piece.ends.into());
                let is_first = piece.begins && side.messages == u32::from(piece.ends);
                if let (Kind::Text, Some(transcript)) = (piece.kind, &mut side.transcript) {
                    transcript.take(piece, payload);
                }
                if sender == Sender::Server {
                    if is_first && let Some(closing) = &mut self.closing {
                        closing.first_byte();
                    }
                    if piece.kind == Kind::Text {
                        self.event.take(piece, payload, &mut self.heard);
                        return self.may_go_on();
                    }
                }
            }
        }
        true
    }
}

impl Ledger {
    /// Bytes that came from both sides so far.
    pub(super) fn bytes(&self) -> u64 {
        self.client.bytes + self.provider.bytes
    }

    /// Whether the session keeps to the models it may use. The provider says which transcribes
    /// before anything of that model's comes, however the client put it.
    fn may_go_on(&self) -> bool {
        let Some(integration) = &self.restricted else { return true };
        let is_allowed = |model| integration.models.allows(model);
        !self.event.is_missed && self.heard.transcriber().is_none_or(is_allowed)
    }

    /// Why it may not go on.
    pub(super) fn refusal(&self) -> Fault {
        let text = match self.heard.transcriber().filter(|_| !self.event.is_missed) {
            Some(model) => not_enabled(model),
            None => {
                "this virtual key is for certain models only, and an event of the provider's is \
                     too large to be read"
                    .to_owned()
            }
        };
        Fault::client(FaultKind::ModelNotAllowed, text)
    }

    fn side(&mut self, sender: Sender) -> &mut Side {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.provider,
        }
    }
}

impl Transcript {
    fn take(&mut self, piece: &Piece, payload: &[u8]) {
        let room = self.limit - self.text.len();
        piece.append(&payload[..payload.len().min(room)], &mut self.text);
        if piece.ends && self.text.len() < self.limit {
            self.text.push(b'\n');
        }
    }
}

impl Event {
    fn take(&mut self, piece: &Piece, payload: &[u8], heard: &mut Heard) {
        if piece.begins {
            self.held.clear();
            self.fate = Fate::Open;
            if piece.ends {
                // Most come whole, and none of these need be held.
                if may_tell(&payload[..payload.len().min(MAX_TYPE_AT)]) {
                    heard.take(payload);
                }
                return;
            }
        }
        if self.fate == Fate::Passed {
            return;
        }
        if self.held.len() + payload.len() > MAX_EVENT_BYTES {
            if self.fate == Fate::Read || may_tell(&self.held) {
                self.is_missed = true;
                heard.miss();
            }
            self.pass();
            return;
        }
        self.held.extend_from_slice(payload);
        if self.fate == Fate::Open && (self.held.len() >= MAX_TYPE_AT || piece.ends) {
            if may_tell(&self.held[..self.held.len().min(MAX_TYPE_AT)]) {
                self.fate = Fate::Read;
            } else {
                self.pass();
                return;
            }
        }
        if piece.ends {
            heard.take(&self.held);
            self.pass();
        }
    }

    fn pass(&mut self) {
        self.fate = Fate::Passed;
        self.held = Vec::new();
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.end(End::ClientGone);
    }
}
