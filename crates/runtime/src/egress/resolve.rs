//! Names to addresses, remembered for a moment.

use std::{
    collections::HashMap,
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The addresses of a name, when they arrive.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Finds the addresses of a host name. Tests hand in their own.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, best first. The policy checks each of them, each time.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// The operating system's resolver, on the runtime's pool for blocking work.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found.map(|socket| socket.ip()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Ok(addresses)
        })
    }
}

/// The most names remembered; beyond, what is stale is forgotten, then everything.
const MAX_REMEMBERED: usize = 1024;

/// Remembers answers for a fixed time: the system's resolver does not say how long its answers
/// hold. Failures are not remembered.
pub(super) struct Remembered {
    resolver: Arc<dyn Resolve>,
    ttl: Duration,
    // Taken only when a connection is made, never for a call on an open one.
    answers: Mutex<Answers>,
}

/// By name: until when, and what.
type Answers = HashMap<String, (Instant, Arc<[IpAddr]>)>;

impl Remembered {
    pub(super) fn new(resolver: Arc<dyn Resolve>, ttl: Duration) -> Self {
        Self { resolver, ttl, answers: Mutex::default() }
    }

    pub(super) async fn resolve(&self, host: &str) -> io::Result<Arc<[IpAddr]>> {
        let host = host.to_ascii_lowercase();
        let now = Instant::now();
        if let Some((until, addresses)) = self.answers().get(&host)
            && now < *until
        {
            return Ok(addresses.clone());
        }
        let addresses: Arc<[IpAddr]> = self.resolver.resolve(&host).await?.into();
        if !self.ttl.is_zero() && !addresses.is_empty() {
            let mut answers = self.answers();
            if answers.len() >= MAX_REMEMBERED {
                answers.retain(|_, (until, _)| now < *until);
            }
            if answers.len() >= MAX_REMEMBERED {
                answers.clear();
            }
            answers.insert(host, (now + self.ttl, addresses.clone()));
        }
        Ok(addresses)
    }

    /// Forgets a name whose addresses did not answer: it may have moved.
    pub(super) fn forget(&self, host: &str) {
        self.answers().remove(&host.to_ascii_lowercase());
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
