//! A realtime session: a client's and a provider's WebSocket, joined.
//!
//! Bytes go on as they come, in both directions, each with its own backpressure and one buffer of
//! fixed size. What passes is read on the way (`lane.rs`): the provider's text events for usage, and
//! both sides' text for the record where content is kept (`ledger.rs`). Whoever may not go on is
//! found out within a second (`guard.rs`).

mod guard;
mod lane;
mod ledger;
mod relay;

use std::{sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL},
};
use portcullis_domain::{Dice, Integration};
use portcullis_runtime::{
    Switched,
    server::{ResponseBody, Upgrade},
};

use crate::closing::Closing;

pub(crate) use guard::Guard;
use ledger::Ledger;
use relay::Relay;

/// A session that the provider has opened, and the client will.
pub(crate) struct Session {
    pub(crate) provider: Switched,
    /// The provider's name for people.
    pub(crate) title: &'static str,
    /// `Sec-WebSocket-Accept` for the client.
    pub(crate) accept: String,
    /// The subprotocol, if one was chosen.
    pub(crate) protocol: Option<HeaderValue>,
    pub(crate) guard: Guard,
    /// The virtual key's, if one is used.
    pub(crate) integration: Option<Arc<Integration>>,
    pub(crate) dice: Arc<dyn Dice>,
    /// How long neither side may send anything.
    pub(crate) idle_timeout: Duration,
}

impl Session {
    /// The answer that opens the session; `headers` are what else the client is told. From here on
    /// the call ends with the session.
    pub(crate) fn respond(
        self,
        mut headers: HeaderMap,
        mut closing: Closing,
    ) -> Response<ResponseBody> {
        // The provider's are of another handshake.
        let theirs: Vec<_> = headers
            .keys()
            .filter(|name| name.as_str().starts_with("sec-websocket-"))
            .cloned()
            .collect();
        for name in theirs {
            headers.remove(name);
        }
        let accept = HeaderValue::try_from(&*self.accept).expect("base64 is plain text");
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        if let Some(protocol) = self.protocol.clone() {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        closing.sent_head(&headers);
        let ledger = Ledger::new(closing, self.title, self.integration);
        let upgrade = Upgrade::new("websocket", move |client, draining| async move {
            let mut mask = [0; 4];
            self.dice.fill(&mut mask);
            let mut relay = Relay::new(client, self.provider, ledger, mask);
            relay.run(draining, self.guard, self.idle_timeout).await;
        });
        let mut response = Response::new(ResponseBody::Upgrade(upgrade));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = headers;
        response
    }
}
