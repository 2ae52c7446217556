//! What goes on with a client's connection once its protocol is switched (RFC 9110 §7.8).

use std::{future::Future, pin::Pin};

use crate::switched::Switched;

/// What goes on once the client has its 101; it leaves the headers `connection` and `upgrade` to the
/// server. Dropped unused when the client is gone by then.
pub struct Upgrade {
    /// The name of the protocol.
    pub(super) protocol: &'static str,
    then: Box<dyn FnOnce(Switched, Draining) -> Session + Send>,
}

/// Ready once the server drains: what goes on is to come to its end.
pub type Draining = Pin<Box<dyn Future<Output = ()> + Send>>;

type Session = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Upgrade {
    /// To `protocol`; `then` is called with the connection, which ends with the future. A client
    /// that takes nothing for five minutes is cut off.
    pub fn new<F>(
        protocol: &'static str,
        then: impl FnOnce(Switched, Draining) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { protocol, then: Box::new(|client, draining| Box::pin(then(client, draining))) }
    }

    pub(super) fn begin(self, client: Switched, draining: Draining) -> Session {
        (self.then)(client, draining)
    }
}
