//! The one way out. Every outbound byte of the process goes through [`Egress`], which owns the
//! rules of where it may go.
//!
//! A destination is checked three times: its text by [`EgressPolicy::check_url`] where somebody
//! writes it down, its text again and every address of its name when a connection is made, and the
//! connection goes to exactly the address that was checked. Redirects are not followed, proxy
//! variables of the environment are not read.

mod address;
mod body;
mod connect;
mod connection;
mod error;
mod http1;
mod http2;
mod outgoing;
mod policy;
mod pool;
mod resolve;
mod stream;
mod tls;
mod upgrade;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Request, Response, Uri};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};

pub use body::{InboundBody, OutboundBody};
pub use error::{EgressError, EgressErrorKind};
pub use policy::{EgressPolicy, MalformedAllowList, Refused};
pub use resolve::{Resolve, Resolving, SystemResolver};
pub use tls::{ExtraCa, MalformedCa};

use connection::{Connection, Failed};
use pool::{Connecting, Key};
use resolve::Remembered;

pub(crate) use resolve::MAX_LOOK_UPS;

/// Longer than anybody waits, and short enough to be added to any instant.
const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Sends requests. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

/// Bounds of outbound connections.
#[derive(Clone)]
pub struct EgressSettings {
    /// For resolving, TCP and TLS together. 10 s by default.
    pub connect_timeout: Duration,
    /// After which an unused connection is closed. 55 s by default: providers' balancers close at
    /// 60 s or later, and the side that closes first cannot lose a request.
    pub idle_timeout: Duration,
    /// Idle HTTP/1.1 connections kept per origin and worker thread. 128 by default.
    pub max_idle_per_host: usize,
    /// How long an answer of the resolver is reused. 10 s by default; zero asks each time.
    pub dns_ttl: Duration,
    /// Authorities trusted besides the public ones.
    pub extra_ca: ExtraCa,
}

struct Inner {
    id: u64,
    policy: EgressPolicy,
    settings: EgressSettings,
    resolver: Remembered,
    tls: OnceLock<Arc<ClientConfig>>,
    /// The same, for HTTP/1.1 only.
    tls_http1: OnceLock<Arc<ClientConfig>>,
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(55),
            max_idle_per_host: 128,
            dns_ttl: Duration::from_secs(10),
            extra_ca: ExtraCa::default(),
        }
    }
}

impl Egress {
    /// With the operating system's resolver.
    pub fn new(policy: EgressPolicy, settings: EgressSettings) -> Self {
        Self::with_resolver(policy, settings, Arc::new(SystemResolver))
    }

    /// With a resolver of the caller's.
    pub fn with_resolver(
        policy: EgressPolicy,
        settings: EgressSettings,
        resolver: Arc<dyn Resolve>,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Half of the time is left for dialling an address that was remembered.
        let within = settings.connect_timeout / 2;
        let resolver = Remembered::new(resolver, settings.dns_ttl, within);
        let id = NEXT.fetch_add(1, Relaxed);
        let (tls, tls_http1) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Inner { id, policy, settings, resolver, tls, tls_http1 }))
    }

    /// The rules this follows, for checking a URL before it is stored.
    pub fn policy(&self) -> &EgressPolicy {
        &self.0.policy
    }

    /// Sends a request to its absolute `http` or `https` URI and returns when the answer's head is
    /// there, at most `first_byte_within` from now. The `host` header is the URI's, whatever the
    /// request says; the other headers go as they are.
    ///
    /// A kept connection that turns out to be closed before anything was written costs nothing:
    /// the request goes over a new one. Once a byte may have been written, nothing is repeated.
    ///
    /// Dropping the future closes the connection (HTTP/1) or resets the stream (HTTP/2).
    pub async fn send(
        &self,
        request: Request<OutboundBody>,
        first_byte_within: Duration,
    ) -> Result<Response<InboundBody>, EgressError> {
        self.send_marking(request, first_byte_within, &mut false).await
    }

    /// The same, and sets `sent` as soon as the provider may see a byte of the request. Whoever
    /// drops the future finds there whether anything was asked of the provider. Over HTTP/2, where
    /// the connection writes by itself, that is from when it is handed the request: `sent` may then
    /// be set although nothing was written yet, and is never unset although something was.
    pub async fn send_marking(
        &self,
        mut request: Request<OutboundBody>,
        first_byte_within: Duration,
        sent: &mut bool,
    ) -> Result<Response<InboundBody>, EgressError> {
        let until = Instant::now() + first_byte_within.min(A_YEAR);
        *sent = false;
        let answered = self.exchange(&mut request, until, sent).await;
        answered.map_err(|failed| failed.into_error(first_byte_within, *sent))
    }

    /// The request stays where it is: what is moved from one future into the next is copied.
    async fn exchange(
        &self,
        request: &mut Request<OutboundBody>,
        until: Instant,
        sent: &mut bool,
    ) -> Result<Response<InboundBody>, Failed> {
        let key = self.key(request.uri()).map_err(Failed::Lost)?;
        let mut reused = pool::take(&key);
        loop {
            let was_reused = reused.is_some();
            let connection = match reused.take() {
                Some(connection) => connection,
                None => {
                    // Boxed: its size would otherwise be part of every call.
                    let obtained = Box::pin(self.obtain(request.uri(), &key));
                    let obtained = timeout_at(until, obtained).await.map_err(|_| Failed::Late)?;
                    obtained.map_err(Failed::Lost)?
                }
            };
            match connection.call(request, &key, until, sent).await {
                Err(Failed::Unsent(_)) if was_reused => {}
                answered => return answered,
            }
        }
    }

    fn key(&self, uri: &Uri) -> Result<Key, EgressError> {
        match (uri.scheme_str(), uri.authority()) {
            (Some(scheme @ ("http" | "https")), Some(authority)) => Ok(Key {
                egress: self.0.id,
                https: scheme == "https",
                authority: authority.clone(),
            }),
            (Some(_), Some(_)) => Err(EgressError::refused(Refused::Scheme)),
            _ => Err(EgressError::refused(Refused::Malformed)),
        }
    }

    /// Opens a connection, or takes a share in an HTTP/2 one that another call is opening.
    async fn obtain(&self, uri: &Uri, key: &Key) -> Result<Connection, EgressError> {
        let _leader = match pool::connecting(key) {
            Connecting::Lead(leader) => Some(leader),
            Connecting::Alone => None,
            Connecting::Wait(mut done) => {
                // Only ever ends by the sender's end. After it, who finds nothing to share
                // connects at once: a dead host must not be tried by one caller after another.
                let _ = done.changed().await;
                if let Some(shared) = pool::share(key) {
                    return Ok(shared);
                }
                None
            }
        };
        let connection = self.0.connect(uri).await?;
        match &connection {
            Connection::H2(h2) => pool::put_h2(key.clone(), h2.clone()),
            Connection::H1(_) => pool::note_h1_only(key),
        }
        Ok(connection)
    }
}

impl Inner {
    fn tls(&self) -> &Arc<ClientConfig> {
        self.tls.get_or_init(|| tls::client_config(&self.settings.extra_ca))
    }

    fn tls_http1(&self) -> &Arc<ClientConfig> {
        self.tls_http1.get_or_init(|| tls::http1_only(self.tls()))
    }
}
