//! The listener: one thread per worker, each with its own socket, runtime and connections.
//!
//! Nothing is shared between workers on the path of a call. The kernel spreads connections over
//! the workers' sockets.

mod body;
mod connection;
mod date;
mod http1;
mod http2;
mod incoming;
mod outgoing;
mod phase;
mod socket;
mod under_way;
mod upgrade;
mod worker;

use std::{
    future::{Future, pending},
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use http::{Request, Response};
use tokio::sync::watch;

pub use body::{Delivery, Receipt, RequestBody, ResponseBody};
pub use upgrade::{Draining, Upgrade};

use phase::Phase;

/// What answers calls. Every connection has a clone, and every call another.
pub trait App: Clone + Send + Sync + 'static {
    /// Answers one call. The future is dropped when the client hangs up.
    fn call(
        &self,
        request: Request<RequestBody>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<ResponseBody>> + Send;

    /// Runs on each thread beside its calls, until the thread ends: for what they leave to be done
    /// together.
    fn attend(&self) -> impl Future<Output = ()> + Send {
        pending()
    }
}

/// Bounds of a listener.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Threads. At least one; the number of processors by default.
    pub workers: usize,
    /// Open connections over all workers; beyond, new ones wait in the kernel's queue. 16,384 by
    /// default.
    pub max_connections: usize,
    /// Bytes of a request's line and headers; beyond, 431. 64 KiB by default. The number of
    /// headers is bounded at 100.
    pub max_header_bytes: usize,
    /// How long a client may take to send a request's headers, and how long a connection may stay
    /// open between two calls. 75 s by default: longer than the 60 s of usual balancers, so that
    /// they, not we, close an idle connection.
    pub header_timeout: Duration,
    /// How long a client may take nothing of an answer that waits for it; then the call ends as if
    /// it had hung up. 300 s by default.
    pub write_timeout: Duration,
    /// Calls at a time on one HTTP/2 connection. 256 by default.
    pub max_streams: u32,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            max_connections: 16_384,
            max_header_bytes: 64 * 1024,
            header_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(300),
            max_streams: 256,
        }
    }
}

/// Opens listeners.
pub struct Server;

/// An open listener that does not answer yet.
pub struct Bound {
    sockets: Vec<TcpListener>,
    address: SocketAddr,
    settings: ServerSettings,
}

/// A listener that answers. Dropping it ends its threads and cuts what they are doing; call
/// [`ServerHandle::drain`] first.
pub struct ServerHandle {
    phase: Arc<Phase>,
    // Each connection holds a receiver; none are left once all connections are closed.
    connections: watch::Sender<()>,
    address: SocketAddr,
}

impl Server {
    /// Binds `address`, one socket per worker. Port 0 picks a free port, the same for all. Fails
    /// when anybody listens there already, another instance of ours included.
    pub fn bind(address: SocketAddr, settings: ServerSettings) -> io::Result<Bound> {
        let sockets = socket::listen(address, settings.workers.max(1))?;
        let address = sockets[0].local_addr()?;
        Ok(Bound { sockets, address, settings })
    }
}

impl Bound {
    /// The address with the port that was picked.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Starts the workers.
    pub fn serve(self, app: impl App) -> io::Result<ServerHandle> {
        let handle = ServerHandle {
            phase: Arc::new(Phase::new()),
            connections: watch::Sender::new(()),
            address: self.address,
        };
        let share = self.settings.max_connections.div_ceil(self.sockets.len()).max(1);
        let apps = std::iter::repeat_n(app, self.sockets.len());
        for (index, (socket, app)) in self.sockets.into_iter().zip(apps).enumerate() {
            let worker = worker::Worker {
                socket,
                max_connections: share,
                settings: self.settings.clone(),
                phase: handle.phase.clone(),
                connections: handle.connections.subscribe(),
            };
            // A failure drops the handle, which ends the workers started before.
            worker.start(index, app)?;
        }
        Ok(handle)
    }
}

impl ServerHandle {
    /// The address that is served.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets calls under way finish, and closes connections as they become idle.
    /// After `timeout`, what is left is cut. Returns the number of connections cut.
    ///
    /// The workers' threads stay until the handle is dropped: tasks that calls started on them
    /// (a settlement, a flush) go on.
    pub async fn drain(&self, timeout: Duration) -> usize {
        self.phase.drain();
        if tokio::time::timeout(timeout, self.connections.closed()).await.is_ok() {
            return 0;
        }
        // Each worker's accept loop holds a receiver too, until it sees the phase: gone by now.
        let cut = self.connections.receiver_count();
        self.phase.cut();
        self.connections.closed().await;
        cut
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.phase.stop();
    }
}
