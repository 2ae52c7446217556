//! Open connections that wait for the next call, per thread.
//!
//! Each server worker is one thread with its own runtime, so that a connection is used and kept on
//! one thread and no call waits for another's lock: a thread's pool is locked by its own calls, and
//! now and then by the task that closes what has been idle for too long. On a runtime with several
//! threads this still works; a connection then belongs to the thread on which its last answer ended.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::uri::Authority;
use tokio::{runtime::Handle, sync::watch};

use super::{connection::Connection, http1::H1, http2::H2};

/// The most origins a thread remembers before it forgets those without open connections.
const MAX_ORIGINS: usize = 256;
/// How often idle connections are looked at, at most and at least.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));

/// What connections are kept by. One `Egress` is one policy and one set of authorities, so its
/// number keeps a connection from being used under rules it was not checked against.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) egress: u64,
    pub(super) https: bool,
    pub(super) authority: Authority,
}

impl Key {
    /// The authority as it is written. Its own type compares letters in either case, one by one; an
    /// origin that is written in two ways has its connections twice, which does no harm.
    fn parts(&self) -> (u64, bool, &str) {
        (self.egress, self.https, self.authority.as_str())
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
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
struct Pool {
    origins: HashMap<Key, Origin, foldhash::fast::RandomState>,
    /// Whether a task looks after the idle connections.
    is_swept: bool,
}

#[derive(Default)]
struct Origin {
    #[allow(clippy::vec_box, reason = "a connection moves between the pool and its calls")]
    h1: Vec<Box<H1>>,
    h2: Vec<H2>,
    speaks_h1_only: bool,
    connecting: Option<watch::Receiver<()>>,
}

thread_local! {
    static POOL: Arc<Mutex<Pool>> = Arc::default();
}

/// Finds an open connection: a shared one with room, else the one used last.
pub(super) fn take(key: &Key) -> Option<Connection> {
    with(|pool| pool.origins.get_mut(key)?.take()).flatten()
}

/// Finds an HTTP/2 connection with room.
pub(super) fn share(key: &Key) -> Option<Connection> {
    with(|pool| pool.origins.get_mut(key)?.share()).flatten()
}

/// Says how to come by a new connection. Waiting makes sense only where it may turn out to be
/// HTTP/2, which all those waiting can share.
pub(super) fn connecting(key: &Key) -> Connecting {
    with(|pool| {
        let origins = &mut pool.origins;
        if origins.len() >= MAX_ORIGINS && !origins.contains_key(key) {
            origins.retain(|_, origin| !origin.is_empty());
        }
        let origin = origins.entry(key.clone()).or_default();
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
pub(super) fn put_h1(key: Key, connection: Box<H1>, max_idle: usize) {
    let look_every = (connection.idle_timeout() / 4).clamp(LOOK_EVERY.0, LOOK_EVERY.1);
    let must_sweep = with(|pool| {
        let origin = pool.origins.entry(key).or_default();
        if origin.h1.len() >= max_idle {
            origin.h1.retain_mut(|h1| h1.is_open());
        }
        if origin.h1.len() < max_idle {
            origin.h1.push(connection);
        }
        !std::mem::replace(&mut pool.is_swept, true)
    });
    if must_sweep == Some(true) {
        start_sweeping(look_every);
    }
}

/// Shares a new HTTP/2 connection.
pub(super) fn put_h2(key: Key, connection: H2) {
    with(|pool| {
        let origin = pool.origins.entry(key).or_default();
        origin.speaks_h1_only = false;
        origin.h2.push(connection);
    });
}

/// Remembers that the origin does not offer HTTP/2: its connections need not wait for each other.
pub(super) fn note_h1_only(key: &Key) {
    with(|pool| {
        if let Some(origin) = pool.origins.get_mut(key) {
            origin.speaks_h1_only = true;
        }
    });
}

impl Origin {
    fn take(&mut self) -> Option<Connection> {
        if let Some(shared) = self.share() {
            return Some(shared);
        }
        while let Some(mut h1) = self.h1.pop() {
            if h1.is_open() {
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
        self.h1.retain_mut(|h1| h1.is_open());
        self.h2.retain(|h2| !h2.is_closed());
        self.h1.is_empty() && self.h2.is_empty()
    }
}

/// Runs `f` on this thread's pool; `None` while the thread is being torn down.
fn with<R>(f: impl FnOnce(&mut Pool) -> R) -> Option<R> {
    POOL.try_with(|pool| f(&mut locked(pool))).ok()
}

fn locked(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes connections of this thread's pool that were idle for too long, or that their provider
/// closed, until none are left to look after.
#[allow(
    clippy::disallowed_methods,
    reason = "it ends with its runtime; there is nothing to wait for"
)]
fn start_sweeping(every: Duration) {
    let Ok(pool) = POOL.try_with(Arc::clone) else { return };
    let sweeping = Sweeping { pool, is_over: false };
    // Without a runtime nothing could look; the next connection that is kept tries again.
    let Ok(runtime) = Handle::try_current() else { return };
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            let mut pool = locked(&sweeping.pool);
            for origin in pool.origins.values_mut() {
                origin.h1.retain_mut(|h1| h1.is_open());
            }
            if pool.origins.values().all(|origin| origin.h1.is_empty()) {
                // Said while it is locked, so that a connection kept from here on is looked after.
                pool.is_swept = false;
                drop(pool);
                return sweeping.end();
            }
        }
    });
}

/// A pool that is looked after. It is not any more when this is dropped before its time, because
/// the runtime has ended.
struct Sweeping {
    pool: Arc<Mutex<Pool>>,
    is_over: bool,
}

impl Sweeping {
    fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for Sweeping {
    fn drop(&mut self) {
        if !self.is_over {
            locked(&self.pool).is_swept = false;
        }
    }
}
