//! One thread: accepts connections and drives them.

use std::{io, net::TcpListener, sync::Arc, thread, time::Duration};

use tokio::sync::{Semaphore, watch};

use super::{App, ServerSettings, connection, phase::Phase};

/// Threads for blocking work (the resolver) per worker: one for each look-up that egress has in
/// flight at most. They are made when they are needed and end when they are not.
const MAX_BLOCKING: usize = crate::egress::MAX_LOOK_UPS;
/// How long to wait when the process is out of file descriptors: others have to close theirs.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// How long blocking work may hold up the end of a worker.
const END_WITHIN: Duration = Duration::from_millis(100);

pub(super) struct Worker {
    pub(super) socket: TcpListener,
    pub(super) max_connections: usize,
    pub(super) settings: ServerSettings,
    pub(super) phase: Arc<Phase>,
    pub(super) connections: watch::Receiver<()>,
}

impl Worker {
    pub(super) fn start(self, index: usize, app: impl App) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(MAX_BLOCKING)
            .build()?;
        thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            let phase = self.phase.clone();
            runtime.block_on(async {
                if let Err(error) = self.accept(app).await {
                    tracing::error!(%error, worker = index, "a worker cannot use its socket");
                }
                phase.stopped().await;
            });
            runtime.shutdown_timeout(END_WITHIN);
        })?;
        Ok(())
    }

    /// Accepts until the server drains; the socket closes with this.
    #[allow(clippy::disallowed_methods, reason = "connections are counted, drained and cut here")]
    async fn accept(self, app: impl App) -> io::Result<()> {
        let socket = tokio::net::TcpListener::from_std(self.socket)?;
        let settings = Arc::new(self.settings);
        let room = Arc::new(Semaphore::new(self.max_connections));
        let attending = app.clone();
        tokio::spawn(async move { attending.attend().await });
        let mut draining = std::pin::pin!(self.phase.draining());
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut draining => return Ok(()),
                accepted = async {
                    let permit = room.clone().acquire_owned().await;
                    socket.accept().await.map(|(stream, peer)| (stream, peer, permit))
                } => accepted,
            };
            match accepted {
                Ok((stream, peer, permit)) => {
                    let (settings, phase) = (settings.clone(), self.phase.clone());
                    let (app, open) = (app.clone(), self.connections.clone());
                    tokio::spawn(async move {
                        connection::serve(stream, peer, app, &settings, &phase).await;
                        drop((permit, open));
                    });
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "connections cannot be accepted at the moment");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
