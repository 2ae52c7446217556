//! Open connections that wait for the next call, per thread.
//!
//! Each server worker is one thread with its own runtime, so that a connection is used, driven and
//! kept on one thread and no call waits for another's lock. On a runtime with several threads
//! this still works; a connection then belongs to the thread on which its last answer ended.

use std::{cell::RefCell, collections::HashMap};

use http::uri::Authority;
use tokio::sync::watch;

use super::connection::{Connection, H1, H2};

/// The most origins a thread remembers before it forgets those without open connections.
const MAX_ORIGINS: usize = 256;

/// What connections are kept by. One `Egress` is one policy and one set of authorities, so its
/// number keeps a connection from being used under rules it was not checked against.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) egress: u64,
    pub(super) https: bool,
    pub(super) authority: Authority,
}

/// How to come by a new connection.
pub(super) enum Connecting {
    /// Open one. It cannot be shared, so others open theirs.
    Alone,
    /// Open one. Dropping the sender tells those who wait for it.
    Lead(watch::Sender<()>),
    /// Somebody is opening one that could be shared: wait until they are done.
    Wait(watch::Receiver<()>),
}

#[derive(Default)]
struct Origin {
    h1: Vec<H1>,
    h2: Vec<H2>,
    speaks_h1_only: bool,
    connecting: Option<watch::Receiver<()>>,
}

thread_local! {
    static POOL: RefCell<HashMap<Key, Origin>> = RefCell::default();
}

/// Finds an open connection: a shared one with room, else the one used last.
pub(super) fn take(key: &Key) -> Option<Connection> {
    with(|pool| pool.get_mut(key)?.take()).flatten()
}

/// Finds an HTTP/2 connection with room.
pub(super) fn share(key: &Key) -> Option<Connection> {
    with(|pool| pool.get_mut(key)?.share()).flatten()
}

/// Says how to come by a new connection. Waiting makes sense only where it may turn out to be
/// HTTP/2, which all those waiting can share.
pub(super) fn connecting(key: &Key) -> Connecting {
    with(|pool| {
        if pool.len() >= MAX_ORIGINS && !pool.contains_key(key) {
            pool.retain(|_, origin| !origin.is_empty());
        }
        let origin = pool.entry(key.clone()).or_default();
        if !key.https || origin.speaks_h1_only {
            return Connecting::Alone;
        }
        match &origin.connecting {
            Some(done) if done.has_changed().is_ok() => Connecting::Wait(done.clone()),
            _ => {
                let (leader, done) = watch::channel(());
                origin.connecting = Some(done);
                Connecting::Lead(leader)
            }
        }
    })
    .unwrap_or(Connecting::Alone)
}

/// Keeps an idle HTTP/1.1 connection, or closes it when `max_idle` are kept already.
pub(super) fn put_h1(key: Key, connection: H1, max_idle: usize) {
    with(|pool| {
        let origin = pool.entry(key).or_default();
        if origin.h1.len() >= max_idle {
            origin.h1.retain(H1::is_ready);
        }
        if origin.h1.len() < max_idle {
            origin.h1.push(connection);
        }
    });
}

/// Shares a new HTTP/2 connection.
pub(super) fn put_h2(key: Key, connection: H2) {
    with(|pool| {
        let origin = pool.entry(key).or_default();
        origin.speaks_h1_only = false;
        origin.h2.push(connection);
    });
}

/// Remembers that the origin does not offer HTTP/2: its connections need not wait for each other.
pub(super) fn note_h1_only(key: &Key) {
    with(|pool| {
        if let Some(origin) = pool.get_mut(key) {
            origin.speaks_h1_only = true;
        }
    });
}

impl Origin {
    fn take(&mut self) -> Option<Connection> {
        if let Some(shared) = self.share() {
            return Some(shared);
        }
        while let Some(h1) = self.h1.pop() {
            if h1.is_ready() {
                h1.busy();
                return Some(Connection::H1(h1));
            }
        }
        None
    }

    fn share(&mut self) -> Option<Connection> {
        self.h2.retain(|h2| !h2.is_closed());
        self.h2.iter().find(|h2| h2.has_room()).map(|h2| Connection::H2(h2.clone()))
    }

    fn is_empty(&mut self) -> bool {
        self.h1.retain(H1::is_ready);
        self.h2.retain(|h2| !h2.is_closed());
        self.h1.is_empty() && self.h2.is_empty()
    }
}

/// Runs `f` on this thread's pool; `None` while the thread is being torn down.
fn with<R>(f: impl FnOnce(&mut HashMap<Key, Origin>) -> R) -> Option<R> {
    POOL.try_with(|pool| f(&mut pool.borrow_mut())).ok()
}
